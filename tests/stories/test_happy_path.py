"""A closed-won deal, from the CRM to every system and back."""

import asyncio
from datetime import date

from canonical.effects import EffectState
from canonical.ids import quote_to_cash_id
from canonical.milestones import Milestone
from domain.calendar import add_months, last_day
from ledger.views.processes import milestones_of
from tests.stories.evidence import actions_of, bytes_of, correlation_of, effect_states
from tests.world import World, line, this_month


async def test_a_won_deal_stands_in_all_five_systems_under_one_correlation_id(
    tieline: World,
) -> None:
    """One deal becomes one record in each system, and one id leads from any of them to the rest."""
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"), PO_Number__c="PO-4711")

    result = await tieline.fulfilled(deal)

    # Each system has its own record of the deal ...
    (subscription,) = tieline.subscriptions("active")
    (customer,) = tieline.billing.state()["customers"]
    (order,) = tieline.sales_orders()
    (organization,) = tieline.support.state()["organizations"]
    (company,) = tieline.success.state()["Company"].values()
    (onboarding,) = tieline.success.state()["call_to_action"].values()
    opportunity = tieline.opportunity(deal)
    assert str(result.total) == "12,000.00 USD"
    assert order["otherRefNum"] == "PO-4711"
    assert organization["organization_fields"]["support_tier"] == "standard"

    # ... all of them carry the same id ...
    carried = {
        customer["metadata"]["tieline_correlation"],
        subscription["metadata"]["tieline_correlation"],
        order["custbody_tieline_correlation"],
        organization["organization_fields"]["tieline_correlation"],
        company["Tieline_Correlation__gc"],
        onboarding["Tieline_Correlation__gc"],
        opportunity["Integration_Correlation_Id__c"],
    }
    assert carried == {correlation_of(deal)}

    # ... and the CRM knows what the deal has become.
    assert opportunity["Activation_Status__c"] == "Active"
    assert opportunity["Billing_Subscription_Id__c"] == subscription["id"]
    assert opportunity["ERP_Order_Id__c"] == order["id"]
    assert set((await effect_states(tieline, deal)).values()) == {EffectState.CONFIRMED}


async def test_a_three_year_ramp_with_services_is_billed_and_booked_to_the_cent(
    tieline: World,
) -> None:
    """Initech grows from 10 to 30 seats over three years, and pays for its go-live when it is."""
    # Given a ramp of three years, implementation now and go-live on its milestone
    years = [add_months(date.fromisoformat(this_month()), 12 * n) for n in range(3)]
    ramp = [
        line(
            "GTX-PRO", f"{seats * 1200}.00", seats,
            ServiceDate=start.isoformat(), Service_End_Date__c=last_day(start, 12).isoformat(),
        )
        for start, seats in zip(years, (10, 20, 30), strict=True)
    ]  # fmt: skip
    services = [line("IMPLEMENTATION", "7500.00"), line("GO-LIVE", "2500.00")]
    deal = tieline.deal("Initech", *ramp, *services, Term_Months__c=36)

    # When it is fulfilled
    result = await tieline.fulfilled(deal)

    # Then billing has a schedule of three phases, and no charge for the go-live yet
    (schedule,) = tieline.billing.state()["schedules"]
    quantities = [phase["items"][0]["quantity"] for phase in schedule["phases"]]
    (first_invoice,) = tieline.billing.state()["invoices"]
    assert quantities == [10, 20, 30]
    assert first_invoice["total"] == 12_000_00 + 7_500_00
    assert schedule["metadata"]["tieline_total_minor"] == "8200000"
    assert result.references["activate_subscription"] == schedule["subscription"]

    # And the ERP recognizes every line over its own year, and holds what waits for the go-live
    (order,) = tieline.sales_orders()
    plans = tieline.erp.state()["revenuePlan"].values()
    held = [plan for plan in plans if plan["holdRevenueRecognition"]]
    assert (order["total"], str(result.total)) == (82_000.0, "82,000.00 USD")
    assert round(sum(plan["amount"] for plan in plans), 2) == 82_000.0
    assert [plan["amount"] for plan in held] == [2_500.0]

    # And support serves Initech to the last day of the third year
    (organization,) = tieline.support.state()["organizations"]
    fields = organization["organization_fields"]
    assert fields["entitlement_end"] == last_day(years[0], 36).isoformat()
    assert fields["support_tier"] == "standard"


async def test_two_deals_of_one_account_share_its_customer_and_its_best_entitlement(
    tieline: World,
) -> None:
    """Hooli buys twice at once: one customer a system, and the better support of both deals."""
    start = date.fromisoformat(this_month())
    small = tieline.deal("Hooli", line("GTX-BASIC", "4000.00"), Term_Months__c=24)
    large = tieline.deal("Hooli", line("GTK-500", "50000.00"), Term_Months__c=12)

    await asyncio.gather(tieline.fulfilled(small), tieline.fulfilled(large))

    # One customer each, two contracts each
    assert len(tieline.billing.state()["customers"]) == 1
    assert len(tieline.erp.state()["customer"]) == 1
    assert len(tieline.success.state()["Company"]) == 1
    assert len(tieline.subscriptions("active")) == len(tieline.sales_orders()) == 2
    assert len(tieline.success.state()["call_to_action"]) == 2

    # The tier of the one and the end of the other
    (organization,) = tieline.support.state()["organizations"]
    assert organization["organization_fields"]["support_tier"] == "premium"
    end = organization["organization_fields"]["entitlement_end"]
    assert end == last_day(start, 24).isoformat()
    assert [tag for tag in organization["tags"] if tag.startswith("tier_")] == ["tier_premium"]


async def test_an_order_stays_within_its_budget_of_temporal_actions_and_history(
    tieline: World,
) -> None:
    """An ordinary order costs at most 15 actions, 70 events and 16 KB of history."""
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"), line("IMPLEMENTATION", "3000.00"))

    await tieline.fulfilled(deal)

    history = await tieline.process(deal).fetch_history()
    assert actions_of(history) <= 15
    assert len(history.events) <= 70
    assert bytes_of(history) <= 16 * 1024


async def test_a_fulfilled_order_has_reached_the_three_milestones_of_its_own_making(
    tieline: World,
) -> None:
    """Accepted, activated and provisioned are the process's own; invoice and payment are events."""
    deal = tieline.deal("Umbrella", line("GTX-PLUS-PRO", "9000.00"))

    await tieline.fulfilled(deal)

    reached = await milestones_of(tieline.house.database, quote_to_cash_id("crm", deal))
    assert {milestone.milestone for milestone in reached} == {
        Milestone.ORDER_ACCEPTED,
        Milestone.SUBSCRIPTION_ACTIVATED,
        Milestone.ENTITLEMENT_PROVISIONED,
    }
