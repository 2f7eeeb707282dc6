"""What the Zendesk simulator tells by itself and by its export, as Zendesk documents them."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.serve import serving
from simulators.zendesk import ZendeskSimulator

EXPORT = "/api/v2/incremental/tickets/cursor.json"
AUTH = ("ops@tieline.test/token", "secret")
SECRET = "a-signing-secret-of-some-length"


@pytest.fixture
def simulator() -> ZendeskSimulator:
    return ZendeskSimulator(api_tokens={"ops@tieline.test": "secret"})


@pytest.fixture
async def zendesk(simulator: ZendeskSimulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(simulator.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://zd", auth=AUTH) as client:
        yield client


async def exported(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get(EXPORT, params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


async def test_the_export_pages_by_cursor_and_says_when_it_ends(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """The last cursor is where the next export begins."""
    for number in range(3):
        simulator.change_ticket(subject=f"Ticket {number}")
    simulator.moved_seconds += 61

    first = await exported(zendesk, start_time=1, per_page=2)
    second = await exported(zendesk, cursor=first["after_cursor"], per_page=2)
    third = await exported(zendesk, cursor=second["after_cursor"])

    assert [len(page["tickets"]) for page in (first, second, third)] == [2, 1, 0]
    assert [page["end_of_stream"] for page in (first, second, third)] == [False, True, True]
    assert first["after_url"].endswith(f"cursor={first['after_cursor'].replace('=', '%3D')}")
    assert {"generated_timestamp", "updated_at", "priority"} <= first["tickets"][0].keys()


async def test_the_last_minute_is_left_out_and_cannot_be_asked_for(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """So that what is told is complete."""
    simulator.change_ticket(subject="Just now")

    page = await exported(zendesk, start_time=1)
    recent = await zendesk.get(EXPORT, params={"start_time": int(simulator.now()) - 30})
    missing = await zendesk.get(EXPORT)

    assert (page["tickets"], page["end_of_stream"]) == ([], True)
    assert (recent.status_code, missing.status_code) == (422, 400)
    assert "Too recent" in recent.json()["description"]


async def test_a_deleted_ticket_and_a_system_update_are_exported(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """The one with the status `deleted`, the other with its own time unchanged."""
    gone, kept = (simulator.change_ticket(subject=name)["id"] for name in ("gone", "kept"))
    simulator.moved_seconds += 100
    before = await exported(zendesk, start_time=1)
    simulator.tickets.delete(gone)
    simulator.tickets.touch(kept)
    simulator.moved_seconds += 61

    after = await exported(zendesk, cursor=before["after_cursor"])

    told = {ticket["id"]: ticket for ticket in after["tickets"]}
    assert told[gone]["status"] == "deleted"
    assert told[kept]["updated_at"] == before["tickets"][1]["updated_at"]


async def test_a_forgotten_cursor_is_refused(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """As one that never was."""
    cursor = (await exported(zendesk, start_time=1))["after_cursor"]
    await zendesk.post("/_sim/forget-cursors")

    for refused in (cursor, "nonsense"):
        assert (await zendesk.get(EXPORT, params={"cursor": refused})).status_code == 400


async def test_exports_have_a_limit_of_their_own() -> None:
    """Ten a minute, whatever else the account may do."""
    simulator = ZendeskSimulator(api_tokens={"ops@tieline.test": "secret"}, exports_per_minute=2)
    simulator.moved_seconds = 60 - simulator.now() % 60  # the start of a minute
    transport = httpx.ASGITransport(simulator.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://zd", auth=AUTH) as client:
        statuses = [
            (await client.get(EXPORT, params={"start_time": 1})).status_code for _ in range(3)
        ]
        other = await client.get("/api/v2/tickets")

    assert statuses == [200, 200, 429]
    assert other.status_code == 200


async def test_the_metrics_know_when_a_ticket_was_solved(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """And forget it when it is opened again."""
    number = simulator.change_ticket(subject="Login")["id"]
    solved = simulator.change_ticket(id=number, status="solved")["updated_at"]
    path = f"/api/v2/tickets/{number}/metrics.json"

    first = (await zendesk.get(path)).json()["ticket_metric"]
    simulator.change_ticket(id=number, status="open")
    second = (await zendesk.get(path)).json()["ticket_metric"]

    assert (first["solved_at"], second["solved_at"]) == (solved, None)


async def test_each_changed_field_is_an_event_signed_over_time_and_body(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """base64(HMAC-SHA256(timestamp + body)), the secret taken as text."""
    opened = await zendesk.post("/_sim/tickets", json={"priority": "low"})
    change = {"id": opened.json()["id"], "priority": "urgent", "status": "open"}
    await zendesk.post("/_sim/tickets", json=change)

    messages = simulator.webhooks(SECRET)

    bodies = [orjson.loads(message.body) for message in messages]
    assert [body["type"].rpartition(":")[2] for body in bodies] == [
        "ticket.created", "ticket.status_changed", "ticket.priority_changed",
    ]  # fmt: skip
    assert bodies[2]["event"] == {"previous": "low", "current": "urgent"}
    assert bodies[2]["detail"]["id"] == str(change["id"])
    assert {body["account_id"] for body in bodies} == {simulator.account_id}
    headers = messages[0].headers(datetime(2026, 11, 22, 12, tzinfo=UTC))
    signed = headers["x-zendesk-webhook-signature-timestamp"].encode() + messages[0].body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["x-zendesk-webhook-signature"] == base64.b64encode(digest).decode()


async def test_a_ticket_that_cannot_be_is_refused_by_the_control_too(
    zendesk: httpx.AsyncClient,
) -> None:
    """The control changes tickets as an agent would."""
    assert (await zendesk.post("/_sim/tickets", json={"priority": "maximal"})).status_code == 422
    assert (await zendesk.post("/_sim/tickets", json={"id": 404})).status_code == 404


class Receiver(ZendeskSimulator):
    """Somebody who takes webhooks; the kernel's log keeps what came."""

    def routes(self) -> list[BaseRoute]:
        async def receive(_: Request) -> Response:
            return Response(status_code=202)

        return [Route("/webhooks/zendesk", receive, methods=["POST"])]


async def test_the_events_are_sent_where_one_says() -> None:
    """Once, with the mishaps that one asks for."""
    desk, receiver = ZendeskSimulator(), Receiver()
    async with (
        serving({"desk": desk, "receiver": receiver}) as urls,
        httpx.AsyncClient(base_url=urls["desk"]) as client,
    ):
        for subject in ("Globex", "Initech"):
            await client.post("/_sim/tickets", json={"subject": subject})
        order = {
            "url": f"{urls['receiver']}/webhooks/zendesk",
            "secret": SECRET,
            "mishaps": {"duplicate": 1.0},
        }
        sent = await client.post("/_sim/send-webhooks", json=order)
        again = await client.post("/_sim/send-webhooks", json=order)

    assert sent.json() == {"statuses": [202] * 4}
    assert again.json() == {"statuses": []}
    assert len({call["body"] for call in receiver.log}) == 2


async def test_metric_events_come_beside_a_ticket_that_is_asked_for_with_them(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """Clocks start with the ticket and stop with its solution; a breach is told when it is set."""
    ticket = simulator.change_ticket(priority="high")
    missed = await zendesk.post("/_sim/breaches", json={"id": ticket["id"], "metric": "reply_time"})
    simulator.change_ticket(id=ticket["id"], status="solved")

    plain = (await zendesk.get(f"/api/v2/tickets/{ticket['id']}")).json()
    shown = (await zendesk.get(f"/api/v2/tickets/{ticket['id']}?include=metric_events,x")).json()

    assert missed.json()["type"] == "breach"
    assert set(plain) == {"ticket"}
    told = [(event["metric"], event["type"]) for event in shown["metric_events"]]
    assert told == [
        ("reply_time", "activate"),
        ("agent_work_time", "activate"),
        ("requester_wait_time", "activate"),
        ("reply_time", "breach"),
        ("agent_work_time", "fulfill"),
        ("requester_wait_time", "fulfill"),
    ]
    assert {event["ticket_id"] for event in shown["metric_events"]} == {ticket["id"]}


async def test_the_search_export_pages_by_cursor_through_one_kind(
    simulator: ZendeskSimulator, zendesk: httpx.AsyncClient
) -> None:
    """Every ticket once, however many are asked for at a time; a kind has to be named."""
    made = [simulator.change_ticket(priority="low")["id"] for _ in range(5)]
    query: dict[str, Any] = {"query": "priority:low", "filter[type]": "ticket", "page[size]": 2}
    found: list[int] = []
    while True:
        page = (await zendesk.get("/api/v2/search/export", params=query)).json()
        found += [ticket["id"] for ticket in page["results"]]
        if not page["meta"]["has_more"]:
            break
        query["page[after]"] = page["meta"]["after_cursor"]

    nameless = await zendesk.get("/api/v2/search/export", params={"query": "priority:low"})

    assert found == made
    assert nameless.status_code == 400
