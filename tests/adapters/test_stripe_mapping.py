"""From plans to Stripe's parameters and back to what was booked: pure."""

from datetime import date
from typing import Any

import pytest

from adapters.http import Answer, error_for
from adapters.stripe.amounts import from_stripe_amount, to_stripe_amount
from adapters.stripe.billing import looks_live
from adapters.stripe.charges import from_stripe_charges, to_stripe_charges
from adapters.stripe.errors import ERRORS
from adapters.stripe.forms import to_stripe_form
from adapters.stripe.mapping import (
    require_billable_start,
    schedule_total,
    subscription_total,
    to_stripe_customer,
    to_stripe_schedule,
    to_stripe_subscription,
)
from canonical.errors import (
    Busy,
    Conflict,
    Malformed,
    NotFound,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
    UnsupportedTerms,
)
from canonical.money import Money
from canonical.plan import OneTimeItem, Phase
from tests.adapters.contracts.billing import GLOBEX, ramp, seats, subscription
from tests.adapters.contracts.port import stamp

SETUP = OneTimeItem(line_id="00k2", product="prod_setup", quantity=1, unit_amount_minor=150_000)
GO_LIVE = SETUP.model_copy(update={"line_id": "00k3", "milestone": "Go-live"})
START = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("params", "form"),
    [
        ({"a": 1}, [("a", "1")]),
        ({"a": {"b": {"c": "x"}}}, [("a[b][c]", "x")]),
        ({"items": [{"p": 1}, {"p": 2}]}, [("items[0][p]", "1"), ("items[1][p]", "2")]),
        ({"expand": ("x", "y")}, [("expand[0]", "x"), ("expand[1]", "y")]),
        ({"yes": True, "no": False}, [("yes", "true"), ("no", "false")]),
        ({"none": None, "clear": ""}, [("clear", "")]),
        ({"empty": {}, "list": []}, []),
    ],
)
def test_nested_parameters_become_bracketed_fields(
    params: dict[str, Any], form: list[tuple[str, str]]
) -> None:
    """As Stripe's own SDK writes them."""
    assert to_stripe_form(params) == form


def test_one_phase_is_a_subscription_in_the_vendors_words() -> None:
    """Net 45, yearly, setup fee now, the milestone kept beside."""
    phase = Phase(starts_on=START, months=12, items=[seats(12_000)])
    spec = subscription(phase, one_time=[SETUP, GO_LIVE])

    params = to_stripe_subscription(spec, "cus_1", stamp("deal/1"))

    assert params["collection_method"] == "send_invoice"
    assert params["days_until_due"] == 45
    assert params["backdate_start_date"] == 1_796_083_200
    assert params["proration_behavior"] == "none"
    (item,) = params["items"]
    assert item["price_data"] == {
        "currency": "eur", "product": "prod_basic", "unit_amount": 12_000,
        "recurring": {"interval": "month", "interval_count": 12},
    }  # fmt: skip
    assert item["quantity"] == 10
    (once,) = params["add_invoice_items"]
    assert once["price_data"]["unit_amount"] == 150_000
    assert params["metadata"]["tieline_key"] == "deal/1"
    assert params["metadata"]["tieline_total_minor"] == str(spec.total.amount_minor)


def test_a_ramp_is_a_schedule_whose_phases_carry_the_stamp() -> None:
    """A phase gives its metadata to the subscription, which is found by them."""
    spec = subscription(*ramp(START), one_time=[SETUP])

    params = to_stripe_schedule(spec, "cus_1", stamp("deal/1"))

    assert params["end_behavior"] == "release"
    assert [p["duration"] for p in params["phases"]] == [
        {"interval": "month", "interval_count": 12}
    ] * 3
    assert [p["metadata"]["tieline_key"] for p in params["phases"]] == ["deal/1"] * 3
    assert ["add_invoice_items" in p for p in params["phases"]] == [True, False, False]
    assert [p.get("billing_cycle_anchor") for p in params["phases"]] == [
        None, "phase_start", "phase_start",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("country", "tax_id", "expected"),
    [
        ("DE", "DE123456789", [{"type": "eu_vat", "value": "DE123456789"}]),
        ("GB", "GB123456789", [{"type": "gb_vat", "value": "GB123456789"}]),
        ("DE", "", None),
        ("AQ", "123", None),
    ],
)
def test_a_tax_id_is_sent_with_the_type_its_country_has(
    country: str, tax_id: str, expected: list[dict[str, str]] | None
) -> None:
    """Where the type is not known, the metadata alone keep the number."""
    customer = GLOBEX.model_copy(update={"country": country, "tax_id": tax_id})

    params = to_stripe_customer(customer, stamp(), new=True)

    assert params.get("tax_id_data") == expected
    assert params["metadata"]["tieline_tax_id"] == tax_id
    assert "tax_id_data" not in to_stripe_customer(customer, stamp(), new=False)


def test_charges_come_back_from_the_metadata() -> None:
    """However many values they were cut into, none longer than Stripe takes."""
    many = [GO_LIVE.model_copy(update={"line_id": f"00k{n}"}) for n in range(40)]

    metadata = to_stripe_charges(many, "EUR")

    assert len(metadata) > 1
    assert all(len(value) <= 500 for value in metadata.values())
    assert from_stripe_charges(metadata) == many


def test_charges_beyond_what_fits_are_refused() -> None:
    """Better than a subscription that cannot be counted."""
    with pytest.raises(UnsupportedTerms):
        to_stripe_charges([GO_LIVE.model_copy(update={"milestone": "x" * 600})], "EUR")


@pytest.mark.parametrize(
    ("currency", "ours", "stripes"),
    [
        ("EUR", 12_000, 12_000), ("JPY", 500, 500), ("KWD", 5_120, 5_120), ("ISK", 5, 500),
        ("MGA", 700, 7), ("MGA", -700, -7), ("ISK", 0, 0),
    ],
)  # fmt: skip
def test_amounts_are_written_as_stripe_counts_and_come_back(
    currency: str, ours: int, stripes: int
) -> None:
    """Five kronas are 500 there, seven ariary are 7; both ways, whole numbers only."""
    written = to_stripe_amount(ours, currency)

    assert (type(written), written) == (int, stripes)
    assert from_stripe_amount(written, currency.lower()).amount_minor == ours


@pytest.mark.parametrize(("currency", "ours"), [("MGA", 701), ("KWD", 5_124), ("TND", 1)])
def test_a_price_that_stripe_cannot_take_is_refused_and_never_rounded(
    currency: str, ours: int
) -> None:
    """A fraction of an ariary, a thousandth of a dinar: a person decides; the line is named."""
    with pytest.raises(UnsupportedTerms) as refused:
        to_stripe_charges([GO_LIVE.model_copy(update={"unit_amount_minor": ours})], currency)

    assert refused.value.about == "00k3"


@pytest.mark.parametrize(("currency", "factor"), [("ISK", 100), ("JPY", 1)])
def test_every_price_of_a_subscription_is_written_as_stripe_counts(
    currency: str, factor: int
) -> None:
    """Seats, ramps and set-up alike; what is beside the subscription stays as we count."""
    spec = subscription(*ramp(START), one_time=[SETUP, GO_LIVE], currency=currency)

    params = to_stripe_schedule(spec, "cus_1", stamp("deal/1"))

    units = [i["price_data"]["unit_amount"] for p in params["phases"] for i in p["items"]]
    assert units == [12_000 * factor] * 3
    (once,) = params["phases"][0]["add_invoice_items"]
    assert once["price_data"]["unit_amount"] == 150_000 * factor
    assert from_stripe_charges(params["metadata"]) == [SETUP, GO_LIVE]


def test_what_was_booked_is_computed_and_not_believed() -> None:
    """A wrong number in the metadata changes nothing."""
    record = {
        "currency": "eur",
        "metadata": {"tieline_months": "24", "tieline_total_minor": "1"}
        | to_stripe_charges([GO_LIVE], "EUR"),
        "items": {
            "data": [
                {"quantity": 10, "price": {"unit_amount": 1_000, "currency": "eur",
                 "recurring": {"interval": "month", "interval_count": 1}}},
                {"quantity": 1, "price": {"unit_amount": 50_000, "currency": "eur",
                 "recurring": {"interval": "year", "interval_count": 1}}},
            ]
        },
    }  # fmt: skip
    assert subscription_total(record) == Money(
        amount_minor=24 * 10_000 + 2 * 50_000 + 150_000, currency="EUR"
    )


def test_a_schedule_is_counted_phase_by_phase() -> None:
    """Months between the phases' dates, also when a month is short."""

    def phase(start: int, end: int, unit: int) -> dict[str, Any]:
        recurring = {"interval": "month", "interval_count": 1}
        price = {"unit_amount": unit, "currency": "eur", "recurring": recurring}
        return {
            "start_date": start, "end_date": end, "currency": "eur",
            "items": [{"quantity": 2, "price": price}],
        }  # fmt: skip

    # 2026-01-31 to 2026-02-28 to 2026-04-28
    record = {
        "metadata": {},
        "phases": [
            phase(1_769_817_600, 1_772_236_800, 100),
            phase(1_772_236_800, 1_777_334_400, 300),
        ],
    }
    assert schedule_total(record) == Money(amount_minor=2 * 100 + 2 * 2 * 300, currency="EUR")


@pytest.mark.parametrize(
    ("today", "fits"),
    [
        (date(2026, 11, 1), True), (date(2026, 12, 1), True), (date(2027, 11, 30), True),
        (date(2027, 12, 1), False), (date(2029, 1, 1), False),
    ],
)  # fmt: skip
def test_a_start_may_lie_back_less_than_one_interval(today: date, fits: bool) -> None:
    """Whole intervals are billed from today; one that is over would be missed."""
    spec = subscription(Phase(starts_on=START, months=24, items=[seats(12_000)]))
    if fits:
        require_billable_start(spec, today)
    else:
        with pytest.raises(UnsupportedTerms):
            require_billable_start(spec, today)


@pytest.mark.parametrize(
    ("key", "live"),
    [
        ("sk_live_abc", True), ("rk_live_abc", True), ("sk_test_abc", False),
        ("rk_test_abc", False), ("something", None), ("", None),
    ],
)  # fmt: skip
def test_a_keys_prefix_tells_its_environment(key: str, live: bool | None) -> None:
    """As documented for secret and restricted keys."""
    assert looks_live(key) is live


@pytest.mark.parametrize(
    ("status", "kind", "code", "error"),
    [
        (400, "idempotency_error", None, Conflict),
        (400, "invalid_request_error", "resource_missing", NotFound),
        (400, "invalid_request_error", "parameter_unknown", Malformed),
        (400, "invalid_request_error", None, Malformed),
        (400, "invalid_request_error", "tax_id_invalid", Rejected),
        (401, "invalid_request_error", None, Unauthorized),
        (402, "card_error", "card_declined", Rejected),
        (404, "invalid_request_error", "resource_missing", NotFound),
        (409, "idempotency_error", "idempotency_key_in_use", Busy),
        (429, "invalid_request_error", "lock_timeout", Busy),
        (429, "invalid_request_error", "rate_limit", RateLimited),
    ],
)
def test_an_error_means_one_error(
    status: int, kind: str, code: str | None, error: type[TielineError]
) -> None:
    """The cases of the vendor's error guide."""
    shown = f'"code":"{code}",' if code else ""
    body = f'{{"error":{{"type":"{kind}",{shown}"message":"no","param":"customer"}}}}'.encode()

    refused = error_for(Answer("POST", "/v1/x", status, {}, body, True), ERRORS)

    assert type(refused) is error
    assert refused.about == "customer"
