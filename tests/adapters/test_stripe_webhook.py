"""Stripe's webhooks: what is let in, and why the rest is not."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import stripe

from adapters.registry import webhooks_of
from adapters.stripe.webhook import secret_problem, verify
from canonical.connections import Environment
from canonical.facts import Kind
from canonical.inbound import InboundEvent, WebhookRefused
from simulators.stripe import StripeSimulator, customers
from simulators.stripe.store import Call
from simulators.stripe.webhooks import message

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECRET = "whsec_oldoldoldoldoldoldoldoldoldoldol"
NEXT_SECRET = "whsec_newnewnewnewnewnewnewnewnewnewne"
CREATED = int(datetime(2026, 11, 22, 11, 59, 30, tzinfo=UTC).timestamp())


def snapshot(kind: str = "invoice.paid", obj: Any = None, **changed: Any) -> dict[str, Any]:
    """Globex has paid, as Stripe tells it."""
    return {
        "id": "evt_1Globex", "object": "event", "api_version": "2026-10-28.endive",
        "created": CREATED, "data": {"object": obj or {"id": "in_1Globex", "object": "invoice"}},
        "livemode": False, "pending_webhooks": 1, "type": kind,
        "request": {"id": "req_1", "idempotency_key": "k1"}, **changed,
    }  # fmt: skip


def thin(kind: str = "v1.invoice.paid", related: Any = None, **changed: Any) -> dict[str, Any]:
    """The same without its object."""
    url = "/v1/invoices/in_1Globex"
    return {
        "id": "evt_test_65Globex", "object": "v2.core.event", "type": kind, "livemode": False,
        "created": "2026-11-22T11:59:30.246Z",
        "related_object": related or {"id": "in_1Globex", "type": "invoice", "url": url}, **changed,
    }  # fmt: skip


def signed(raw: bytes, secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The header, as Stripe's own library computes it."""
    stamp = int(at.timestamp())
    signer = stripe.WebhookSignature
    return {"Stripe-Signature": signer.generate_signature_header(raw.decode(), secret, stamp)}


def accepted(body: dict[str, Any], environment: Environment = Environment.TEST) -> InboundEvent:
    """The event in a signed message."""
    raw = orjson.dumps(body)
    return verify(raw, signed(raw), [SECRET], NOW, environment, "billing-main")


def refusal(raw: bytes, headers: dict[str, str] | None = None) -> str:
    """Why a message is not let in; by default it is well signed."""
    given = signed(raw) if headers is None else headers
    with pytest.raises(WebhookRefused) as refused:
        verify(raw, given, [SECRET], NOW, Environment.TEST, "billing-main")
    assert SECRET not in str(refused.value)
    assert "Globex" not in str(refused.value)
    return refused.value.code


def test_a_snapshot_becomes_a_hint_of_its_invoice() -> None:
    """Its id is Stripe's, its version when it was made, its body what was received."""
    event = accepted(snapshot())

    assert (event.source, event.event_id) == ("billing-main", "evt_1Globex")
    assert (event.type, event.kind, event.subject) == ("invoice.paid", "invoice", "in_1Globex")
    assert event.version == "2026-11-22T11:59:30Z"
    assert event.occurred_at == datetime(2026, 11, 22, 11, 59, 30, tzinfo=UTC)
    assert event.environment is Environment.TEST
    assert event.body == orjson.dumps(snapshot())
    assert event.received_at == NOW


def test_a_thin_event_becomes_the_same_hint() -> None:
    """Under an id of its own, and to the second, so that it compares with a snapshot's version."""
    event, other = accepted(thin()), accepted(snapshot())

    assert event.event_id == "evt_test_65Globex"
    assert event.type == "v1.invoice.paid"
    assert (event.kind, event.subject) == (other.kind, other.subject)
    assert event.version == other.version


SUBSCRIPTION = {"id": "sub_1Globex", "object": "subscription"}
SCHEDULE = {"id": "sub_sched_1", "object": "subscription_schedule", "subscription": "sub_1Globex"}
DISPUTE = {"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1"}


@pytest.mark.parametrize(
    ("body", "kind", "subject"),
    [
        (snapshot("invoice.overdue"), Kind.INVOICE, "in_1Globex"),
        (snapshot("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_1Globex"}),
         Kind.INVOICE, "in_1Globex"),
        (snapshot("credit_note.created", {"id": "cn_1", "invoice": "in_1Globex"}),
         Kind.INVOICE, "in_1Globex"),
        (snapshot("customer.subscription.updated", SUBSCRIPTION), Kind.CONTRACT, "sub_1Globex"),
        (snapshot("customer.subscription.deleted", SUBSCRIPTION), Kind.CONTRACT, "sub_1Globex"),
        (snapshot("subscription_schedule.updated", SCHEDULE), Kind.CONTRACT, "sub_1Globex"),
        (snapshot("subscription_schedule.updated", SCHEDULE | {"subscription": SUBSCRIPTION}),
         Kind.CONTRACT, "sub_1Globex"),
        (snapshot("subscription_schedule.released", SCHEDULE | {
            "subscription": None, "released_subscription": "sub_1Globex"}),
         Kind.CONTRACT, "sub_1Globex"),
        *[
            (snapshot(f"charge.dispute.{what}", DISPUTE), Kind.DISPUTE, "du_1")
            for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
        ],
        (thin("v1.charge.dispute.created", {"id": "du_1", "type": "dispute"}),
         Kind.DISPUTE, "du_1"),
        (thin("v1.customer.subscription.updated", {"id": "sub_1Globex", "type": "subscription"}),
         Kind.CONTRACT, "sub_1Globex"),
    ],
)  # fmt: skip
def test_events_name_the_record_they_are_about(body: Any, kind: str, subject: str) -> None:
    """A schedule by its subscription, a payment by its invoice; a dispute by itself, since it names
    a payment and no invoice."""
    event = accepted(body)
    assert (event.kind, event.subject) == (kind, subject)


@pytest.mark.parametrize(
    "body",
    [
        snapshot("customer.created", {"id": "cus_1", "object": "customer"}),
        snapshot("invoice.upcoming", {"object": "invoice"}),
        snapshot("invoice.deleted"),
        snapshot("invoiceitem.created", {"id": "ii_1"}),
        snapshot("subscription_schedule.created", SCHEDULE | {"subscription": None}),
        snapshot("issuing_dispute.created", {"id": "idp_1", "object": "issuing.dispute"}),
        thin("v1.issuing_dispute.created", {"id": "idp_1", "type": "issuing.dispute"}),
        snapshot("planet.aligned", {}),
        snapshot(account="acct_1Connected"),
        thin("v1.customer.created", {"id": "cus_1", "type": "customer"}),
        thin("v2.core.account.closed") | {"related_object": None},
        thin("v1.invoice.deleted"),
        thin(context="acct_1Connected"),
    ],
)
def test_what_is_nothing_of_ours_is_kept_without_a_kind(body: Any) -> None:
    """Genuine, so it is answered with success: a refusal would have Stripe repeat it for days."""
    event = accepted(body)
    assert (event.kind, event.subject) == ("", "")
    assert event.event_id == body["id"]


@pytest.mark.parametrize("make", [snapshot, thin])
def test_a_test_event_on_a_live_connection_is_refused(make: Any) -> None:
    """And the reverse; live on live is let in."""
    raw, live = orjson.dumps(make()), orjson.dumps(make(livemode=True))
    with pytest.raises(WebhookRefused) as refused:
        verify(raw, signed(raw), [SECRET], NOW, Environment.LIVE, "billing-main")
    assert refused.value.code == "wrong_environment"
    assert refusal(live) == "wrong_environment"
    assert accepted(make(livemode=True), Environment.LIVE).environment is Environment.LIVE


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
def test_both_secrets_count_while_they_roll(secret: str) -> None:
    """Stripe changes over at a moment of its own."""
    raw = orjson.dumps(snapshot())
    headers = signed(raw, secret)
    assert verify(raw, headers, [SECRET, NEXT_SECRET], NOW, Environment.TEST, "billing-main")


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret rolls, Stripe signs with both, in any order and beside schemes of old."""
    raw = orjson.dumps(snapshot())
    stamp, _, old = signed(raw)["Stripe-Signature"].partition(",")
    _, _, new = signed(raw, NEXT_SECRET)["Stripe-Signature"].partition(",")
    headers = {"stripe-signature": f"{stamp},v0=beef,{new},{old}"}
    assert verify(raw, headers, [SECRET], NOW, Environment.TEST, "billing-main")


@pytest.mark.parametrize("seconds", [-301, 301, 86_400 * 400])
def test_a_message_out_of_time_is_stale(seconds: int) -> None:
    """A recorded message that is played again, or a wrong clock, in both directions."""
    raw = orjson.dumps(snapshot())
    assert refusal(raw, signed(raw, at=NOW + timedelta(seconds=seconds))) == "stale"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_are_tolerated(seconds: int) -> None:
    """As Stripe's own library does."""
    raw = orjson.dumps(snapshot())
    headers = signed(raw, at=NOW + timedelta(seconds=seconds))
    assert verify(raw, headers, [SECRET], NOW, Environment.TEST, "billing-main")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "missing_header"),
        ("t=1795348800", "missing_header"),
        ("v1=beef", "missing_header"),
        ("t=noon,v1=beef", "missing_header"),
        ("t=-1,v1=beef", "missing_header"),
        ("t=99999999999999999999,v1=beef", "missing_header"),
        ("t=1795348800,v1=", "bad_signature"),
        ("t=1795348800,v1=beef", "bad_signature"),
        ("t=1795348800,v1=b\u00e9ef", "bad_signature"),
        ("t=1795348800,v0=beef,v1a=beef,v1=x", "bad_signature"),
    ],
)
def test_a_header_that_proves_nothing_is_refused(header: str, code: str) -> None:
    """Absent, torn or made up."""
    raw = orjson.dumps(snapshot())
    assert refusal(raw, {"Stripe-Signature": header}) == code


def test_without_the_header_nothing_is_read() -> None:
    """However genuine the body looks."""
    assert refusal(orjson.dumps(snapshot()), {}) == "missing_header"


def test_a_forged_truncated_or_moved_message_is_refused() -> None:
    """Body, time and secret are bound by the signature."""
    raw = orjson.dumps(snapshot())
    headers = signed(raw)
    later = headers["Stripe-Signature"].replace("t=1795348800", "t=1795348801")
    assert later != headers["Stripe-Signature"]
    assert refusal(raw, signed(raw, NEXT_SECRET)) == "bad_signature"
    assert refusal(raw[:-1], headers) == "bad_signature"
    assert refusal(raw + b" ", headers) == "bad_signature"
    assert refusal(raw, {"Stripe-Signature": later}) == "bad_signature"


def test_a_stale_forgery_is_a_forgery() -> None:
    """Nothing is said of a message's age before its signature holds."""
    raw = orjson.dumps(snapshot())
    assert refusal(raw, signed(raw, NEXT_SECRET, NOW - timedelta(days=1))) == "bad_signature"


def without(body: dict[str, Any], *path: str) -> bytes:
    """The message with one field gone."""
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return orjson.dumps(body)


@pytest.mark.parametrize(
    "path",
    [("id",), ("object",), ("type",), ("created",), ("livemode",), ("data",), ("data", "object"),
     ("data", "object", "id")],
)  # fmt: skip
def test_a_snapshot_without_a_needed_field_is_malformed(path: tuple[str, ...]) -> None:
    """Schema drift has a code of its own, for counting."""
    assert refusal(without(snapshot(), *path)) == "malformed"


@pytest.mark.parametrize("path", [("id",), ("type",), ("created",), ("related_object", "id")])
def test_a_thin_event_without_a_needed_field_is_malformed(path: tuple[str, ...]) -> None:
    """The same of the other shape."""
    assert refusal(without(thin(), *path)) == "malformed"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b"7", b'"event"',
        orjson.dumps(snapshot(object="list")),
        orjson.dumps(snapshot(livemode="false")),
        orjson.dumps(snapshot(created="yesterday")),
        orjson.dumps(snapshot(created=10**15)),
        orjson.dumps(snapshot(id="")),
        orjson.dumps(snapshot(id="evt_" + "x" * 300)),
        orjson.dumps(snapshot(type=7)),
        orjson.dumps(snapshot(data=[])),
        orjson.dumps(thin(created="2026-11-22T11:59:30")),
        orjson.dumps(thin(related_object="in_1Globex")),
    ],
)  # fmt: skip
def test_a_signed_message_can_still_be_no_event(raw: bytes) -> None:
    """None of them is an error of ours."""
    assert refusal(raw) == "malformed"


def test_a_field_that_is_new_changes_nothing() -> None:
    """Stripe adds fields within a version."""
    invoice = {"id": "in_1Globex", "object": "invoice", "hue": {"shade": 7}}
    more = snapshot(hue="teal", data={"object": invoice, "hue": []})
    assert accepted(more).subject == "in_1Globex"


def test_a_body_of_a_megabyte_is_let_in_whole() -> None:
    """An invoice of thousands of lines."""
    lines = [{"id": f"il_{n}", "description": "seats " * 20} for n in range(8_000)]
    body = snapshot(obj={"id": "in_1Globex", "object": "invoice", "lines": {"data": lines}})

    began = time.perf_counter()
    event = accepted(body)

    assert len(event.body) > 1_000_000
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("as_thin", [False, True])
def test_what_the_simulated_account_signs_is_genuine_to_stripes_own_library(as_thin: bool) -> None:
    """And to us; both hold it against the whole secret, prefix and all."""
    account = StripeSimulator(webhook_url="http://127.0.0.1:9", webhook_secret=SECRET)
    account.destination.thin = as_thin
    customers.create(account.account, Call((), {"name": "Globex"}))
    (told,) = account.account.remembered()
    sent = message(told, account.destination)
    headers = sent.headers(datetime.now(UTC))

    signature = headers["stripe-signature"]
    assert stripe.WebhookSignature.verify_header(sent.body, signature, SECRET, tolerance=300)
    event = verify(sent.body, headers, [SECRET], datetime.now(UTC), Environment.TEST, "billing")
    assert event.type == ("v1.customer.created" if as_thin else "customer.created")
    if as_thin:
        client = stripe.StripeClient("sk_test_tieline")
        parsed = client.parse_event_notification(sent.body, signature, SECRET)
        assert parsed.id == event.event_id
    else:
        built = stripe.Webhook.construct_event(sent.body, signature, SECRET)
        assert built.id == event.event_id


@pytest.mark.parametrize(
    ("secret", "fits"),
    [(SECRET, True), ("whsec_" + "aB3" * 10, True), ("whsec_short", False), ("", False),
     ("sk_test_" + "x" * 30, False), ("whsec_" + "x" * 20 + " " + "x" * 20, False)],
)  # fmt: skip
def test_a_secret_that_cannot_be_one_is_named_before_the_first_message(
    secret: str, fits: bool
) -> None:
    """The advice does not repeat it."""
    problem = secret_problem(secret)
    assert (problem is None) is fits
    assert not problem or not secret or secret not in problem


def test_the_registry_knows_how_stripe_signs() -> None:
    """By the vendor's name."""
    assert webhooks_of("stripe") is not None
