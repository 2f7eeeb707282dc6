"""The receiver: genuine messages are stored once, everything else is refused and recorded."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from adapters.salesforce import webhook as salesforce
from canonical.connections import Environment
from starters.webhooks.app import webhook_app
from starters.webhooks.sources import Source
from tests.starters.memory_inbox import MemoryInbox

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"globex signs with this key......").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"globex signed with this once....").decode()
STRANGER = "whsec_" + base64.b64encode(b"somebody else signs with this...").decode()
DEAL = "0065g00000Glob1AAB"
BODY_BYTES_MAX = 4096


def closed_won(deal: str = DEAL, **data: Any) -> bytes:
    """What the org calls out with when a deal is won."""
    return json.dumps(
        {
            "type": "opportunity.closed_won",
            "timestamp": NOW.isoformat(),
            "data": {"opportunity_id": deal, "environment": "test", **data},
        }
    ).encode()


def signed(
    body: bytes, *, secret: str = SECRET, at: datetime = NOW, event_id: str = "msg_globex_1"
) -> dict[str, str]:
    """Standard Webhooks headers, made by the library that defines them."""
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode()),
    }


class Bell:
    """Counts how often the dispatcher would have been woken."""

    reachable = True

    def __init__(self) -> None:
        self.rung = 0

    def wake(self) -> None:
        """Ring."""
        self.rung += 1


@dataclass
class Receiver:
    """The app, its inbox, and a sender."""

    http: httpx.AsyncClient
    inbox: MemoryInbox
    bell: Bell

    async def post(self, body: bytes, headers: dict[str, str], path: str = "globex") -> Any:
        """Send a message."""
        return await self.http.post(f"/webhooks/{path}", content=body, headers=headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver with one source, `globex`, in the middle of a rotation of its secret."""
    async with receiving() as ready:
        yield ready


def receiving() -> "_Receiving":
    """A receiver of its own."""
    return _Receiving()


class _Receiving:
    async def __aenter__(self) -> Receiver:
        source = Source("salesforce", Environment.TEST, salesforce.verify, [SECRET, OLD_SECRET])
        inbox, bell = MemoryInbox(), Bell()
        app = webhook_app(
            {"globex": source}, inbox, bell, body_bytes_max=BODY_BYTES_MAX, clock=lambda: NOW
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://tieline")
        return Receiver(self.http, inbox, bell)

    async def __aexit__(self, *error: object) -> None:
        await self.http.aclose()


async def test_a_genuine_message_is_stored_and_wakes_the_dispatcher(receiver: Receiver) -> None:
    """Record, then act: 202 says that it is safe with us."""
    body = closed_won()

    answer = await receiver.post(body, signed(body))

    assert (answer.status_code, answer.json()) == (202, {"stored": True, "duplicate": False})
    [row] = receiver.inbox.rows
    assert (row.event.source, row.event.subject) == ("salesforce", DEAL)
    assert row.event.body == body
    assert receiver.bell.rung == 1


async def test_a_message_delivered_five_times_is_stored_once(receiver: Receiver) -> None:
    """Senders repeat; each delivery is answered as a success."""
    body = closed_won()

    answers = [await receiver.post(body, signed(body)) for _ in range(5)]

    assert [a.status_code for a in answers] == [202] * 5
    assert [a.json()["duplicate"] for a in answers] == [False, True, True, True, True]
    assert len(receiver.inbox.rows) == 1


async def test_both_secrets_are_valid_during_a_rotation(receiver: Receiver) -> None:
    """The sender changes its secret while messages are under way."""
    first, second = closed_won(), closed_won("0065g00000Init1AAB")

    answers = [
        await receiver.post(first, signed(first, secret=OLD_SECRET, event_id="before")),
        await receiver.post(second, signed(second, secret=SECRET, event_id="after")),
    ]

    assert [a.status_code for a in answers] == [202, 202]


BODY = closed_won()
REFUSALS: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "forged": (BODY, signed(BODY, secret=STRANGER), 401, "bad_signature"),
    "altered": (BODY.replace(b"Glob1", b"Init1"), signed(BODY), 401, "bad_signature"),
    "unsigned": (BODY, {"content-type": "application/json"}, 401, "missing_header"),
    "stale": (BODY, signed(BODY, at=NOW - timedelta(seconds=301)), 401, "stale"),
    "from the future": (BODY, signed(BODY, at=NOW + timedelta(seconds=301)), 401, "stale"),
    "replayed under another id": (
        BODY,
        {**signed(BODY), "webhook-id": "msg_globex_2"},
        401,
        "bad_signature",
    ),
    "not JSON": (b"deal won!", signed(b"deal won!"), 400, "malformed"),
    "without a deal": (b"{}", signed(b"{}"), 400, "malformed"),
    "live": (
        closed_won(environment="live"),
        signed(closed_won(environment="live")),
        400,
        "wrong_environment",
    ),
    "oversized": (b" " * 4097, signed(b" " * 4097), 413, "too_large"),
    "a form": (BODY, {**signed(BODY), "content-type": "text/plain"}, 415, "content_type"),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_what_is_not_genuine_is_refused_and_recorded(kind: str, receiver: Receiver) -> None:
    """The answer names a code; the record says who and why, without the body."""
    body, headers, status, code = REFUSALS[kind]

    answer = await receiver.post(body, headers)

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["message"]
    [refusal] = receiver.inbox.refusals
    assert (refusal.source, refusal.code, refusal.remote) == ("salesforce", code, "127.0.0.1")
    assert refusal.at == NOW
    assert receiver.inbox.rows == []
    assert receiver.bell.rung == 0


async def test_a_body_of_unannounced_length_is_cut_off_while_reading(receiver: Receiver) -> None:
    """A sender that streams without end is stopped at the limit."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1024
            yield b" " * 1024

    answer = await receiver.http.post(
        "/webhooks/globex", content=endless(), headers={"content-type": "application/json"}
    )

    assert answer.status_code == 413
    assert sent <= BODY_BYTES_MAX + 2 * 1024
    assert receiver.inbox.refusals[0].code == "too_large"


async def test_an_unknown_source_is_not_found(receiver: Receiver) -> None:
    """Only what is configured exists."""
    answer = await receiver.post(BODY, signed(BODY), path="initech")

    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_source")


async def test_a_ledger_that_is_down_asks_the_sender_to_send_again(receiver: Receiver) -> None:
    """An event that could not be stored is not acknowledged."""
    receiver.inbox.down = True

    answer = await receiver.post(BODY, signed(BODY))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"


async def test_a_refusal_stands_even_when_it_cannot_be_recorded(receiver: Receiver) -> None:
    """A forged message learns nothing about the state of the ledger."""
    receiver.inbox.down = True

    answer = await receiver.post(BODY, signed(BODY, secret=STRANGER))

    assert answer.status_code == 401


async def test_health_tells_how_much_waits_and_for_how_long(receiver: Receiver) -> None:
    """Intake may be well while nothing is dispatched."""
    await receiver.post(BODY, signed(BODY))
    receiver.bell.reachable = False

    answer = await receiver.http.get("/health")

    assert answer.status_code == 200
    assert answer.json() == {
        "intake": "ok",
        "dispatch": "waiting",
        "pending": 1,
        "oldest_seconds": 0.0,
        "dead": 0,
    }


async def test_health_fails_with_the_ledger(receiver: Receiver) -> None:
    """Without a ledger nothing can be taken in."""
    receiver.inbox.down = True

    assert (await receiver.http.get("/health")).status_code == 503


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=8).map(
        lambda value: json.dumps({"type": value, "data": value, "timestamp": value}).encode()
    ),
    signature=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80),
    timestamp=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    genuine=st.booleans(),
)
async def test_no_input_is_ever_a_failure_of_ours(
    body: bytes, signature: str, timestamp: str, genuine: bool
) -> None:
    """Whatever arrives, signed or not, is answered with a 4xx."""
    async with receiving() as receiver:
        try:
            headers = signed(body) if genuine else {}
        except UnicodeDecodeError:
            headers = {}
        given_headers = headers or {
            "content-type": "application/json",
            "webhook-id": "msg",
            "webhook-timestamp": timestamp,
            "webhook-signature": signature,
        }

        answer = await receiver.post(body, given_headers)

        assert 400 <= answer.status_code < 500
        assert receiver.inbox.rows == []
