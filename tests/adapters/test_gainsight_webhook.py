"""Gainsight's outbound call: what is let in, and why the rest is not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from adapters.gainsight.webhook import secret_problem, verify
from canonical.connections import Environment
from canonical.facts import Kind
from canonical.inbound import InboundEvent, WebhookRefused
from simulators.gainsight import GainsightSimulator

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TOKEN = "t0pSecretThatGainsightSendsAlong-0001"
NEXT_TOKEN = "t0pSecretThatGainsightSendsAlong-0002"
SIGNING = "whsec_" + "b2xkLXNlY3JldC1vbGQtc2VjcmV0LW9sZC1zZWNyZXQ="
CTA = "1S01E316WO3FHIJ3J47HM3GO9IB6N9ZKEDLB"
MODIFIED = 1795348770123  # 2026-11-22T11:59:30.123Z


def called(**changed: Any) -> dict[str, Any]:
    """The documented body: Globex's onboarding changed."""
    return {
        "type": "cta.changed", "gsid": CTA, "modified_date": MODIFIED, "environment": "test",
    } | changed  # fmt: skip


def bearer(token: str = TOKEN) -> dict[str, str]:
    """The header that an admin configured."""
    return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}


def signed(raw: bytes, secret: str = SIGNING, at: datetime = NOW) -> dict[str, str]:
    """The headers of a relay that can sign."""
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_1", at, raw.decode()),
    }


def let_in(body: dict[str, Any], headers: Mapping[str, str] | None = None) -> InboundEvent:
    """The event of a good call."""
    raw = orjson.dumps(body)
    return verify(raw, headers or bearer(), [TOKEN, SIGNING], NOW, Environment.TEST, "cs-main")


def refusal(
    raw: bytes, headers: Mapping[str, str], secrets: tuple[str, ...] = (TOKEN, SIGNING)
) -> str:
    """Why a call is not let in."""
    with pytest.raises(WebhookRefused) as refused:
        verify(raw, headers, secrets, NOW, Environment.TEST)
    assert TOKEN not in str(refused.value)
    return refused.value.code


def test_a_call_is_a_hint_under_the_id_that_a_poll_gives() -> None:
    """Whichever comes first is stored, the other is a duplicate."""
    event = let_in(called())

    assert event.source == "cs-main"
    assert event.event_id == f"gs:cta:{CTA}:2026-11-22T11:59:30.123Z"
    assert event.type == "cta.changed"
    assert (event.kind, event.subject) == (Kind.ONBOARDING, CTA)
    assert event.version == "2026-11-22T11:59:30.123Z"
    assert event.occurred_at == datetime(2026, 11, 22, 11, 59, 30, 123000, UTC)
    assert event.body == orjson.dumps(called())
    assert event.received_at == NOW


def test_a_task_is_a_hint_of_a_task() -> None:
    """And a field that the template does not have is nothing."""
    event = let_in(called(type="task.changed", mood="cheerful"))
    assert (event.kind, event.event_id.split(":")[1]) == (Kind.TASK, "task")


@pytest.mark.parametrize(
    ("stated", "version"),
    [
        (str(MODIFIED), "2026-11-22T11:59:30.123Z"),
        ("2026-11-22T11:59:30.123Z", "2026-11-22T11:59:30.123Z"),
        ("2026-11-22T12:59:30.123+01:00", "2026-11-22T11:59:30.123Z"),
        ("2026-11-22T11:59:30Z", ""),
        ("2026-11-22 11:59:30", ""),
        ("11/22/2026 11.59", ""),
        ("999999999999999", ""),
        ("100000000000000000", ""),
    ],
)
def test_a_time_that_is_not_exact_is_no_version(stated: str, version: str) -> None:
    """It still tells one call from the next."""
    event = let_in(called(modified_date=stated))

    assert event.version == version
    assert event.event_id == f"gs:cta:{CTA}:{version or stated}"


@pytest.mark.parametrize("word", ["company.changed", "cta.deleted", "risk"])
def test_a_type_that_we_do_not_act_on_is_kept_and_is_of_no_kind(word: str) -> None:
    """Somebody's rule sends more than we asked for: answered 2xx, and nothing follows."""
    event = let_in(called(type=word))

    assert (event.kind, event.type, event.subject) == ("", word, CTA)


def test_the_simulated_tenant_calls_what_is_let_in() -> None:
    """Once for each change."""
    tenant = GainsightSimulator()
    task = tenant.change_task(CTAId=CTA, Name="Kickoff call")
    tenant.moved_seconds += 1
    tenant.change_task(Gsid=task["Gsid"], Status="Closed")

    events = [
        verify(m.body, m.headers(NOW), [TOKEN], NOW, Environment.TEST)
        for m in tenant.callbacks(TOKEN)
    ]

    assert [event.subject for event in events] == [task["Gsid"]] * 2
    assert len({event.event_id for event in events}) == 2
    assert tenant.callbacks(TOKEN) == []


@pytest.mark.parametrize("token", [TOKEN, NEXT_TOKEN])
def test_both_secrets_count_while_they_rotate(token: str) -> None:
    """The admin changes over at any moment."""
    raw = orjson.dumps(called())
    assert verify(raw, bearer(token), [TOKEN, NEXT_TOKEN], NOW, Environment.TEST)


def test_a_relay_may_sign_instead() -> None:
    """By Standard Webhooks; the event is the same one."""
    raw = orjson.dumps(called())
    assert let_in(called(), signed(raw)).event_id == let_in(called()).event_id


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_header"),
        ({"Authorization": ""}, "bad_signature"),
        ({"Authorization": "Bearer"}, "bad_signature"),
        ({"Authorization": "Bearer guess"}, "bad_signature"),
        ({"Authorization": f"Basic {TOKEN}"}, "bad_signature"),
        ({"Authorization": TOKEN}, "bad_signature"),
        ({"Authorization": f"Bearer {SIGNING}"}, "bad_signature"),
        ({"Authorization": "Bearer é"}, "bad_signature"),
        ({"Webhook-Signature": "v1,AAAA"}, "missing_header"),
    ],
)
def test_a_call_without_proof_is_refused(headers: dict[str, str], code: str) -> None:
    """A signing secret is no bearer's: it never travels."""
    assert refusal(orjson.dumps(called()), headers) == code


def test_a_bearer_does_not_help_a_bad_signature() -> None:
    """Who signs is judged by the signature."""
    raw = orjson.dumps(called())
    forged = signed(raw, "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0")
    assert refusal(raw, forged | bearer()) == "bad_signature"
    assert refusal(raw, signed(raw), (TOKEN,)) == "bad_signature"


@pytest.mark.parametrize("broken", [lambda raw: raw[:-9], lambda raw: raw + b" ", lambda _: b""])
def test_a_signed_body_that_was_changed_is_refused(broken: Any) -> None:
    """Truncated, lengthened or lost."""
    raw = orjson.dumps(called())
    assert refusal(broken(raw), signed(raw)) == "bad_signature"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_another_time_is_stale(seconds: int) -> None:
    """A bearer cannot tell; its replay is a duplicate by id."""
    raw = orjson.dumps(called())
    assert refusal(raw, signed(raw, at=NOW + timedelta(seconds=seconds))) == "stale"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (orjson.dumps(called())[:-9], "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (orjson.dumps({"type": "cta.changed", "environment": "test"}), "malformed"),
        (orjson.dumps({k: v for k, v in called().items() if k != "environment"}), "malformed"),
        (orjson.dumps(called(gsid="")), "malformed"),
        (orjson.dumps(called(gsid="../Company")), "malformed"),
        (orjson.dumps(called(gsid="X" * 65)), "malformed"),
        (orjson.dumps(called(modified_date="")), "malformed"),
        (orjson.dumps(called(modified_date="x" * 41)), "malformed"),
        (orjson.dumps(called(type="x" * 300)), "malformed"),
        (orjson.dumps(called(environment="live")), "wrong_environment"),
    ],
)
def test_a_proven_call_can_still_be_none_of_ours(body: bytes, code: str) -> None:
    """Each reason has a code of its own, for counting."""
    assert refusal(body, bearer()) == code


def test_a_body_of_ten_megabytes_is_judged_like_any_other() -> None:
    """The receiver's limit is in front; without it nothing breaks."""
    assert let_in(called(comments="x" * 10_000_000)).subject == CTA


@pytest.mark.parametrize(
    ("secret", "good"),
    [(TOKEN, True), (SIGNING, True), ("short", False), ("whsec_short", False), ("é" * 40, False)],
)
def test_a_secret_is_long_or_a_signing_key(secret: str, good: bool) -> None:
    """It is all that stands between anybody and the inbox."""
    assert (secret_problem(secret) is None) is good
