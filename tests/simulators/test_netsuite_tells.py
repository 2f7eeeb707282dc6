"""The simulated NetSuite account tells of its changes: by query, and by messages of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.netsuite import NetSuiteSimulator
from simulators.netsuite.dates import kept, sys_extract_utc, to_char, to_timestamp
from simulators.sending import Mishaps, WebhookSender
from simulators.serve import serving

RECORD = "/services/rest/record/v1"
SECRET = "whsec_" + "bmV0c3VpdGUtbmV0c3VpdGUtbmV0c3VpdGU="
STAMP = '\'YYYY-MM-DD"T"HH24:MI:SS"Z"\''
ORDER = {
    "entity": {"externalId": "globex"},
    "tranDate": "2026-03-01",
    "item": {"items": [{"item": {"externalId": "PLATFORM"}, "quantity": 1, "amount": 1000}]},
}


@pytest.fixture
def simulator() -> NetSuiteSimulator:
    items = [{"externalId": "PLATFORM", "displayName": "Platform"}]
    return NetSuiteSimulator(items=items, access_tokens=["opened"])


@pytest.fixture
async def netsuite(simulator: NetSuiteSimulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer opened"}
    transport = httpx.ASGITransport(simulator.app())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://ns", headers=headers
    ) as client:
        customer = {"companyName": "Globex", "subsidiary": {"id": "1"}, "currency": {"id": "1"}}
        await client.put(f"{RECORD}/customer/eid:globex", json=customer)
        await client.put(f"{RECORD}/salesOrder/eid:so-1", json=ORDER)
        yield client


async def made(client: httpx.AsyncClient, what: str, **order: Any) -> str:
    """The internal id of what a control route made."""
    answer = await client.post(f"/_sim/{what}", json=order)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def rows(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """The rows of a query, without their links."""
    answer = await client.post(
        "/services/rest/query/v1/suiteql", json={"q": query}, headers={"Prefer": "transient"}
    )
    assert answer.status_code == 200, answer.text
    return [{k: v for k, v in row.items() if k != "links"} for row in answer.json()["items"]]


async def test_an_invoice_is_posted_paid_and_credited_from_outside(
    netsuite: httpx.AsyncClient,
) -> None:
    """By control routes, under the same rules as through the API."""
    invoice = await made(netsuite, "invoice", order="eid:so-1", tranDate="2026-03-31")
    await made(netsuite, "pay", invoice=invoice, amount=400)
    await made(netsuite, "credit", invoice=invoice, amount=100)
    held = (await netsuite.get(f"{RECORD}/invoice/{invoice}")).json()
    over = await netsuite.post("/_sim/pay", json={"invoice": invoice, "amount": 600})
    await made(netsuite, "pay", invoice=invoice)

    assert (held["amountPaid"], held["amountRemaining"]) == (500, 500)
    assert over.status_code == 400
    closed = (await netsuite.get(f"{RECORD}/invoice/{invoice}")).json()
    assert closed["status"]["id"] == "Paid In Full"


async def test_links_say_what_an_invoice_was_settled_with(netsuite: httpx.AsyncClient) -> None:
    """And the main line says from which order it was made."""
    invoice = await made(netsuite, "invoice", order="eid:so-1")
    payment = await made(netsuite, "pay", invoice=invoice, amount=400)

    links = await rows(
        netsuite,
        "SELECT l.nextdoc AS payment, l.foreignamount AS amount FROM nexttransactionlinelink l"
        f" WHERE l.previousdoc = {invoice} AND l.linktype = 'Payment'",
    )
    main = await rows(
        netsuite,
        "SELECT o.externalid AS ordered, ml.subsidiary AS subsidiary FROM transactionline ml"
        " JOIN transaction o ON o.id = ml.createdfrom"
        f" WHERE ml.transaction = {invoice} AND ml.mainline = 'T'",
    )

    assert links == [{"payment": payment, "amount": "400"}]
    assert main == [{"ordered": "so-1", "subsidiary": "1"}]


async def test_a_moment_is_a_local_date_unless_asked_for_in_full(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """The trap that a poll has to avoid: zone and time of day are gone without a sign."""
    record = simulator.records.get("salesOrder", "eid:so-1")
    record["lastModifiedDate"] = "2026-11-25T03:04:05Z"
    simulator.records.changed["salesOrder", record["id"]] = None

    (row,) = await rows(
        netsuite,
        f"SELECT lastmodifieddate AS raw, TO_CHAR(lastmodifieddate, {STAMP}) AS local,"
        f" TO_CHAR(SYS_EXTRACT_UTC(lastmodifieddate), {STAMP}) AS utc FROM transaction"
        " WHERE SYS_EXTRACT_UTC(lastmodifieddate) ="
        f" TO_TIMESTAMP('2026-11-25T03:04:05Z', {STAMP})",
    )

    assert row == {
        "raw": "11/24/2026", "local": "2026-11-24T19:04:05Z", "utc": "2026-11-25T03:04:05Z",
    }  # fmt: skip


def test_moments_sort_and_come_back() -> None:
    """As text, through zone and format."""
    early, late = kept("2026-11-25T07:59:59Z"), kept("2026-11-25T08:00:00Z")

    assert early < "2026-11-25" < late
    assert to_char(sys_extract_utc(late), "YYYY-MM-DD HH24:MI:SS") == "2026-11-25 08:00:00"
    assert to_timestamp("2026-11-25 00:00:00", "YYYY-MM-DD HH24:MI:SS") == late
    assert to_char(None) is None
    assert to_char("PLATFORM") == "PLATFORM"


async def test_each_save_is_a_signed_message(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """A payment names the invoice it settles; what is gone meanwhile is told no more."""
    invoice = await made(netsuite, "invoice", order="eid:so-1")
    payment = await made(netsuite, "pay", invoice=invoice)

    messages = simulator.books.outbox.drain(SECRET)

    now = datetime.now(UTC)
    told = [Webhook(SECRET).verify(m.body, m.headers(now)) for m in messages]
    assert [body["record"] for body in told] == ["salesorder", "invoice", "customerpayment"]
    assert (told[2]["id"], told[2]["invoice"]) == (payment, invoice)
    assert simulator.books.outbox.drain(SECRET) == []
    await netsuite.delete(f"{RECORD}/customerPayment/{payment}")
    (reopened,) = simulator.books.outbox.drain(SECRET)
    assert orjson.loads(reopened.body)["id"] == invoice


async def test_messages_meet_mishaps_on_their_way(simulator: NetSuiteSimulator) -> None:
    """Duplicates and losses, the same for the same seed."""
    received: list[str] = []

    async def receive(request: Request) -> Response:
        received.append(request.headers["webhook-id"])
        return Response(status_code=202)

    body = {"companyName": "Initech", "subsidiary": {"id": "1"}, "currency": {"id": "1"}}
    simulator.books.save("customer", None, {**body, "externalId": "globex"})
    for _ in range(20):
        simulator.books.save("salesOrder", None, ORDER)
    messages = simulator.books.outbox.drain(SECRET)
    app = Starlette(routes=[Route("/webhooks/netsuite", receive, methods=["POST"])])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tieline")

    async with WebhookSender("http://tieline/webhooks/netsuite", client=client) as sender:
        statuses = await sender.send(messages, Mishaps(duplicate=0.3, lose=0.1, seed=3))

    assert set(statuses) == {202}
    assert len(set(received)) < 20
    assert len(received) > len(set(received))


async def test_what_is_queued_is_sent_on_demand(simulator: NetSuiteSimulator) -> None:
    """From outside the process, to whatever answers; the queue is then empty."""
    async with serving({"ns": simulator}) as urls, httpx.AsyncClient() as client:
        body = {"companyName": "Initech", "subsidiary": {"id": "1"}, "currency": {"id": "1"}}
        simulator.books.save("customer", None, {**body, "externalId": "globex"})
        simulator.books.save("salesOrder", None, ORDER)
        order = {"url": f"{urls['ns']}/nobody-listens", "secret": SECRET}
        first, second = [
            (await client.post(f"{urls['ns']}/_sim/send", json=order)).json() for _ in range(2)
        ]

    assert (first["statuses"], second["statuses"]) == ([404], [])
