"""Billing refuses an order: nothing reaches finance before a person has put it right (R67)."""

from datetime import UTC, datetime, timedelta

import pytest

from canonical.desk import Action, CaseState, ExceptionCase
from canonical.effects import EffectState
from tests.stories.evidence import calls, effect_states, filed
from tests.world import World, eventually, line

ORDERS = "/record/v1/salesOrder"
BROKEN_RULES: list[tuple[dict[str, object], str]] = [
    ({"country": "Atlantis"}, "UnplacedCountry: the country 'Atlantis' cannot be placed"),
    ({"legal_entity": "ZZ99"}, "UnroutedLegalEntity: there is no legal entity 'ZZ99'"),
    ({"term_months": 7000}, "UnsupportedTerms: a term of 7000 months cannot be billed"),
    ({"amount": "1.00"}, "not a correction of an order"),
    ({}, "an amendment has to say what is corrected"),
]


async def _refused_for_its_country(tieline: World) -> tuple[str, ExceptionCase]:
    """Initech's deal, with a billing country whose taxes Stripe cannot place."""
    tieline.billing.faults.arm(
        kind="reject", method="POST", path="/v1/customers$", times=-1,
        code="customer_tax_location_invalid", body="country%5D=IE",
    )  # fmt: skip
    tieline.account("Initech", BillingCountry="Ireland")
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    return deal, await tieline.case(deal, "activate_subscription")


async def test_the_erp_waits_while_billing_refuses_and_support_does_not(tieline: World) -> None:
    """The refusal holds what depends on it, with an owner, a deadline and the money in question."""
    # When billing refuses the customer's tax location
    opened_after = datetime.now(UTC)
    deal, case = await _refused_for_its_country(tieline)

    # Then support is provisioned and the customer registered, for neither depends on billing
    await eventually(lambda: tieline.support.state()["organizations"])
    await eventually(lambda: tieline.erp.state()["customer"])

    # But the ERP was not even asked to book the order, and the CRM is not told of any success
    progress = await tieline.progress(deal)
    assert progress.stage == "exception"
    assert "book_order" not in {step.name for step in progress.steps}
    assert not calls(tieline.erp, path=ORDERS)
    assert not tieline.success.state()["call_to_action"]
    assert tieline.opportunity(deal)["Activation_Status__c"] is None

    # And the case names its cause, its owner, the money it holds and until when
    assert case.failure.cause == "Rejected"
    assert "customer_tax_location_invalid" in case.failure.message
    assert (case.owner, str(case.held)) == ("finance-ops", "8,400.00 USD")
    assert opened_after < case.deadline <= datetime.now(UTC) + timedelta(hours=24)
    assert case.actions == [Action.RETRY, Action.AMEND, Action.CANCEL]
    assert (await effect_states(tieline, deal))["billing customer"] is EffectState.REFUTED
    assert (await filed(tieline, case.case_id)).state is CaseState.OPEN


async def test_an_amended_order_resumes_where_it_stopped(tieline: World) -> None:
    """A corrected country goes to every system that was waiting, and the deal completes."""
    deal, case = await _refused_for_its_country(tieline)
    accepted_before = len(calls(tieline.support, "POST"))

    outcome = await tieline.decide(case, Action.AMEND, amendment={"country": "Germany"})
    result = await tieline.result(deal)

    assert outcome.accepted and outcome.state is CaseState.RESOLVED
    assert result.stage == "completed"
    (customer,) = tieline.billing.state()["customers"]
    assert customer["address"]["country"] == "DE"
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 1
    assert tieline.opportunity(deal)["Activation_Status__c"] == "Active"
    # Nothing that was done already was done again
    assert len(calls(tieline.support, "POST")) == accepted_before == 1


async def test_an_amendment_that_breaks_a_rule_is_refused_with_the_rule_it_breaks(
    tieline: World,
) -> None:
    """A correction is checked by the rules that check orders; the case stays as it was."""
    deal, case = await _refused_for_its_country(tieline)

    for amendment, refusal in BROKEN_RULES:
        outcome = await tieline.decide(case, Action.AMEND, amendment=amendment)
        assert not outcome.accepted
        assert refusal in outcome.outcome

    assert (await tieline.progress(deal)).cases[0].evidence_digest == case.evidence_digest
    attempts = (await filed(tieline, case.case_id)).attempts
    assert [attempt.amendment for attempt in attempts] == [each for each, _ in BROKEN_RULES]
    assert not any(attempt.accepted for attempt in attempts)
    assert not calls(tieline.erp, path=ORDERS)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/customers$", "tax_id_invalid"),
        ("/v1/subscriptions$", "resource_missing"),
    ],
)
async def test_a_retry_succeeds_once_the_customer_or_the_vendor_has_put_it_right(
    tieline: World, path: str, code: str
) -> None:
    """What was repaired outside needs no amendment: one retry, one customer, one subscription."""
    tieline.billing.faults.arm(kind="reject", method="POST", path=path, code=code)
    deal = tieline.deal("Hooli", line("GTX-PLUS-BASIC", "6000.00"))
    await tieline.start(deal)
    case = await tieline.case(deal, "activate_subscription")
    assert code in case.failure.message

    outcome = await tieline.decide(case, Action.RETRY)

    assert outcome.accepted
    assert (await tieline.result(deal)).stage == "completed"
    assert len(tieline.billing.state()["customers"]) == 1
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 1


async def test_a_gate_cannot_be_skipped(tieline: World) -> None:
    """Nobody may wave an unbilled order through to finance."""
    deal, case = await _refused_for_its_country(tieline)

    outcome = await tieline.decide(case, Action.SKIP, reason="we bill it by hand")

    assert not outcome.accepted
    assert "skip is not among retry, amend, cancel" in outcome.outcome
    assert (await tieline.progress(deal)).stage == "exception"
    assert not calls(tieline.erp, path=ORDERS)


async def test_a_retry_of_a_declined_charge_is_not_answered_from_the_vendors_memory(
    tieline: World,
) -> None:
    """Stripe replays a decline under its idempotency key: what follows a refusal has its own."""
    # Given a charge that billing declines, and remembers for a day
    tieline.billing.faults.arm(
        kind="reject", method="POST", path="/v1/subscriptions$", code="card_declined"
    )
    deal = tieline.deal("Soylent", line("GTX-BASIC", "550.00"))
    await tieline.start(deal)
    case = await tieline.case(deal, "activate_subscription")
    assert "card_declined" in case.failure.message

    # When the customer's bank has been spoken to
    assert (await tieline.decide(case, Action.RETRY)).accepted

    # Then the order completes with one subscription
    assert (await tieline.result(deal)).stage == "completed"
    assert len(tieline.subscriptions()) == 1
