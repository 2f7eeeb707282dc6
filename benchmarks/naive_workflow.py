"""Quote-to-cash as the public samples write it: one activity a call, one after another."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from benchmarks.naive_activities import NaiveActivities
    from benchmarks.vendor_calls import Sale

NAIVE_QUEUE = "naive"
TIMEOUT = timedelta(seconds=60)

R = TypeVar("R")
T = TypeVar("T")


@workflow.defn(name="naive-quote-to-cash")
class NaiveQuoteToCash:
    """The same fourteen calls as Tieline's quote-to-cash of a new customer."""

    @workflow.run
    async def run(self, opportunity_id: str) -> Sale:
        """Fulfil the order."""
        activities = NaiveActivities
        sale = await _do(activities.fetch_opportunity, opportunity_id)
        sale = sale.known(customer_id=await _do(activities.create_customer, sale))
        sale = sale.known(subscription_id=await _do(activities.create_subscription, sale))
        sale = sale.known(erp_customer_id=await _do(activities.put_erp_customer, sale))
        sale = sale.known(sales_order_id=await _do(activities.put_sales_order, sale))
        await _do(activities.query_revenue, sale)
        await _do(activities.find_organization, sale)
        await _do(activities.put_organization, sale)
        await _do(activities.find_company, sale)
        sale = sale.known(company_id=await _do(activities.create_company, sale))
        await _do(activities.find_company, sale)
        await _do(activities.put_person, sale)
        await _do(activities.open_cta, sale)
        await _do(activities.write_back, sale)
        return sale


async def _do(activity: Callable[[NaiveActivities, R], Coroutine[Any, Any, T]], given: R) -> T:
    return await workflow.execute_activity_method(activity, given, start_to_close_timeout=TIMEOUT)
