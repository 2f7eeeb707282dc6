"""The org's signed callout: what is let in, and why the rest is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from adapters.salesforce.webhook import verify
from canonical.connections import Environment
from canonical.inbound import WebhookRefused
from simulators.salesforce import SalesforceSimulator

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + "b2xkLXNlY3JldC1vbGQtc2VjcmV0"
NEXT_SECRET = "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0"
EVENT = "sf:0065g00000GlobexAAA:2026-11-22T11:59:30.000+0000"


def message(**data: Any) -> dict[str, Any]:
    """The callout's body."""
    return {
        "type": "opportunity.closed_won",
        "timestamp": "2026-11-22T11:59:30.000Z",
        "data": {
            "opportunity_id": "0065g00000Globe",
            "organization_id": "00D5g000001",
            "system_modstamp": "2026-11-22T11:59:30.000+0000",
            "environment": "test",
        }
        | data,
    }


def signed(raw: bytes, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The three headers, as a sender would make them."""
    return {
        "Webhook-Id": EVENT,
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(EVENT, at, raw.decode()),
    }


def deal() -> bytes:
    """A good message."""
    return orjson.dumps(message())


def test_a_signed_message_becomes_an_event() -> None:
    """The subject is the 18-character id, the body what was received to the byte."""
    raw = deal()

    event = verify(raw, signed(raw), [SECRET], NOW, Environment.TEST, "crm-main")

    assert event.source == "crm-main"
    assert event.event_id == EVENT
    assert event.type == "opportunity.closed_won"
    assert event.subject == "0065g00000GlobeAAB"
    assert event.occurred_at == datetime(2026, 11, 22, 11, 59, 30, tzinfo=UTC)
    assert event.environment is Environment.TEST
    assert event.body == raw
    assert event.received_at == NOW


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
def test_both_secrets_count_while_they_rotate(secret: str) -> None:
    """The sender may change over at any moment."""
    raw = deal()

    assert verify(raw, signed(raw, secret), [SECRET, NEXT_SECRET], NOW, Environment.TEST)


def test_one_of_several_signatures_is_enough() -> None:
    """A sender may sign with the old and the new secret at once."""
    raw = deal()
    headers = signed(raw, NEXT_SECRET)
    headers["Webhook-Signature"] = f"v1a,xyz v1,!! {headers['Webhook-Signature']}"

    assert verify(raw, headers, [NEXT_SECRET], NOW, Environment.TEST)


def test_the_simulated_org_signs_what_is_let_in() -> None:
    """The callout of the stand-in passes."""
    org = SalesforceSimulator()
    account = org.add("Account", Name="Globex")
    won = org.add(
        "Opportunity", Name="Globex", AccountId=account, StageName="Negotiation",
        CloseDate="2026-11-20",
    )  # fmt: skip
    callout = org.close_won(won)

    event = verify(callout.body, callout.headers(SECRET, NOW), [SECRET], NOW, Environment.TEST)

    assert event.subject == won


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_message_out_of_time_is_stale(seconds: int) -> None:
    """Replayed or from a wrong clock, in both directions."""
    raw = deal()
    assert refusal(raw, signed(raw, at=NOW + timedelta(seconds=seconds))) == "stale"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_are_tolerated(seconds: int) -> None:
    """Networks and clocks are not perfect."""
    raw = deal()
    headers = signed(raw, at=NOW + timedelta(seconds=seconds))
    assert verify(raw, headers, [SECRET], NOW, Environment.TEST)


@pytest.mark.parametrize("missing", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_a_missing_header_is_named(missing: str) -> None:
    """Each of the three is needed."""
    raw = deal()
    headers = {k: v for k, v in signed(raw).items() if k != missing}
    assert refusal(raw, headers) == "missing_header"


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "sf:another"},
        {"Webhook-Timestamp": str(int(NOW.timestamp()) + 1)},
        {"Webhook-Signature": "v1,AAAA"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v2,AAAA"},
    ],
)
def test_whatever_is_not_what_was_signed_is_refused(change: dict[str, str]) -> None:
    """Id, time and body are bound by the signature."""
    raw = deal()
    assert refusal(raw, signed(raw) | change) == "bad_signature"


def test_a_changed_body_is_refused() -> None:
    """One byte is enough."""
    raw = deal()
    assert refusal(raw + b" ", signed(raw)) == "bad_signature"


def test_a_stale_forgery_is_a_forgery() -> None:
    """Nothing is said of a message's age before its signature holds."""
    raw = deal()
    headers = signed(raw, NEXT_SECRET, NOW - timedelta(days=1))
    assert refusal(raw, headers) == "bad_signature"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "malformed"),
        (b"{", "malformed"),
        (b"null", "malformed"),
        (orjson.dumps(message(opportunity_id="Globex")), "malformed"),
        (orjson.dumps(message() | {"timestamp": "yesterday"}), "malformed"),
        (orjson.dumps(message() | {"timestamp": "2026-11-22T11:59:30"}), "malformed"),
        (orjson.dumps(message(environment="live")),
         "wrong_environment"),
        (orjson.dumps(message() | {"type": "account.merged"}),
         "unknown_type"),
    ],
)  # fmt: skip
def test_a_signed_message_can_still_be_none_of_ours(body: bytes, code: str) -> None:
    """Each reason has a code of its own, for counting."""
    assert refusal(body, signed(body)) == code


def refusal(raw: bytes, headers: dict[str, str]) -> str:
    """Why a message is not let in."""
    with pytest.raises(WebhookRefused) as refused:
        verify(raw, headers, [SECRET], NOW, Environment.TEST)
    assert SECRET not in str(refused.value)
    return refused.value.code
