"""A closed-won deal, from the CRM to every system and back."""

from tests.world import World, line


async def test_a_won_deal_stands_in_all_five_systems(tieline: World) -> None:
    """One deal becomes one record in each system, carrying one correlation id."""
    deal = tieline.deal("Globex", line("GTX-PRO", "12000.00"))

    result = await tieline.fulfilled(deal)

    assert result.total is not None and str(result.total) == "12,000.00 USD"
    assert len(tieline.subscriptions("active")) == 1
    assert len(tieline.sales_orders()) == 1
    written = tieline.opportunity(deal)
    assert written["Activation_Status__c"] == "Active"
