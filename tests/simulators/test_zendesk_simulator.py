"""The Zendesk simulator keeps to the Support API's contract, its traps included."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from zendesk_sdk import ZendeskClient
from zendesk_sdk.config import ZendeskConfig
from zendesk_sdk.exceptions import ZendeskHTTPException

from simulators.serve import serving
from simulators.zendesk import ZendeskSimulator

API = "/api/v2"
TOKENS = {"ops@tieline.test": "secret"}
AUTH = ("ops@tieline.test/token", "secret")


def client_of(simulator: ZendeskSimulator) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(simulator.app())
    return httpx.AsyncClient(transport=transport, base_url="http://zd", auth=AUTH)


@pytest.fixture
def simulator() -> ZendeskSimulator:
    return ZendeskSimulator(api_tokens=TOKENS, oauth_clients={"tieline": "hush"})


@pytest.fixture
async def zendesk(simulator: ZendeskSimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(simulator) as client:
        yield client


async def upsert(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    body = {"organization": fields}
    return await client.post(f"{API}/organizations/create_or_update.json", json=body)


async def test_api_tokens_and_access_tokens_open_the_api(zendesk: httpx.AsyncClient) -> None:
    """Basic with `/token` and an OAuth bearer are let in; anything else is 401."""
    assert (await zendesk.get(f"{API}/organizations")).status_code == 200
    wrong = await zendesk.get(f"{API}/organizations", auth=("ops@tieline.test", "secret"))
    assert (wrong.status_code, wrong.json()) == (401, {"error": "Couldn't authenticate you"})

    form = {
        "grant_type": "client_credentials",
        "client_id": "tieline",
        "client_secret": "hush",
        "scope": "read write",
    }
    token = (await zendesk.post("/oauth/tokens", json=form)).json()["access_token"]

    async def with_bearer() -> int:
        request = zendesk.build_request("GET", f"{API}/organizations.json")
        request.headers["Authorization"] = f"Bearer {token}"
        return (await zendesk.send(request, auth=None)).status_code

    assert await with_bearer() == 200
    await zendesk.post("/_sim/expire-tokens")
    assert await with_bearer() == 401


async def test_an_organization_is_matched_by_external_id_whatever_its_case(
    zendesk: httpx.AsyncClient,
) -> None:
    """201 the first time, 200 after; the stored case follows the last writer."""
    first = await upsert(zendesk, name="Globex", external_id="acct-1", tags=["tier_basic"])
    second = await upsert(zendesk, name="Globex Inc", external_id="ACCT-1")
    assert (first.status_code, second.status_code) == (201, 200)
    held = second.json()["organization"]
    assert held["id"] == first.json()["organization"]["id"]
    assert (held["name"], held["external_id"]) == ("Globex Inc", "ACCT-1")
    assert held["tags"] == ["tier_basic"]


async def test_the_name_is_unique_but_never_a_key(zendesk: httpx.AsyncClient) -> None:
    """The same name under another external id is a duplicate, in Zendesk's words."""
    await upsert(zendesk, name="Globex", external_id="acct-1")
    refused = await upsert(zendesk, name="globex", external_id="acct-2")
    assert refused.status_code == 422
    assert refused.json() == {
        "error": "RecordInvalid",
        "description": "Record validation errors",
        "details": {
            "name": [
                {"description": "Name: globex has already been taken", "error": "DuplicateValue"}
            ]
        },
    }


async def test_custom_fields_are_checked_when_known_and_ignored_when_not(
    zendesk: httpx.AsyncClient,
) -> None:
    """A dropdown takes only its options; a key no field has disappears."""
    known = {"support_tier": "premium", "entitlement_end": "2027-03-14", "typo": "x"}
    held = await upsert(zendesk, name="Globex", external_id="1", organization_fields=known)
    fields = held.json()["organization"]["organization_fields"]
    assert fields["support_tier"] == "premium"
    assert "typo" not in fields
    wrong = await upsert(
        zendesk, name="Globex", external_id="1", organization_fields={"support_tier": "gold"}
    )
    assert wrong.status_code == 422

    body = {"organization_field": {"key": "region", "type": "text", "title": "Region"}}
    assert (await zendesk.post(f"{API}/organization_fields", json=body)).status_code == 201
    assert (await zendesk.post(f"{API}/organization_fields", json=body)).status_code == 422
    keys = [f["key"] for f in (await zendesk.get(f"{API}/organization_fields")).json()[
        "organization_fields"]]  # fmt: skip
    assert keys[-1] == "region"


async def test_an_update_replaces_lists_and_a_delete_forgets(zendesk: httpx.AsyncClient) -> None:
    """`domain_names` is replaced whole; a deleted organization is a 404."""
    made = await upsert(zendesk, name="Globex", domain_names=["globex.test", "globex.example"])
    url = f"{API}/organizations/{made.json()['organization']['id']}"
    changed = await zendesk.put(url, json={"organization": {"domain_names": ["new.test"]}})
    assert changed.json()["organization"]["domain_names"] == ["new.test"]
    assert (await zendesk.get(f"{url}/related")).json()["organization_related"] == {
        "tickets_count": 0,
        "users_count": 0,
    }
    assert (await zendesk.delete(url)).status_code == 204
    gone = await zendesk.get(url)
    assert gone.json() == {"error": "RecordNotFound", "description": "Not found"}


async def test_search_learns_of_a_change_only_after_a_while() -> None:
    """Show and upsert see a record at once; both searches see it after the lag."""
    lagging = ZendeskSimulator(api_tokens=TOKENS, search_lag_seconds=30)
    async with client_of(lagging) as client:
        made = await upsert(client, name="Globex", external_id="acct-1")
        key = made.json()["organization"]["id"]
        by_id = {"external_id": "ACCT-1"}
        by_query = {"query": "type:organization external_id:acct-1"}

        async def found() -> tuple[int, int]:
            direct = await client.get(f"{API}/organizations/search", params=by_id)
            search = await client.get(f"{API}/search.json", params=by_query)
            return direct.json()["count"], search.json()["count"]

        assert await found() == (0, 0)
        assert (await client.get(f"{API}/organizations/{key}.json")).status_code == 200
        assert (await upsert(client, name="Globex", external_id="acct-1")).status_code == 200
        await client.post("/_sim/advance", json={"seconds": 31})
        assert await found() == (1, 1)


async def test_pages_go_by_cursor_or_by_number(zendesk: httpx.AsyncClient) -> None:
    """A cursor walks to the end; numbers stop at ten thousand rows."""
    for number in range(5):
        await upsert(zendesk, name=f"Org {number}", external_id=str(number))
    names: list[str] = []
    url: str | None = f"{API}/organizations.json?page[size]=2"
    while url:
        page = (await zendesk.get(url)).json()
        names += [organization["name"] for organization in page["organizations"]]
        assert page["meta"]["has_more"] is bool(page["links"]["next"])
        url = page["links"]["next"]
    assert names == [f"Org {number}" for number in range(5)]

    numbered = (await zendesk.get(f"{API}/organizations?page=2&per_page=2")).json()
    assert (numbered["count"], len(numbered["organizations"])) == (5, 2)
    deep = await zendesk.get(f"{API}/organizations?page=101")
    assert deep.status_code == 400


async def test_users_are_upserted_and_join_once(zendesk: httpx.AsyncClient) -> None:
    """A user is matched by e-mail; a second membership of the same organization is a duplicate."""
    org = (await upsert(zendesk, name="Globex", external_id="1")).json()["organization"]["id"]
    body = {"user": {"name": "Hank", "email": "hank@globex.test", "external_id": "u-1"}}
    first = await zendesk.post(f"{API}/users/create_or_update", json=body)
    second = await zendesk.post(f"{API}/users/create_or_update", json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    user = second.json()["user"]["id"]
    link = {"organization_membership": {"user_id": user, "organization_id": org}}
    assert (await zendesk.post(f"{API}/organization_memberships", json=link)).status_code == 201
    assert (await zendesk.post(f"{API}/organization_memberships", json=link)).status_code == 422
    found = await zendesk.get(f"{API}/users/search", params={"query": "hank@globex.test"})
    assert found.json()["users"][0]["organization_id"] == org


async def test_an_idempotency_key_replays_a_ticket_for_two_hours(
    zendesk: httpx.AsyncClient, simulator: ZendeskSimulator
) -> None:
    """A miss, a hit, a mismatch, and after two hours a duplicate."""
    headers = {"Idempotency-Key": "k-1"}
    body = {"ticket": {"subject": "Onboard", "comment": {"body": "Go"}, "external_id": "t-1"}}

    async def create(subject: str = "Onboard") -> httpx.Response:
        ticket = {"ticket": {**body["ticket"], "subject": subject}}
        return await zendesk.post(f"{API}/tickets.json", json=ticket, headers=headers)

    first, second = await create(), await create()
    assert first.headers["Location"].endswith("/api/v2/tickets/1.json")
    lookups = [answer.headers["x-idempotency-lookup"] for answer in (first, second)]
    assert lookups == ["miss", "hit"]
    assert first.json() == second.json()
    mismatch = await create("Other")
    assert (mismatch.status_code, mismatch.json()["error"]) == (400, "IdempotentRequestError")

    await zendesk.post("/_sim/advance", json={"seconds": 7201})
    await create()
    found = (await zendesk.get(f"{API}/tickets", params={"external_id": "T-1"})).json()
    assert (found["count"], len(simulator.state()["tickets"])) == (2, 2)


async def test_a_stale_safe_update_is_a_conflict(zendesk: httpx.AsyncClient) -> None:
    """A ticket changed since it was read is not overwritten."""
    made = await zendesk.post(
        f"{API}/tickets", json={"ticket": {"subject": "x", "comment": {"body": "y"}}}
    )
    stamp = made.json()["ticket"]["updated_at"]
    await zendesk.post("/_sim/advance", json={"seconds": 5})
    safe = {"safe_update": True, "updated_stamp": stamp, "status": "solved"}
    comment = {"comment": {"body": "done", "public": False}}
    fresh = await zendesk.put(f"{API}/tickets/1", json={"ticket": {**safe, **comment}})
    stale = await zendesk.put(f"{API}/tickets/1", json={"ticket": safe})
    assert (fresh.status_code, stale.status_code) == (200, 409)
    assert stale.json()["error"] == "UpdateConflict"
    comments = (await zendesk.get(f"{API}/tickets/1/comments")).json()["comments"]
    assert [c["public"] for c in comments] == [True, False]


async def test_search_compares_priorities_and_dates(zendesk: httpx.AsyncClient) -> None:
    """The renewal question of the contract finds what it should."""
    org = (await upsert(zendesk, name="Globex")).json()["organization"]["id"]
    for priority in ("low", "high", "urgent"):
        ticket = {"priority": priority, "organization_id": org, "comment": {"body": "help"}}
        await zendesk.post(f"{API}/tickets", json={"ticket": ticket})
    query = f"type:ticket organization:{org} priority>=high created>2020-08-01"
    found = (await zendesk.get(f"{API}/search", params={"query": query})).json()
    assert sorted(ticket["priority"] for ticket in found["results"]) == ["high", "urgent"]
    export = await zendesk.get(f"{API}/incremental/organizations.json", params={"start_time": 0})
    assert (export.json()["count"], export.json()["end_of_stream"]) == (1, True)


async def test_policies_and_bulk_jobs(zendesk: httpx.AsyncClient) -> None:
    """An SLA policy needs a filter; a bulk job is polled; more than a hundred is refused."""
    policy = {"title": "Premium", "filter": {"all": []}}
    url = f"{API}/slas/policies"
    assert (await zendesk.post(url, json={"sla_policy": policy})).status_code == 201
    bare = await zendesk.post(url, json={"sla_policy": {"title": "None"}})
    assert bare.status_code == 422

    many = {"organizations": [{"name": f"Org {n}"} for n in range(3)]}
    queued = await zendesk.post(f"{API}/organizations/create_many", json=many)
    job = queued.json()["job_status"]["id"]
    status = (await zendesk.get(f"{API}/job_statuses/{job}.json")).json()["job_status"]
    assert [result["success"] for result in status["results"]] == [True] * 3
    many = {"organizations": [{"name": f"Too {n}"} for n in range(101)]}
    refused = await zendesk.post(f"{API}/organizations/create_many", json=many)
    assert (refused.status_code, refused.json()["error"]) == (400, "TooManyValues")


async def test_the_rate_limit_is_told_on_every_answer_and_kept() -> None:
    """The headers count down; past the limit comes 429 with Retry-After."""
    narrow = ZendeskSimulator(api_tokens=TOKENS, requests_per_minute=2)
    narrow.now = lambda: 1_800_000_000.0  # type: ignore[method-assign]
    async with client_of(narrow) as client:
        answers = [await client.get(f"{API}/organizations") for _ in range(3)]
    assert [a.headers["X-Rate-Limit-Remaining"] for a in answers] == ["1", "0", "0"]
    assert (answers[2].status_code, answers[2].headers["Retry-After"]) == (429, "60")
    assert answers[2].headers["X-Request-Id"]


async def test_armed_faults_speak_zendesk(zendesk: httpx.AsyncClient) -> None:
    """A refusal, a throttle and an expired token carry Zendesk's words."""
    for fault, status, error in (
        ({"kind": "reject", "code": "RecordInvalid"}, 422, "RecordInvalid"),
        ({"kind": "throttle", "retry_after": 3}, 429, "APIRateLimitExceeded"),
        ({"kind": "expire_token"}, 401, "Couldn't authenticate you"),
        ({"kind": "error_before"}, 503, "ServiceUnavailable"),
    ):
        await zendesk.post("/_sim/faults", json=fault)
        answer = await zendesk.get(f"{API}/organizations")
        assert (answer.status_code, answer.json()["error"]) == (status, error)


class LocalConfig(ZendeskConfig):
    """The library's configuration, pointed at the simulator instead of a subdomain."""

    base_url: str = ""

    @property
    def endpoint(self) -> str:
        return f"{self.base_url}/api/v2"


async def test_an_independent_client_library_is_satisfied(simulator: ZendeskSimulator) -> None:
    """python-zendesk-sdk creates, pages through, updates and fails as it would against Zendesk."""
    async with serving({"zendesk": simulator}) as urls:
        config = LocalConfig(
            subdomain="tieline", email="ops@tieline.test", token="secret",
            base_url=urls["zendesk"], max_retries=0,
        )  # fmt: skip
        async with ZendeskClient(config) as client:
            made = await client.organizations.create_or_update("Globex", external_id="acct-1")
            assert made.id
            for number in range(4):
                await client.organizations.create(f"Org {number}", tags=["trial"])
            names = [org.name async for org in client.organizations.list(per_page=2)]
            assert names == ["Globex", "Org 0", "Org 1", "Org 2", "Org 3"]

            user = await client.users.create_or_update(
                "Hank", email="hank@globex.test", organization_id=made.id
            )
            ticket = await client.tickets.create(
                "It is all on fire.", subject="Onboarding", requester_id=user.id, priority="high"
            )
            assert ticket.organization_id == made.id
            changed = await client.tickets.update(ticket.id, status="solved")
            assert changed.status == "solved"
            found = await client.search.tickets("priority:high").collect()
            assert [t.id for t in found] == [ticket.id]
            with pytest.raises(ZendeskHTTPException) as refused:
                await client.organizations.create("Globex")
            assert refused.value.status_code == 422
