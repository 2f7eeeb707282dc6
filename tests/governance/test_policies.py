"""The desk's policy: owners, escalation, deadlines, actions and approvals."""

from datetime import timedelta

import pytest

from canonical.desk import Action, DeskPolicy
from canonical.errors import ERRORS
from canonical.money import Money
from governance.catalogue import load_catalogue
from governance.source import CatalogueSource

POLICIES = load_catalogue().policies
STEPS = [*POLICIES.steps, "unheard_of"]


@pytest.mark.parametrize("policy", [POLICIES, CatalogueSource()])
def test_policies_and_their_living_source_are_desk_policies(policy: DeskPolicy) -> None:
    """Either can be given to the desk."""
    assert policy.owner_of("UnmappedProduct", "accept_order") == "finance-ops"
    assert policy.escalation_owner("UnmappedProduct", "accept_order", 1) == "finance-lead"
    assert policy.deadline("UnmappedProduct", "accept_order", 0) == timedelta(hours=24)
    assert Action.AMEND in policy.actions_for("UnmappedProduct", "accept_order", True)
    assert policy.approvals_required(None) == 1


@pytest.mark.parametrize("cause", [*ERRORS, "NeverHeardOf"])
@pytest.mark.parametrize("step", STEPS)
def test_every_cause_at_every_step_has_an_owner_a_deadline_and_a_way_out(
    cause: str, step: str
) -> None:
    """There is no exception without an owner (R103, R155), whatever its level."""
    for level in range(6):
        assert POLICIES.escalation_owner(cause, step, level) in POLICIES.roles
        assert POLICIES.deadline(cause, step, level) > timedelta(0)
    assert POLICIES.owner_of(cause, step) == POLICIES.escalation_owner(cause, step, 0)
    assert Action.RETRY in POLICIES.actions_for(cause, step, gates=True)


@pytest.mark.parametrize("cause", list(ERRORS))
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_holds_others_is_never_skipped(cause: str, step: str) -> None:
    """No posting without an active subscription, whatever the catalogue allows (R67)."""
    assert Action.SKIP not in POLICIES.actions_for(cause, step, gates=True)


def test_an_outage_of_customer_success_may_be_skipped() -> None:
    """It never holds the ERP."""
    assert Action.SKIP in POLICIES.actions_for("Unavailable", "start_onboarding", gates=False)


def test_what_the_crm_alone_can_change_is_not_amended_here() -> None:
    """Prices and parents are corrected where they are owned."""
    for cause in ("PriceMismatch", "HierarchyCycle", "OrderNotWon"):
        assert Action.AMEND not in POLICIES.actions_for(cause, "accept_order", gates=True)


def test_a_rejection_belongs_to_the_owner_of_its_step() -> None:
    """Who answers for the vendor that refused; with or without the role in the step's name."""
    assert POLICIES.owner_of("Rejected", "book_order") == "erp-owner"
    assert POLICIES.owner_of("Rejected", "support.provision_entitlement") == "support-ops"
    assert POLICIES.owner_of("Rejected", "unheard_of") == "integration-admin"


def test_a_cause_takes_what_it_does_not_state_from_the_kind_above_it() -> None:
    """UnmappedProduct states its owner, InvalidOrder its deadlines."""
    assert POLICIES.owner_of("CurrencyMismatch", "accept_order") == "sales-ops"
    assert POLICIES.deadline("UnmappedProduct", "accept_order", 1) == timedelta(hours=8)
    assert POLICIES.deadline("UnmappedProduct", "accept_order", 9) == timedelta(hours=8)


@pytest.mark.parametrize(
    ("held", "people"),
    [
        (None, 1),
        (Money.of("10000.00", "USD"), 1),
        (Money.of("10000.01", "USD"), 2),
        (Money.of(1_500_001, "JPY"), 2),
        (Money.of(1, "BHD"), 2),
        (Money.zero("BHD"), 1),
    ],
)
def test_two_people_decide_above_the_threshold_or_where_there_is_none(
    held: Money | None, people: int
) -> None:
    """A currency that nobody set a limit for is treated as large."""
    assert POLICIES.approvals_required(held) == people


def test_patience_outlasts_the_objective() -> None:
    """A transient failure reaches a person late, but the objective's alarm comes first (R126)."""
    for step in STEPS:
        assert POLICIES.patience(step) >= POLICIES.objective(step) > timedelta(0)
