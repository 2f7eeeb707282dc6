"""Zendesk's webhooks: what is let in, and why the rest is not."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from adapters.registry import verify_of
from adapters.zendesk.webhook import PUBLISHED_SECRET, secret_problem, verify
from canonical.connections import Connection, Environment, Role
from canonical.facts import Kind
from canonical.inbound import InboundEvent, WebhookRefused
from simulators.zendesk import ZendeskSimulator

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "oVKp8XnhpHjN3tLPvYQ9nHqTfnzW2cVQd4wS7gMxkUA="
NEXT_SECRET = "Q9nHqTfnzW2cVQd4wS7gMxkUAoVKp8XnhpHjN3tLPvY="
ACCOUNT = "12514403"
SIGNATURE = "X-Zendesk-Webhook-Signature"
TIMESTAMP = "X-Zendesk-Webhook-Signature-Timestamp"
INVOCATION = "X-Zendesk-Webhook-Invocation-Id"


def raised_priority(**changed: Any) -> dict[str, Any]:
    """Zendesk's own event: Globex's ticket became urgent."""
    return {
        "type": "zen:event-type:ticket.priority_changed",
        "account_id": int(ACCOUNT),
        "id": "2b24ef10-19d4-4740-93cf-8f98ec4776c0",
        "time": "2026-11-22T11:59:31.412345678Z",
        "zendesk_event_version": "2022-06-20",
        "subject": "zen:ticket:35436",
        "detail": {
            "id": "35436",
            "priority": "URGENT",
            "status": "OPEN",
            "updated_at": "2026-11-22T11:59:30Z",
        },
        "event": {"previous": "HIGH", "current": "URGENT"},
    } | changed


def fired(**changed: Any) -> dict[str, Any]:
    """The body of a trigger, by our template."""
    return {
        "type": "tieline.ticket_changed",
        "ticket_id": "35436",
        "updated_at": "2026-11-22T11:59Z",
        "environment": "test",
    } | changed


def signed(raw: bytes, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The headers that Zendesk sends."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hmac.new(secret.encode(), stamp.encode() + raw, hashlib.sha256).digest()
    return {
        "X-Zendesk-Account-Id": ACCOUNT,
        "X-Zendesk-Webhook-Id": "01F1KRFQ6BG29CNWFR60NK5FNY",
        INVOCATION: "8350205582",
        SIGNATURE: base64.b64encode(digest).decode(),
        TIMESTAMP: stamp,
    }


def let_in(body: dict[str, Any]) -> InboundEvent:
    """The event of a good message."""
    raw = orjson.dumps(body)
    return verify(raw, signed(raw), [SECRET], NOW, Environment.TEST, "support-main", ACCOUNT)


def refusal(raw: bytes, headers: Mapping[str, str], account_id: str = "") -> str:
    """Why a message is not let in."""
    with pytest.raises(WebhookRefused) as refused:
        verify(raw, headers, [SECRET], NOW, Environment.TEST, account_id=account_id)
    assert SECRET not in str(refused.value)
    return refused.value.code


def test_a_ticket_event_is_a_hint_of_a_case() -> None:
    """Its id is Zendesk's, its version the ticket's own, to the second as the API writes it."""
    body = raised_priority()

    event = let_in(body)

    assert event.source == "support-main"
    assert event.event_id == body["id"]
    assert event.type == "zen:event-type:ticket.priority_changed"
    assert (event.kind, event.subject) == (Kind.CASE, "35436")
    assert event.version == "2026-11-22T11:59:30Z"
    assert event.occurred_at == datetime(2026, 11, 22, 11, 59, 31, 412345, UTC)
    assert event.body == orjson.dumps(body)
    assert event.received_at == NOW


def test_without_the_tickets_time_there_is_no_version() -> None:
    """A field that is gone and can be done without; the event's time may be later than the
    ticket's, and would have us wait for a change that never shows."""
    event = let_in(raised_priority(detail={"id": "35436"}))
    assert (event.kind, event.version) == (Kind.CASE, "")


@pytest.mark.parametrize(
    "other",
    [
        {"type": "zen:event-type:organization.tags_changed", "subject": "zen:organization:360"},
        {"type": "zen:event-type:user.created", "subject": "zen:user:6596848315901", "detail": {}},
        {"type": "zen:event-type:ticket.soft_deleted"},
    ],
)
def test_an_event_of_something_else_is_kept_and_is_of_no_kind(other: dict[str, Any]) -> None:
    """Genuine, answered 2xx, and nothing follows."""
    event = let_in(raised_priority(**other))

    assert event.kind == ""
    assert event.subject
    assert event.type == other["type"]


def test_a_type_that_zendesk_adds_later_is_a_hint_like_any_other() -> None:
    """Of a ticket, whatever changed there: the ticket is read again."""
    event = let_in(raised_priority(type="zen:event-type:ticket.mood_changed", extra={"new": 1}))
    assert event.kind == Kind.CASE


def test_a_triggers_message_is_known_by_its_invocation() -> None:
    """Zendesk repeats an invocation under its id; the template has none."""
    event = let_in(fired())

    assert event.event_id == "zd:invocation:8350205582"
    assert (event.kind, event.subject) == (Kind.CASE, "35436")
    assert event.occurred_at == datetime(2026, 11, 22, 11, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "version"),
    [
        ("2026-11-22T11:59Z", ""),
        ("", ""),
        ("2026-11-22T11:59:30Z", "2026-11-22T11:59:30Z"),
        ("2026-11-22T12:59:30+01:00", "2026-11-22T11:59:30Z"),
    ],
)
def test_a_time_to_the_minute_is_no_version(stated: str, version: str) -> None:
    """The second change of a minute would look older than the first."""
    assert let_in(fired(updated_at=stated)).version == version


def test_the_simulated_desk_signs_what_is_let_in() -> None:
    """Its events and its trigger pass, and carry the ticket that changed."""
    desk = ZendeskSimulator()
    ticket = desk.change_ticket(subject="Globex cannot log in", priority="high")
    desk.change_ticket(id=ticket["id"], priority="urgent", tags=["escalated"])
    now = datetime.now(UTC)

    events = [
        verify(m.body, m.headers(now), [SECRET], now, Environment.TEST, account_id=ACCOUNT)
        for m in [*desk.webhooks(SECRET), desk.triggered(SECRET, ticket["id"])]
    ]

    assert [event.type.rpartition(".")[2] for event in events] == [
        "created", "priority_changed", "tags_changed", "ticket_changed",
    ]  # fmt: skip
    assert {event.subject for event in events} == {str(ticket["id"])}
    assert len({event.event_id for event in events}) == 4
    assert desk.webhooks(SECRET) == []


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
def test_both_secrets_count_while_they_rotate(secret: str) -> None:
    """Zendesk signs with one at a time."""
    raw = orjson.dumps(raised_priority())
    headers = signed(raw, secret)
    assert verify(raw, headers, [SECRET, NEXT_SECRET], NOW, Environment.TEST)


@pytest.mark.parametrize("missing", [SIGNATURE, TIMESTAMP])
def test_a_missing_header_is_named(missing: str) -> None:
    """Both prove the message."""
    raw = orjson.dumps(raised_priority())
    headers = {k: v for k, v in signed(raw).items() if k != missing}
    assert refusal(raw, headers) == "missing_header"


def test_a_trigger_without_invocation_has_no_id() -> None:
    """An event of Zendesk's has one of its own and can do without."""
    raw = orjson.dumps(fired())
    headers = {k: v for k, v in signed(raw).items() if k != INVOCATION}
    assert refusal(raw, headers) == "missing_header"
    raw = orjson.dumps(raised_priority())
    headers = {k: v for k, v in signed(raw).items() if k != INVOCATION}
    assert verify(raw, headers, [SECRET], NOW, Environment.TEST)


@pytest.mark.parametrize(
    "change",
    [
        {TIMESTAMP: "2026-11-22T12:00:01Z"},
        {TIMESTAMP: "tomorrow"},
        {SIGNATURE: "AAAA"},
        {SIGNATURE: ""},
        {SIGNATURE: "!!"},
        {SIGNATURE: "é"},
    ],
)
def test_a_forgery_is_refused(change: dict[str, str]) -> None:
    """Time and body are bound by the signature."""
    raw = orjson.dumps(raised_priority())
    assert refusal(raw, signed(raw) | change) == "bad_signature"


@pytest.mark.parametrize("broken", [lambda raw: raw[:-20], lambda raw: raw + b" ", lambda _: b""])
def test_a_body_that_is_not_what_was_signed_is_refused(broken: Any) -> None:
    """Truncated, lengthened or lost."""
    raw = orjson.dumps(raised_priority())
    assert refusal(broken(raw), signed(raw)) == "bad_signature"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_recorded_message_is_stale(seconds: int) -> None:
    """Five minutes either way, which is our tolerance: Zendesk states none."""
    raw = orjson.dumps(raised_priority())
    assert refusal(raw, signed(raw, at=NOW + timedelta(seconds=seconds))) == "stale"


def test_a_stale_forgery_is_a_forgery() -> None:
    """Nothing is said of a message's age before its signature holds."""
    raw = orjson.dumps(raised_priority())
    assert refusal(raw, signed(raw, NEXT_SECRET, NOW - timedelta(days=1))) == "bad_signature"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b'{"type": "zen:event-type:ticket.created"}', "malformed"),
        (orjson.dumps(raised_priority(time="yesterday")), "malformed"),
        (orjson.dumps(raised_priority(time="2026-11-22T11:59:31")), "malformed"),
        (orjson.dumps(raised_priority(id="")), "malformed"),
        (orjson.dumps(raised_priority(id="x" * 256)), "malformed"),
        (orjson.dumps(raised_priority(detail=None)), "malformed"),
        (orjson.dumps(raised_priority(detail={"id": "../users"})), "malformed"),
        (orjson.dumps(raised_priority(detail={"id": "1", "updated_at": "soon"})), "malformed"),
        (orjson.dumps(fired(ticket_id="")), "malformed"),
        (orjson.dumps({"ticket_id": "35436"}), "malformed"),
        (orjson.dumps(fired(environment="live")), "wrong_environment"),
        (orjson.dumps(fired(type="tieline.user_changed")), "unknown_type"),
    ],
)
def test_a_signed_message_can_still_be_none_of_ours(body: bytes, code: str) -> None:
    """Each reason has a code of its own, for counting."""
    assert refusal(body, signed(body)) == code


def test_a_message_of_ten_megabytes_is_judged_like_any_other() -> None:
    """The receiver's limit is in front; without it nothing breaks."""
    raw = orjson.dumps(raised_priority(event={"current": "x" * 10_000_000}))
    assert verify(raw, signed(raw), [SECRET], NOW, Environment.TEST).subject == "35436"
    assert refusal(raw[:-1], signed(raw)) == "bad_signature"


def test_another_account_is_another_environment() -> None:
    """A sandbox is an account of its own: its events do not count for the live one."""
    raw = orjson.dumps(raised_priority())
    assert refusal(raw, signed(raw), account_id="99") == "wrong_environment"
    raw = orjson.dumps(fired())
    assert refusal(raw, signed(raw), account_id="99") == "wrong_environment"
    # The header alone proves nothing when the signed body says otherwise.
    raw = orjson.dumps(raised_priority(account_id=99))
    assert refusal(raw, signed(raw), account_id=ACCOUNT) == "wrong_environment"


def test_the_account_is_an_option_of_the_connection() -> None:
    """Without it every account whose secret is configured is let in."""
    connection = Connection(
        name="main", role=Role.SUPPORT, vendor="zendesk", base_url="https://acme.zendesk.com",
        options={"account_id": "99"},
    )  # fmt: skip
    by_options = verify_of(connection)
    assert by_options
    raw = orjson.dumps(raised_priority())

    with pytest.raises(WebhookRefused) as refused:
        by_options(raw, signed(raw), [SECRET], NOW, Environment.TEST, source="main")

    assert refused.value.code == "wrong_environment"


@pytest.mark.parametrize(
    ("secret", "good"), [(SECRET, True), ("short", False), (PUBLISHED_SECRET, False)]
)
def test_a_secret_that_anybody_knows_is_none(secret: str, good: bool) -> None:
    """Zendesk publishes one for trying out a webhook."""
    assert (secret_problem(secret) is None) is good
