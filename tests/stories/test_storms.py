"""Vendors under stress: throttled, logged out or away, and no order the worse for it."""

import asyncio
from collections import Counter

import pytest

from canonical.effects import EffectState
from canonical.milestones import Milestone
from simulators.kernel import Simulator
from tests.stories.evidence import calls, effect_states
from tests.world import World, eventually, line

ORDERS = 20
NOT_TOKENS = "^/(?!services/(oauth2|rest/auth))"
NAMES = ("Globex", "Initech", "Hooli", "Umbrella", "Vehement")


def _deals(tieline: World, number: int = ORDERS) -> list[str]:
    """Deals of five accounts, so that orders of one customer meet in every system."""
    return [
        tieline.deal(NAMES[n % len(NAMES)], line("GTX-PRO", f"{1200 * (n + 1)}.00"))
        for n in range(number)
    ]


def _throttled(vendor: Simulator) -> int:
    return sum(call["fault"] == "throttle" for call in vendor.log)


async def _assert_complete_and_single(tieline: World, deals: list[str]) -> None:
    results = await asyncio.gather(*(tieline.fulfilled(deal) for deal in deals))
    assert not any(result.skipped for result in results)
    live = Counter(s["metadata"]["tieline_opportunity"] for s in tieline.subscriptions("active"))
    booked = Counter(order["externalId"] for order in tieline.sales_orders())
    onboardings = tieline.success.state()["call_to_action"].values()
    assert live == Counter(deals)
    assert booked == Counter(f"so-{deal}" for deal in deals)
    assert len(onboardings) == len({cta["External_Ref__gc"] for cta in onboardings}) == len(deals)
    assert len(tieline.billing.state()["customers"]) == len(NAMES)
    assert len(tieline.erp.state()["customer"]) == len(NAMES)
    assert len(tieline.support.state()["organizations"]) == len(NAMES)
    assert len(tieline.success.state()["Company"]) == len(NAMES)


async def test_twenty_orders_outlast_a_storm_of_refusals_in_every_system(tieline: World) -> None:
    """Some refusals say when to come back and some do not; everything is written once."""
    # Given vendors that refuse their first requests, at first without a word about when to return
    vendors = (tieline.billing, tieline.erp, tieline.support, tieline.crm)
    for vendor in vendors:
        vendor.faults.arm(kind="throttle", path=NOT_TOKENS, times=8)
    # And then, like Gainsight from the start, for half a second each time
    for vendor in (*vendors, tieline.success):
        vendor.faults.arm(kind="throttle", path=NOT_TOKENS, times=8, retry_after=0.5)

    await _assert_complete_and_single(tieline, _deals(tieline))

    assert [_throttled(vendor) for vendor in vendors] == [16] * len(vendors)
    assert _throttled(tieline.success) == 8


async def test_an_expired_token_is_renewed_once_however_many_orders_notice(
    tieline: World,
) -> None:
    """Both sessions end between Monday's order and Tuesday's five: one renewal each."""
    # Monday: one order, one token of each kind
    await tieline.fulfilled(tieline.deal("Globex"))
    tokens = (
        lambda: len(calls(tieline.crm, "POST", "/oauth2/token")),
        lambda: len(calls(tieline.erp, "POST", "/oauth2/v1/token")),
    )
    assert [count() for count in tokens] == [1, 1]

    # Tuesday: the sessions are over, and five orders find out at the same time
    tieline.crm.expire_tokens()
    tieline.erp.office.expire_all()
    deals = [tieline.deal(name) for name in NAMES]
    await asyncio.gather(*(tieline.fulfilled(deal) for deal in deals))

    assert [count() for count in tokens] == [2, 2]
    assert len(tieline.sales_orders()) == 1 + len(deals)


@pytest.mark.parametrize(
    ("system", "missing"), [("support", "provision_entitlement"), ("success", "start_onboarding")]
)
async def test_an_outage_of_those_who_serve_the_customer_never_holds_finance(
    tieline: World, system: str, missing: str
) -> None:
    """Billing, ERP and CRM go on without support or customer success, who catch up (R136)."""
    # Given a system that is away
    away: Simulator = getattr(tieline, system)
    away.faults.arm(kind="outage", status=503, seconds=600)

    # When a deal is won, then it is billed, booked and told to the CRM, and nobody is bothered
    deal = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    await tieline.start(deal)
    await eventually(lambda: tieline.opportunity(deal)["Activation_Status__c"] == "Active")
    progress = await tieline.progress(deal)
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 1
    assert (progress.stage, progress.cases) == ("fulfilling", [])
    assert {step.name: step.state for step in progress.steps}[missing] == "running"

    # And once it is back, the order completes
    away.faults.clear()
    assert (await tieline.result(deal)).stage == "completed"
    assert set((await effect_states(tieline, deal)).values()) == {EffectState.CONFIRMED}
    assert Milestone.ENTITLEMENT_PROVISIONED in (await tieline.progress(deal)).milestones
