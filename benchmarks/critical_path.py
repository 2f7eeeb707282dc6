"""The longest chain of dependent vendor calls of an order, timed without Temporal."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.vendor_calls import VendorCalls
from tieline.settings import Settings

CALLS = 10


async def chain_seconds(settings: Settings, orders: Sequence[str]) -> list[float]:
    """How long the chain takes by itself, for each order but the first, which opens connections."""
    calls = await VendorCalls.connect(settings)
    try:
        times = []
        for order in orders:
            began = time.perf_counter()
            await _chain(calls, order)
            times.append(time.perf_counter() - began)
    finally:
        await calls.aclose()
    return times[1:]


async def _chain(calls: VendorCalls, order: str) -> None:
    """CRM, billing's two, the ERP's order and plan, customer success's five: ten in a row."""
    sale = await calls.fetch_opportunity(order)
    erp_customer = asyncio.create_task(calls.put_erp_customer(sale))
    sale = sale.known(customer_id=await calls.create_customer(sale))
    sale = sale.known(subscription_id=await calls.create_subscription(sale))
    sale = sale.known(erp_customer_id=await erp_customer)
    sale = sale.known(sales_order_id=await calls.put_sales_order(sale))
    await calls.query_revenue(sale)
    await calls.find_company(sale)
    sale = sale.known(company_id=await calls.create_company(sale))
    await calls.find_company(sale)
    await calls.put_person(sale)
    await calls.open_cta(sale)
