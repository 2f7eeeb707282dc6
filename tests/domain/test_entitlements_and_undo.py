"""Several deals of one account, and what undoing an order would do."""

from datetime import date
from itertools import permutations

import pytest

from canonical.errors import Conflict, CurrencyMismatch, Misconfigured
from canonical.messages import UndoLine
from canonical.money import Money
from canonical.plan import EntitlementSpec
from domain.compensation import compensation_plan, points_of_no_return
from domain.entitlements import combine
from tests.domain.orders import usd

TIERS = ["basic", "standard", "premium"]


def entitled(deal: str, tier: str, ends_on: date, account: str = "001") -> EntitlementSpec:
    """What one deal of Globex brings."""
    return EntitlementSpec(
        opportunity_id=deal, account_id=account, name="Globex", tier=tier, ends_on=ends_on
    )


PREMIUM = entitled("006A", "premium", date(2025, 6, 30))
BASIC = entitled("006B", "basic", date(2026, 12, 31))
STANDARD = entitled("006C", "standard", date(2025, 12, 31))


def test_several_deals_give_the_highest_tier_and_the_latest_end() -> None:
    """In whatever order the deals were won (R66)."""
    for deals in permutations([PREMIUM, BASIC, STANDARD]):
        combined = combine(deals, TIERS)
        assert combined is not None
        assert (combined.tier, combined.ends_on) == ("premium", date(2026, 12, 31))
        assert combined.opportunity_id == "006A"


def test_what_has_ended_does_not_count() -> None:
    """A lapsed premium deal does not keep the account premium."""
    combined = combine([PREMIUM, BASIC], TIERS, today=date(2025, 7, 1))

    assert combined is not None and combined.tier == "basic"
    assert combine([PREMIUM], TIERS, today=date(2025, 7, 1)) is None
    assert combine([], TIERS) is None


def test_unknown_tiers_and_other_accounts_are_refused() -> None:
    """Neither is guessed at."""
    with pytest.raises(Misconfigured, match=r"'premium' is not in terms\.toml"):
        combine([PREMIUM], ["basic"])
    with pytest.raises(Conflict):
        combine([PREMIUM, entitled("006D", "basic", date(2025, 1, 1), "002")], TIERS)


ACTIVATED = UndoLine(step="activate_subscription", undo="cancel_subscription", releases=usd(12000))
BOOKED = UndoLine(step="book_order", undo="close_order", reference="SO1")
INVOICED = UndoLine(step="post_invoice", undo="credit", releases=usd(500), point_of_no_return=True)


def test_undo_runs_backwards_and_says_what_it_releases() -> None:
    """What was done last is undone first; a point of no return is shown and releases nothing."""
    plan = compensation_plan([ACTIVATED, BOOKED, INVOICED])

    assert [one.step for one in plan.lines] == [
        "post_invoice",
        "book_order",
        "activate_subscription",
    ]
    assert plan.releases == usd(12000)
    assert points_of_no_return(plan) == [INVOICED]


def test_the_digest_is_of_the_plan_that_was_shown() -> None:
    """The same steps give the same digest; one more step another."""
    shown = compensation_plan([ACTIVATED, BOOKED])

    assert shown.digest == compensation_plan([ACTIVATED, BOOKED]).digest
    assert shown.digest != compensation_plan([ACTIVATED]).digest
    assert compensation_plan([]).releases is None


def test_an_undo_in_two_currencies_is_refused() -> None:
    """One order has one currency."""
    euros = BOOKED.model_copy(update={"releases": Money.of(1, "EUR")})
    with pytest.raises(CurrencyMismatch):
        compensation_plan([ACTIVATED, euros])
