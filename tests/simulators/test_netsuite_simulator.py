"""The NetSuite simulator keeps to the SuiteTalk contract, its traps included."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from simulators.netsuite import NetSuiteSimulator

RECORD = "/services/rest/record/v1"
TOKEN = "/services/rest/auth/oauth2/v1/token"
ITEMS = [
    {"externalId": "PLATFORM", "displayName": "Platform", "revRecRule": "straight-line"},
    {"externalId": "SETUP", "displayName": "Setup fee"},
    {"externalId": "GOLIVE", "displayName": "Go-live", "revRecRule": "milestone"},
]
KEY = ECKey.generate_key("P-256")


def client_of(simulator: NetSuiteSimulator, **headers: str) -> httpx.AsyncClient:
    headers.setdefault("Authorization", "Bearer opened")
    transport = httpx.ASGITransport(simulator.app())
    return httpx.AsyncClient(transport=transport, base_url="http://ns", headers=headers)


@pytest.fixture
def simulator() -> NetSuiteSimulator:
    pem = KEY.as_pem(private=False).decode()
    return NetSuiteSimulator(
        items=ITEMS,
        access_tokens=["opened"],
        certificates={"cert-1": {"client_id": "tieline", "public_key_pem": pem}},
        closed_periods=["2026-01"],
    )


@pytest.fixture
async def netsuite(simulator: NetSuiteSimulator) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(simulator) as client:
        yield client


async def globex(client: httpx.AsyncClient) -> None:
    body = {
        "companyName": "Globex",
        "subsidiary": {"id": "1"},
        "currency": {"id": "1"},
        "terms": {"id": "4"},
    }
    assert (await client.put(f"{RECORD}/customer/eid:globex", json=body)).status_code == 204


def order(**fields: Any) -> dict[str, Any]:
    line = {
        "item": {"externalId": "PLATFORM"},
        "quantity": 1,
        "rate": 1000.0,
        "revRecStartDate": "2026-03-15",
        "revRecEndDate": "2027-03-14",
        "custcol_tieline_line": "L1",
    }
    setup = {"item": {"externalId": "SETUP"}, "quantity": 3, "rate": 33.335}
    return {
        "entity": {"externalId": "globex"},
        "tranDate": "2026-03-01",
        "item": {"items": [line, setup]},
        **fields,
    }


async def rows(client: httpx.AsyncClient, query: str, **params: int) -> list[dict[str, Any]]:
    answer = await client.post(
        "/services/rest/query/v1/suiteql",
        params=params,
        json={"q": query},
        headers={"Prefer": "transient"},
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def code_of(answer: httpx.Response) -> str:
    code: str = answer.json()["o:errorDetails"][0]["o:errorCode"]
    return code


def assertion(key: Any = KEY, alg: str = "ES256", **claims: Any) -> dict[str, str]:
    now = int(time.time())
    payload = {
        "iss": "tieline",
        "scope": ["rest_webservices"],
        "aud": f"https://ns{TOKEN}",
        "iat": now,
        "exp": now + 300,
        **claims,
    }
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": alg, "kid": "cert-1"}, payload, key),
    }


async def test_a_signed_assertion_buys_a_token_that_opens_the_api(
    netsuite: httpx.AsyncClient,
) -> None:
    """A token is issued for a valid assertion and lasts an hour, written as a string."""
    answer = await netsuite.post(TOKEN, data=assertion())
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == "3600"

    opened = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await netsuite.get(f"{RECORD}/customer", headers=opened)).status_code == 200
    await netsuite.post("/_sim/advance", json={"seconds": 3601})
    late = await netsuite.get(f"{RECORD}/customer", headers=opened)
    assert (late.status_code, code_of(late)) == (401, "INVALID_LOGIN")


@pytest.mark.parametrize(
    ("form", "word"),
    [
        (lambda: assertion(RSAKey.generate_key(2048), "RS256"), "invalid_client"),
        (lambda: assertion(ECKey.generate_key("P-256")), "invalid_client"),
        (lambda: assertion(aud="https://elsewhere"), "invalid_grant"),
        (lambda: assertion(exp=int(time.time()) + 7200), "invalid_grant"),
        (lambda: assertion(iss="somebody"), "invalid_client"),
        (lambda: assertion(scope="restlets"), "invalid_scope"),
    ],
)
async def test_a_wrong_assertion_buys_nothing(
    netsuite: httpx.AsyncClient, form: Any, word: str
) -> None:
    """RS256, another key, audience, lifetime, issuer or scope are each refused by name."""
    answer = await netsuite.post(TOKEN, data=form())
    assert answer.json() == {"error": word}
    assert answer.status_code in (400, 401)


async def test_expired_tokens_are_refused_until_a_new_one_is_fetched(
    netsuite: httpx.AsyncClient,
) -> None:
    """The control route forgets every token."""
    await netsuite.post("/_sim/expire-tokens")
    assert code_of(await netsuite.get(f"{RECORD}/customer")) == "INVALID_LOGIN"


async def test_put_by_external_id_upserts_and_names_the_internal_id(
    netsuite: httpx.AsyncClient,
) -> None:
    """A repeated PUT overwrites the given fields of the same record and keeps the others."""
    await globex(netsuite)
    first = await netsuite.get(f"{RECORD}/customer/eid:globex")
    again = await netsuite.put(f"{RECORD}/customer/eid:globex", json={"email": "ap@globex.test"})
    assert again.headers["Location"].endswith(f"/customer/{first.json()['id']}")

    held = (await netsuite.get(again.headers["Location"])).json()
    assert (held["companyName"], held["email"]) == ("Globex", "ap@globex.test")
    assert held["terms"] == {"id": "4", "refName": "Net 45"}


async def test_unknown_properties_vanish_unless_validation_is_asked_for(
    netsuite: httpx.AsyncClient,
) -> None:
    """The default only warns; `Error` names the path of the property."""
    await globex(netsuite)
    url = f"{RECORD}/customer/eid:globex"
    assert (await netsuite.patch(url, json={"custentity_typo": "x"})).status_code == 204
    assert "custentity_typo" not in (await netsuite.get(url)).json()

    strict = {"X-NetSuite-PropertyNameValidation": "Error"}
    refused = await netsuite.patch(url, json={"custentity_typo": "x"}, headers=strict)
    assert code_of(refused) == "INVALID_PROPERTY"
    assert refused.json()["o:errorDetails"][0]["o:errorPath"] == "custentity_typo"
    known = await netsuite.patch(url, json={"custentity_tieline_key": "k"}, headers=strict)
    assert known.status_code == 204


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (order(entity={"externalId": "nobody"}), "USER_ERROR", "entity"),
        (order(tranDate="2026-01-15"), "USER_ERROR", "tranDate"),
        (order(item={"items": []}), "USER_ERROR", "item"),
        (order(item={"items": [{"item": {"id": "9"}}]}), "USER_ERROR", "item.items[0].item"),
        (order(tranDate="soon"), "INVALID_VALUE", "tranDate"),
        (order(externalId="a|b"), "INVALID_VALUE", "externalId"),
    ],
)
async def test_an_order_that_breaks_a_rule_is_refused_and_leaves_nothing(
    netsuite: httpx.AsyncClient,
    simulator: NetSuiteSimulator,
    body: dict[str, Any],
    code: str,
    path: str,
) -> None:
    """Missing references, a closed period, no lines and bad values each name their field."""
    await globex(netsuite)
    answer = await netsuite.post(f"{RECORD}/salesOrder", json=body)
    detail = answer.json()["o:errorDetails"][0]
    assert (answer.status_code, detail["o:errorCode"], detail["o:errorPath"]) == (400, code, path)
    assert simulator.state()["salesOrder"] == {}


async def test_post_duplicates_where_put_does_not(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """Two equal POSTs make two orders; two equal PUTs make one, with the same lines."""
    await globex(netsuite)
    for _ in range(2):
        await netsuite.post(f"{RECORD}/salesOrder", json=order())
        await netsuite.put(f"{RECORD}/salesOrder/eid:so-1", json=order())
    orders = simulator.state()["salesOrder"].values()
    assert len(orders) == 3
    assert [len(o["item"]) for o in orders] == [2, 2, 2]


async def test_amounts_are_exact_in_the_currency_of_the_transaction(
    netsuite: httpx.AsyncClient,
) -> None:
    """A line is quantity times rate, rounded to the currency's minor unit."""
    await globex(netsuite)
    await netsuite.put(f"{RECORD}/salesOrder/eid:usd", json=order())
    yen = order(currency={"id": "4"})
    await netsuite.put(f"{RECORD}/salesOrder/eid:jpy", json=yen)
    for key, line, total in (("usd", 100.01, 1100.01), ("jpy", 100, 1100)):
        url = f"{RECORD}/salesOrder/eid:{key}"
        held = (await netsuite.get(url, params={"expandSubResources": "true"})).json()
        assert held["item"]["items"][1]["amount"] == line
        assert held["total"] == total


async def test_patch_merges_lines_by_number_unless_told_to_replace(
    netsuite: httpx.AsyncClient,
) -> None:
    """A line with its number is updated, one without is added, `replace=item` starts over."""
    await globex(netsuite)
    url = f"{RECORD}/salesOrder/eid:so-1"
    await netsuite.put(url, json=order())

    async def amounts() -> list[float]:
        held = (await netsuite.get(url, params={"expandSubResources": "true"})).json()
        return [line["amount"] for line in held["item"]["items"]]

    await netsuite.patch(url, json={"item": {"items": [{"line": 1, "rate": 500}]}})
    assert await amounts() == [500.0, 100.01]
    added = {"item": {"items": [{"item": {"externalId": "SETUP"}, "amount": 7}]}}
    await netsuite.patch(url, json=added)
    assert await amounts() == [500.0, 100.01, 7.0]
    await netsuite.patch(url, json=added, params={"replace": "item"})
    assert await amounts() == [7.0]


async def test_an_order_is_billed_credited_and_paid(netsuite: httpx.AsyncClient) -> None:
    """A credit and a payment close the invoice; only its external id stops a second one."""
    await globex(netsuite)
    await netsuite.put(f"{RECORD}/salesOrder/eid:so-1", json=order())
    transform = f"{RECORD}/salesOrder/eid:so-1/!transform/invoice"
    billed = await netsuite.post(transform, json={"externalId": "inv-1", "tranDate": "2026-03-31"})
    assert billed.status_code == 204
    again = await netsuite.post(transform, json={"externalId": "inv-1"})
    assert (again.status_code, code_of(again)) == (400, "USER_ERROR")
    assert (await netsuite.post(transform, json={})).status_code == 204

    invoice = f"{RECORD}/invoice/eid:inv-1"
    held = (await netsuite.get(invoice)).json()
    assert (held["dueDate"], held["amountRemaining"]) == ("2026-05-15", 1100.01)
    lines = {"item": {"items": [{"item": {"externalId": "SETUP"}, "amount": 100.01}]}}
    credited = await netsuite.post(
        f"{invoice}/!transform/creditMemo", json=lines, params={"replace": "item"}
    )
    assert credited.status_code == 204
    payment = {
        "customer": {"externalId": "globex"},
        "payment": 1000,
        "apply": {"items": [{"doc": {"id": held["id"]}, "amount": 1000}]},
    }
    for _ in range(2):
        paid = await netsuite.put(f"{RECORD}/customerPayment/eid:pay-1", json=payment)
        assert paid.status_code == 204, paid.text
    closed = (await netsuite.get(invoice)).json()
    assert (closed["amountRemaining"], closed["status"]["id"]) == (0, "Paid In Full")
    over = await netsuite.put(f"{RECORD}/customerPayment/eid:pay-2", json=payment)
    assert code_of(over) == "USER_ERROR"
    assert await rows(
        netsuite,
        "SELECT type, status, foreigntotal, foreignamountunpaid FROM transaction"
        " WHERE externalid = 'inv-1'",
    ) == [
        {"links": [], "type": "CustInvc", "status": "B", "foreigntotal": "1100.01",
         "foreignamountunpaid": "0"}
    ]  # fmt: skip


async def test_revenue_is_planned_by_day_and_adds_up_exactly(netsuite: httpx.AsyncClient) -> None:
    """Straight-line rows follow the days of each month and sum to the line to the cent."""
    await globex(netsuite)
    await netsuite.put(f"{RECORD}/salesOrder/eid:so-1", json=order())
    plans = await rows(
        netsuite,
        "SELECT e.sourcetransactionline AS line, p.plannedperiod, p.amount, p.status"
        " FROM revenueplan p JOIN revenueelement e ON e.id = p.revenueelement"
        " JOIN revenuearrangement a ON a.id = e.revenuearrangement"
        " JOIN transaction t ON t.id = a.sourcetransaction WHERE t.externalid = 'so-1'"
        " ORDER BY e.sourcetransactionline, p.plannedperiod",
    )
    first = [row for row in plans if row["line"] == "1"]
    assert [row["plannedperiod"] for row in first][::12] == ["2026-03", "2027-03"]
    assert first[0]["amount"] == "46.58"
    assert round(sum(float(row["amount"]) for row in first), 2) == 1000.00
    assert [(r["plannedperiod"], r["amount"]) for r in plans if r["line"] == "2"] == [
        ("2026-03", "100.01")
    ]


async def test_a_milestone_waits_on_hold_until_it_is_released(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """A milestone item's plan has no period until the hold is lifted."""
    await globex(netsuite)
    lines = {"items": [{"item": {"externalId": "GOLIVE"}, "amount": 500}]}
    await netsuite.put(f"{RECORD}/salesOrder/eid:so-1", json=order(item=lines))
    (plan,) = simulator.state()["revenuePlan"].values()
    assert (plan["status"], plan.get("plannedPeriod")) == ("ONHOLD", None)
    released = {"holdRevenueRecognition": False, "plannedPeriod": "2026-06"}
    await netsuite.patch(f"{RECORD}/revenuePlan/{plan['id']}", json=released)
    await netsuite.patch(f"{RECORD}/salesOrder/eid:so-1", json={"memo": "regenerates"})
    (plan,) = simulator.state()["revenuePlan"].values()
    assert (plan["status"], plan["plannedPeriod"]) == ("NOTSTARTED", "2026-06")


async def test_closing_an_order_keeps_only_what_was_recognized(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """Unrecognized plan rows disappear with the order; posted ones stay as they were."""
    await globex(netsuite)
    url = f"{RECORD}/salesOrder/eid:so-1"
    await netsuite.put(url, json=order())
    await netsuite.post("/_sim/recognize", json={"period": "2026-04"})
    await netsuite.patch(url, json={"item": {"items": [{"line": 1, "rate": 2000}]}})
    first = [p for p in simulator.state()["revenuePlan"].values() if p["amount"] != 100.01]
    assert round(sum(p["amount"] for p in first), 2) == 2000.0

    closing = {"items": [{"line": 1, "isClosed": True}, {"line": 2, "isClosed": True}]}
    await netsuite.patch(url, json={"item": closing})
    assert (await netsuite.get(url)).json()["orderStatus"]["id"] == "H"
    left = simulator.state()["revenuePlan"].values()
    assert {p["status"] for p in left} == {"COMPLETED"}
    assert sum(e["revenueAmount"] for e in simulator.state()["revenueElement"].values()) == (
        pytest.approx(sum(p["amount"] for p in left))
    )


async def test_arrangements_appear_only_after_the_lag() -> None:
    """Generation is asynchronous: nothing is there until the clock has moved."""
    lagging = NetSuiteSimulator(items=ITEMS, access_tokens=["opened"], revenue_lag_seconds=900)
    async with client_of(lagging) as client:
        await globex(client)
        await client.put(f"{RECORD}/salesOrder/eid:so-1", json=order())
        assert await rows(client, "SELECT id FROM revenuearrangement") == []
        await client.post("/_sim/advance", json={"seconds": 901})
        assert len(await rows(client, "SELECT id FROM revenuearrangement")) == 1
        await client.delete(f"{RECORD}/salesOrder/eid:so-1")
        await client.post("/_sim/advance", json={"seconds": 901})
        assert lagging.state()["revenueElement"] == {}


async def test_suiteql_speaks_strings_pages_and_needs_its_header(
    netsuite: httpx.AsyncClient,
) -> None:
    """Values are strings, nulls are left out, pages say whether there is more."""
    await globex(netsuite)
    for number in range(3):
        await netsuite.put(f"{RECORD}/salesOrder/eid:so-{number}", json=order())
    url, text = "/services/rest/query/v1/suiteql", {"q": "SELECT id, memo FROM transaction"}
    assert (await netsuite.post(url, json=text)).status_code == 400
    page = await netsuite.post(url, json=text, params={"limit": 2}, headers={"Prefer": "transient"})
    assert (page.json()["hasMore"], page.json()["totalResults"]) == (True, 3)
    assert set(page.json()["items"][0]) == {"links", "id"}
    for wrong in ("SELEKT 1", "DELETE FROM customer", "SELECT nothing FROM nowhere"):
        refused = await netsuite.post(url, json={"q": wrong}, headers={"Prefer": "transient"})
        assert code_of(refused) == "INVALID_PARAMETER"


async def test_lists_give_ids_only_and_filter_by_field(netsuite: httpx.AsyncClient) -> None:
    """The collection answers with links and ids; a query narrows it."""
    await globex(netsuite)
    query = {"q": 'companyName IS "Globex" AND isInactive IS "false"'}
    assert (await netsuite.get(f"{RECORD}/customer", params=query)).json()["count"] == 0
    query = {"q": 'externalId IS "globex" AND companyName IS "Globex"'}
    found = (await netsuite.get(f"{RECORD}/customer", params=query)).json()
    assert (found["totalResults"], set(found["items"][0])) == (1, {"id", "links"})
    missing = await netsuite.get(f"{RECORD}/customer/eid:nobody")
    assert (missing.status_code, code_of(missing)) == (404, "NONEXISTENT_ID")


async def test_an_async_request_used_twice_points_to_the_first_job(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """The second use of a key is a 400 whose Location is the job of the first."""
    await globex(netsuite)
    headers = {"Prefer": "respond-async", "X-NetSuite-Idempotency-Key": "k-1"}
    first = await netsuite.post(f"{RECORD}/salesOrder", json=order(), headers=headers)
    second = await netsuite.post(f"{RECORD}/salesOrder", json=order(), headers=headers)
    assert (first.status_code, second.status_code) == (202, 400)
    assert code_of(second) == "IDEMPOTENCY_ERROR"
    assert second.headers["Location"] == first.headers["Location"]
    job = (await netsuite.get(first.headers["Location"])).json()
    assert job["completed"] is True
    result = await netsuite.get(f"{first.headers['Location']}/task/1/result")
    assert "/salesOrder/" in result.headers["Location"]
    assert len(simulator.state()["salesOrder"]) == 1


async def test_the_account_refuses_more_calls_at_once_than_it_allows() -> None:
    """Over the concurrency limit the answer is 429 with no hint when to come back."""
    narrow = NetSuiteSimulator(access_tokens=["opened"], concurrency_limit=2, latency_seconds=0.02)
    async with client_of(narrow) as client:
        answers = await asyncio.gather(*(client.get(f"{RECORD}/customer") for _ in range(4)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 2
    assert code_of(refused[0]) == "CONCURRENCY_LIMIT_EXCEEDED"
    assert "Retry-After" not in refused[0].headers


async def test_armed_faults_speak_netsuite(netsuite: httpx.AsyncClient) -> None:
    """A business refusal, an expired token and a throttle carry NetSuite's codes."""
    for fault, status, code in (
        ({"kind": "reject", "code": "USER_ERROR", "message": "closed"}, 400, "USER_ERROR"),
        ({"kind": "reject", "status": 409}, 409, "RCRD_HAS_BEEN_CHANGED"),
        ({"kind": "expire_token"}, 401, "INVALID_LOGIN"),
        ({"kind": "throttle"}, 429, "CONCURRENCY_LIMIT_EXCEEDED"),
        ({"kind": "error_before", "status": 500}, 500, "UNEXPECTED_ERROR"),
    ):
        await netsuite.post("/_sim/faults", json=fault)
        answer = await netsuite.get(f"{RECORD}/customer")
        assert (answer.status_code, code_of(answer)) == (status, code)


async def test_a_reset_forgets_records_and_keeps_master_data(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """After a reset the items are there, the customers are not, and the API still answers."""
    await globex(netsuite)
    await netsuite.post("/_sim/reset")
    assert simulator.state()["customer"] == {}
    assert len(simulator.state()["serviceSaleItem"]) == 3
    await globex(netsuite)
    assert len(await rows(netsuite, "SELECT id FROM customer")) == 1
