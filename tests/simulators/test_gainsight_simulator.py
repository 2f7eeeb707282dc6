"""The Gainsight simulator keeps to the CS contract, its traps included."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulators.gainsight import GainsightSimulator

COMPANY = "/v1/data/objects/Company"
QUERY = "/v1/data/objects/query/Company"
CTA = "/v2/cockpit/cta"


def client_of(simulator: GainsightSimulator) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(simulator.app())
    headers = {"Accesskey": "open"}
    return httpx.AsyncClient(transport=transport, base_url="http://gs", headers=headers)


@pytest.fixture
def simulator() -> GainsightSimulator:
    return GainsightSimulator(access_keys=["open"], oauth_clients={"tieline": "hush"})


@pytest.fixture
async def gainsight(simulator: GainsightSimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(simulator) as client:
        yield client


async def insert(client: httpx.AsyncClient, **fields: Any) -> str:
    answer = await client.post(COMPANY, json={"records": [{"Name": "Globex", **fields}]})
    assert answer.json()["result"] is True, answer.text
    gsid: str = answer.json()["data"]["records"][0]["Gsid"]
    return gsid


def where(expression: str, *conditions: tuple[str, str, Any]) -> dict[str, Any]:
    named = [
        {"name": field, "fieldName": field, "alias": alias, "operator": operator, "value": value}
        for alias, (field, operator, value) in zip("ABC", conditions, strict=False)
    ]
    return {"conditions": named, "expression": expression}


def cta(company: str, **fields: Any) -> dict[str, Any]:
    return {
        "referenceId": "r-1",
        "Name": "Kick off",
        "CompanyId": company,
        "OwnerEmail": "csm@tieline.test",
        "DueDate": "2026-12-01",
        "type": "Lifecycle",
        "reason": "Onboarding",
        "status": "New",
        "priority": "High",
        **fields,
    }


async def test_every_answer_is_an_envelope_with_its_request_id(
    gainsight: httpx.AsyncClient,
) -> None:
    """Success and failure share one shape; the id in the body is the one in the header."""
    good = await gainsight.post(COMPANY, json={"records": [{"Name": "Globex"}]})
    bad = await gainsight.get("/v1/nowhere")
    for answer in (good, bad):
        assert set(answer.json()) == {
            "result", "errorCode", "errorDesc", "requestId", "data", "message",
        }  # fmt: skip
        assert answer.headers["x-gs-request-id"] == answer.json()["requestId"] != ""
    assert (bad.status_code, bad.json()["errorCode"]) == (404, "GS_APIG_1000")


async def test_access_keys_and_machine_tokens_open_the_api(gainsight: httpx.AsyncClient) -> None:
    """The key and a day-long bearer are let in; anything else is GS_APIG_2401."""
    wrong = await gainsight.post(QUERY, json={}, headers={"Accesskey": "shut"})
    assert (wrong.status_code, wrong.json()["errorCode"]) == (401, "GS_APIG_2401")
    form = {"grant_type": "client_credentials"}
    granted = await gainsight.post("/v1/users/m2m/oauth/token", data=form, auth=("tieline", "hush"))
    assert granted.json()["expires_in"] == 86400
    bearer = {"Accesskey": "", "Authorization": f"Bearer {granted.json()['access_token']}"}
    empty = await gainsight.post(QUERY, json={}, headers=bearer)
    assert empty.json()["errorCode"] == "GSOBJ_1011"
    await gainsight.post("/_sim/advance", json={"seconds": 86401})
    assert (await gainsight.post(QUERY, json={}, headers=bearer)).status_code == 401


async def test_a_repeated_company_post_makes_a_duplicate(
    gainsight: httpx.AsyncClient, simulator: GainsightSimulator
) -> None:
    """POST never matches: two equal calls make two companies with Gsids of their own."""
    gsids = {await insert(gainsight, Tieline_Key__gc="acct-1") for _ in range(2)}
    assert len(gsids) == 2
    assert all(len(gsid) == 36 and gsid.startswith("1P02") for gsid in gsids)
    assert set(simulator.state()["Company"]) == gsids


async def test_put_updates_what_matches_and_inserts_nothing(
    gainsight: httpx.AsyncClient, simulator: GainsightSimulator
) -> None:
    """Keys are put together with AND; no match is a failure inside a 200."""
    gsid = await insert(gainsight, Tieline_Key__gc="acct-1", ARR=1200)
    keys = {"keys": "Tieline_Key__gc"}
    record = {"Tieline_Key__gc": "acct-1", "Support_Tier__gc": "premium"}
    changed = await gainsight.put(COMPANY, params=keys, json={"records": [record]})
    assert changed.json()["data"]["records"] == [{"Gsid": gsid}]
    held = simulator.state()["Company"][gsid]
    assert (held["ARR"], held["Support_Tier__gc"]) == (1200, "premium")

    unknown = {"Tieline_Key__gc": "acct-2", "Name": "New"}
    missed = await gainsight.put(COMPANY, params=keys, json={"records": [unknown]})
    assert (missed.status_code, missed.json()["result"]) == (200, False)
    both = {"keys": "Tieline_Key__gc,Name"}
    other = {"Tieline_Key__gc": "acct-1", "Name": "Initech"}
    assert not (await gainsight.put(COMPANY, params=both, json={"records": [other]})).json()[
        "result"
    ]
    assert len(simulator.state()["Company"]) == 1


async def test_queries_combine_conditions_and_call_nothing_an_error(
    gainsight: httpx.AsyncClient,
) -> None:
    """AND, OR and parentheses work; dates come out in milliseconds; no match is GSOBJ_1011."""
    for number, name in enumerate(("Globex", "Initech", "Hooli")):
        await insert(gainsight, Name=name, ARR=number * 100, RenewalDate=f"2026-0{number + 1}-01")

    async def names(clause: dict[str, Any], **body: Any) -> list[str]:
        query = {"select": ["Name"], "where": clause, "orderBy": {"Name": "asc"}, **body}
        answer = (await gainsight.post(QUERY, json=query)).json()
        return [record["Name"] for record in answer["data"]["records"]]

    assert await names(where("A", ("Name", "EQ", ["Hooli"]))) == ["Hooli"]
    assert await names(where("A AND B", ("ARR", "GTE", [100]), ("Name", "NE", ["Hooli"]))) == [
        "Initech"
    ]
    either = where(
        "(A OR B) AND C",
        ("Name", "EQ", ["Globex"]),
        ("Name", "EQ", ["Hooli"]),
        ("ARR", "GT", [50]),
    )
    assert await names(either) == ["Hooli"]
    assert await names(where("A", ("Name", "IN", ["Globex", "Hooli"])), limit=1, offset=1) == [
        "Hooli"
    ]
    late = where("A", ("RenewalDate", "GTE", ["2026-03-01"]))
    assert await names(late) == ["Hooli"]

    body = {"select": ["RenewalDate"], "where": where("A", ("Name", "EQ", ["Globex"]))}
    record = (await gainsight.post(QUERY, json=body)).json()["data"]["records"][0]
    assert record["RenewalDate"] == 1_767_225_600_000
    none = await gainsight.post(QUERY, json={"where": where("A", ("Name", "EQ", ["Umbrella"]))})
    assert (none.status_code, none.json()["errorCode"]) == (400, "GSOBJ_1011")


async def test_unknown_fields_bad_dates_and_too_many_records_are_refused(
    gainsight: httpx.AsyncClient,
) -> None:
    """Company has the declared fields, dates must be dates, and fifty is the most."""
    for records, code in (
        ([{"Name": "x", "Typo__gc": 1}], "GSOBJ_1007"),
        ([{"Name": "x", "RenewalDate": "soon"}], "GSOBJ_1005"),
        ([{"Name": "x"}] * 51, "GSOBJ_1001"),
        ([{"Industry": "x"}], "GSOBJ_1002"),
    ):
        answer = await gainsight.post(COMPANY, json={"records": records})
        assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


async def test_custom_objects_share_the_shapes_and_can_be_deleted(
    gainsight: httpx.AsyncClient,
) -> None:
    """A `__gc` object is inserted, updated by key, queried and deleted like Company."""
    url = "/v1/data/objects/Billing__gc"
    row = {"Invoice__gc": "inv-1", "Overdue_Amount__gc": 12.5}
    made = await gainsight.post(url, json={"records": [row]})
    gsid = made.json()["data"]["records"][0]["Gsid"]
    changed = {"records": [{"Invoice__gc": "inv-1", "Overdue_Amount__gc": 0}]}
    assert (await gainsight.put(f"{url}?keys=Invoice__gc", json=changed)).json()["result"]
    query = {"where": where("A", ("Invoice__gc", "EQ", ["inv-1"]))}
    found = await gainsight.post("/v1/data/objects/query/Billing__gc", json=query)
    assert found.json()["data"]["records"][0]["Overdue_Amount__gc"] == 0
    assert (await gainsight.delete(f"{url}/{gsid}")).json()["result"]
    assert not (await gainsight.delete(f"{url}/{gsid}")).json()["result"]


async def test_queries_lag_behind_writes() -> None:
    """A company just inserted is not found until the lag has passed; an update sees it at once."""
    lagging = GainsightSimulator(access_keys=["open"], query_lag_seconds=20)
    async with client_of(lagging) as client:
        await insert(client, Tieline_Key__gc="acct-1")
        query = {"where": where("A", ("Tieline_Key__gc", "EQ", ["acct-1"]))}
        assert (await client.post(QUERY, json=query)).json()["errorCode"] == "GSOBJ_1011"
        record = {"Tieline_Key__gc": "acct-1", "Stage": "Live"}
        put = await client.put(f"{COMPANY}?keys=Tieline_Key__gc", json={"records": [record]})
        assert put.json()["result"]
        await client.post("/_sim/advance", json={"seconds": 21})
        found = (await client.post(QUERY, json=query)).json()["data"]["records"]
        assert [company["Stage"] for company in found] == ["Live"]


async def test_a_person_is_upserted_by_email(
    gainsight: httpx.AsyncClient, simulator: GainsightSimulator
) -> None:
    """Two PUTs of one e-mail make one person with both fields."""
    url = "/v1/peoplemgmt/v1.0/people"
    first = await gainsight.put(url, json={"Email": "Hank@globex.test", "FirstName": "Hank"})
    second = await gainsight.put(url, json={"Email": "hank@globex.test", "LastName": "Scorpio"})
    assert first.json()["data"]["Gsid"] == second.json()["data"]["Gsid"]
    (person,) = simulator.state()["Person"].values()
    assert (person["FirstName"], person["LastName"]) == ("Hank", "Scorpio")


async def test_a_cta_batch_may_fail_in_part_inside_a_200(gainsight: httpx.AsyncClient) -> None:
    """Each request succeeds or fails by its reference; all failing is `result: false`."""
    company = await insert(gainsight)
    lame = {"referenceId": "r-2", "Name": "No owner", "CompanyId": company}
    batch = {"requests": [{"record": cta(company)}, {"record": lame}]}
    answer = await gainsight.post(CTA, json=batch)
    data = answer.json()["data"]
    assert (answer.status_code, answer.json()["result"]) == (200, True)
    assert list(data["success"][0]) == ["r-1"]
    assert data["failure"][0]["r-2"].startswith("COCKPIT_9700: ")

    for wrong in (cta(company, reason="Boredom"), cta("1P02NOBODY")):
        refused = await gainsight.post(CTA, json={"requests": [{"record": wrong}]})
        assert (refused.status_code, refused.json()["result"]) == (200, False)
        assert refused.json()["errorCode"] == "COCKPIT_9700"


async def test_ctas_are_repeated_found_by_reference_and_closed(
    gainsight: httpx.AsyncClient,
) -> None:
    """A repeat duplicates; the list finds both by our reference; closing one is dated."""
    company = await insert(gainsight)
    body = {"requests": [{"record": cta(company, External_Ref__gc="wf-1")}]}
    gsid = (await gainsight.post(CTA, json=body)).json()["data"]["success"][0]["r-1"]
    await gainsight.post(CTA, json=body)
    query = {
        "select": ["Name", "Status", "IsClosed", "DueDate"],
        "where": where(
            "A AND B", ("CompanyId", "EQ", [company]), ("External_Ref__gc", "EQ", ["wf-1"])
        ),
        "pageSize": 10,
        "pageNumber": 1,
    }
    assert len((await gainsight.post(f"{CTA}/list", json=query)).json()["data"]) == 2
    close = {"requests": [{"record": {"Gsid": gsid, "status": "Closed Success"}}]}
    assert (await gainsight.put(CTA, json=close)).json()["result"]
    listed = (await gainsight.post(f"{CTA}/list", json=query)).json()["data"]
    assert sorted(record["IsClosed"] for record in listed) == [False, True]

    missing = {"requests": [{"record": {"Gsid": "1S01NONE", "status": "New"}}]}
    assert (await gainsight.put(CTA, json=missing)).json()["errorCode"] == "COCKPIT_6007"
    odd = await gainsight.post(f"{CTA}/list", json={"select": ["Colour"]})
    assert odd.json()["errorCode"] == "COCKPIT_5101"


async def test_picklists_tasks_plans_and_timeline(
    gainsight: httpx.AsyncClient, simulator: GainsightSimulator
) -> None:
    """Picklist ids are accepted for names; plans need a company; a note is known by its id."""
    company = await insert(gainsight)
    lists = await gainsight.get("/v2/cockpit/admin/picklist/lite?category=CTA_TYPE,CTA_REASON")
    kinds = {item["name"]: item["gsid"] for item in lists.json()["data"]["CTA_TYPE"]}
    body = {"requests": [{"record": cta(company, type=kinds["Risk"])}]}
    gsid = (await gainsight.post(CTA, json=body)).json()["data"]["success"][0]["r-1"]
    assert simulator.state()["call_to_action"][gsid]["Type"] == "Risk"
    await gainsight.post("/_sim/tasks", json={"CTAId": gsid, "Name": "Call"})
    tasks = await gainsight.get(f"/v2/cockpit/task/list/{gsid}")
    assert [task["Name"] for task in tasks.json()["data"]] == ["Call"]

    plan = {"requests": [{"record": {"Name": "Go live", "CompanyId": company}}]}
    assert (await gainsight.post("/v2/successPlan/", json=plan)).json()["result"]
    clause = {"where": where("A", ("CompanyId", "EQ", [company]))}
    plans = await gainsight.post("/v2/successPlan/list", json=clause)
    assert [p["Name"] for p in plans.json()["data"]] == ["Go live"]
    homeless = {"requests": [{"record": {"Name": "Go live"}}]}
    assert not (await gainsight.post("/v2/successPlan/", json=homeless)).json()["result"]

    note = {"ExternalId": "n-1", "Subject": "Signed", "TypeName": "Update"}
    for _ in range(2):
        await gainsight.post("/v1/ant/es/activity", json={"records": [note]})
    assert len(simulator.state()["activity_timeline"]) == 1


async def test_the_minute_is_counted_and_nothing_says_when_to_return() -> None:
    """Past the limit the answer is GU_2400 without any Retry-After; a new minute opens again."""
    narrow = GainsightSimulator(access_keys=["open"], requests_per_minute=2)
    moment = [1_800_000_000.0]
    narrow.now = lambda: moment[0]  # type: ignore[method-assign]
    narrow.reset()
    async with client_of(narrow) as client:
        answers = [await client.post(QUERY, json={}) for _ in range(3)]
        moment[0] += 60
        assert (await client.post(QUERY, json={})).status_code == 400
    assert (answers[2].status_code, answers[2].json()["errorCode"]) == (429, "GU_2400")
    assert "Retry-After" not in answers[2].headers


async def test_armed_faults_speak_gainsight(gainsight: httpx.AsyncClient) -> None:
    """A cockpit refusal comes with a 200; the others with their status and code."""
    for fault, status, code in (
        ({"kind": "reject", "code": "COCKPIT_9700"}, 200, "COCKPIT_9700"),
        ({"kind": "throttle"}, 429, "GU_2400"),
        ({"kind": "expire_token"}, 401, "GS_APIG_2401"),
        ({"kind": "error_before", "status": 500}, 500, "GU_1101"),
    ):
        await gainsight.post("/_sim/faults", json=fault)
        answer = await gainsight.post(QUERY, json={})
        assert (answer.status_code, answer.json()["errorCode"]) == (status, code)
        assert answer.json()["result"] is False
