"""The account's signed SuiteScript sender: what is let in, and why the rest is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from adapters.netsuite.webhook import secret_problem, verify
from adapters.registry import webhooks_of
from canonical.connections import Environment
from canonical.facts import Kind
from canonical.inbound import WebhookRefused

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + "b2xkLXNlY3JldC1vbGQtc2VjcmV0"
NEXT_SECRET = "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0"
CHANGED = "2026-11-22T11:59:30Z"


def message(**other: Any) -> dict[str, Any]:
    """The body of a changed invoice of Globex."""
    return {
        "type": "record.changed",
        "record": "invoice",
        "id": "4711",
        "lastmodified": CHANGED,
        "environment": "test",
        "account": "TSTDRV123_SB1",
    } | other


def payment(**other: Any) -> dict[str, Any]:
    """The body of a payment of that invoice."""
    return message(record="customerpayment", id="4800", invoice="4711", **other)


def named(body: dict[str, Any]) -> str:
    """The id that the sender gives a message."""
    parts = [body.get(name, "") for name in ("record", "id", "lastmodified", "invoice")]
    return ":".join(["ns", *(str(part) for part in parts if part)])


def signed(raw: bytes, event_id: str, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The three headers, as the script would make them."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, at, raw.decode()),
    }


def refusal(body: Any, event_id: str = "", environment: Environment = Environment.TEST) -> str:
    """The code under which a well signed body is refused."""
    raw = orjson.dumps(body)
    headers = signed(raw, event_id or named(body))
    with pytest.raises(WebhookRefused) as caught:
        verify(raw, headers, [SECRET], NOW, environment)
    return caught.value.code


@pytest.mark.parametrize(
    ("body", "event_id", "kind", "subject"),
    [
        (message(), f"ns:invoice:4711:{CHANGED}", Kind.INVOICE, "4711"),
        (payment(), f"ns:customerpayment:4800:{CHANGED}:4711", Kind.INVOICE, "4711"),
        (payment() | {"record": "creditmemo"}, f"ns:creditmemo:4800:{CHANGED}:4711",
         Kind.INVOICE, "4711"),
        (message(record="salesorder"), f"ns:salesorder:4711:{CHANGED}", Kind.CONTRACT, "4711"),
    ],
)  # fmt: skip
def test_a_signed_message_becomes_an_event(
    body: dict[str, Any], event_id: str, kind: Kind, subject: str
) -> None:
    """A payment or credit is about the invoice that it settles."""
    raw = orjson.dumps(body)

    event = verify(raw, signed(raw, event_id), [SECRET], NOW, Environment.TEST, "erp-main")

    assert (event.source, event.event_id, event.type) == ("erp-main", event_id, "record.changed")
    assert (event.kind, event.subject, event.version) == (kind, subject, CHANGED)
    assert event.occurred_at == datetime(2026, 11, 22, 11, 59, 30, tzinfo=UTC)
    assert event.body == raw
    assert event.received_at == NOW


def test_the_registry_finds_the_module() -> None:
    """Under the vendor's name, with both of its functions."""
    module = webhooks_of("netsuite")

    assert module is not None
    assert module.verify is verify
    assert module.secret_problem is secret_problem
    assert secret_problem("whsec_c2hvcnQ=") is not None


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
def test_both_secrets_count_while_they_rotate(secret: str) -> None:
    """The script may change over at any moment."""
    raw = orjson.dumps(message())

    assert verify(
        raw, signed(raw, named(message()), secret), [SECRET, NEXT_SECRET], NOW, Environment.TEST
    )


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(missing: str) -> None:
    """Each of the three is needed."""
    raw = orjson.dumps(message())
    headers = {k: v for k, v in signed(raw, named(message())).items() if k != missing}

    with pytest.raises(WebhookRefused, match=missing) as caught:
        verify(raw, headers, [SECRET], NOW, Environment.TEST)

    assert caught.value.code == "missing_header"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_recorded_message_is_stale(seconds: int) -> None:
    """Five minutes are tolerated, in both directions."""
    raw = orjson.dumps(message())
    headers = signed(raw, named(message()), at=NOW + timedelta(seconds=seconds))

    with pytest.raises(WebhookRefused) as caught:
        verify(raw, headers, [SECRET], NOW, Environment.TEST)

    assert caught.value.code == "stale"


@pytest.mark.parametrize(
    "received",
    [b"", b"{", orjson.dumps(message())[:-1], b"x" * 10_000_000, b"\xff\xfe"],
    ids=["empty", "cut off", "truncated", "10 MB", "no text"],
)
def test_whatever_is_not_what_was_signed_is_refused_unread(received: bytes) -> None:
    """Forged, truncated or huge: the signature is looked at before the body."""
    headers = signed(orjson.dumps(message()), named(message()))

    with pytest.raises(WebhookRefused) as caught:
        verify(received, headers, [SECRET], NOW, Environment.TEST)

    assert caught.value.code == "bad_signature"


def test_a_message_of_the_other_environment_is_refused() -> None:
    """A sandbox does not tell of live money, nor the reverse."""
    assert refusal(message(environment="live")) == "wrong_environment"
    assert refusal(message(), environment=Environment.LIVE) == "wrong_environment"


@pytest.mark.parametrize("body", [message(type="record.deleted"), message(record="vendorbill")])
def test_a_type_that_nobody_waits_for_is_refused(body: dict[str, Any]) -> None:
    """The sender is ours: what it should not send is a mistake to be seen."""
    assert refusal(body) == "unknown_type"


@pytest.mark.parametrize("gone", ["type", "record", "id", "lastmodified", "environment"])
def test_a_field_that_is_gone_is_malformed(gone: str) -> None:
    """Schema drift is refused with a reason, not guessed at."""
    body = {name: value for name, value in message().items() if name != gone}

    assert refusal(body, "ns:any") == "malformed"


def test_a_field_that_is_new_is_ignored() -> None:
    """A later script may say more."""
    raw = orjson.dumps(message(script="2.0"))

    assert verify(raw, signed(raw, named(message())), [SECRET], NOW, Environment.TEST)


@pytest.mark.parametrize(
    "body",
    [
        message(id="so-1"),
        message(id="0"),
        message(id=None),
        message(lastmodified="2026-11-22"),
        message(lastmodified="11/22/2026 11:59 am"),
        message(lastmodified="2026-11-22T11:59:30+01:00"),
        message(lastmodified="2026-13-22T11:59:30Z"),
        message(lastmodified=1),
        payment() | {"invoice": ""},
        payment() | {"invoice": "1 OR 1=1"},
        {k: v for k, v in payment().items() if k != "invoice"},
        [],
        "record.changed",
        None,
    ],
)
def test_a_body_that_means_nothing_is_malformed(body: Any) -> None:
    """Ids are NetSuite's internal ones, times are UTC in whole seconds."""
    event_id = named(body) if isinstance(body, dict) else "ns:any"
    assert refusal(body, event_id) == "malformed"


def test_a_message_under_the_id_of_another_is_malformed() -> None:
    """Or the inbox would take it for a duplicate of what it never had."""
    assert refusal(message(), f"ns:invoice:4712:{CHANGED}") == "malformed"
