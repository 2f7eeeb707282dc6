"""Each vendor call as an activity of its own, with no memory of what was done before."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from benchmarks.vendor_calls import Sale, VendorCalls


class NaiveActivities:
    """The fourteen calls, named like them."""

    def __init__(self, calls: VendorCalls) -> None:
        self._calls = calls

    @activity.defn
    async def fetch_opportunity(self, opportunity_id: str) -> Sale:
        """Read the deal."""
        return await self._calls.fetch_opportunity(opportunity_id)

    @activity.defn
    async def create_customer(self, sale: Sale) -> str:
        """Billing's customer."""
        return await self._calls.create_customer(sale)

    @activity.defn
    async def create_subscription(self, sale: Sale) -> str:
        """Billing's subscription."""
        return await self._calls.create_subscription(sale)

    @activity.defn
    async def put_erp_customer(self, sale: Sale) -> str:
        """The ERP's customer."""
        return await self._calls.put_erp_customer(sale)

    @activity.defn
    async def put_sales_order(self, sale: Sale) -> str:
        """The ERP's sales order."""
        return await self._calls.put_sales_order(sale)

    @activity.defn
    async def query_revenue(self, sale: Sale) -> int:
        """The ERP's revenue plan."""
        return await self._calls.query_revenue(sale)

    @activity.defn
    async def find_organization(self, sale: Sale) -> int:
        """Support's organization, if there is one."""
        return await self._calls.find_organization(sale)

    @activity.defn
    async def put_organization(self, sale: Sale) -> str:
        """Support's organization."""
        return await self._calls.put_organization(sale)

    @activity.defn
    async def find_company(self, sale: Sale) -> int:
        """Customer success's company, if there is one."""
        return await self._calls.find_company(sale)

    @activity.defn
    async def create_company(self, sale: Sale) -> str:
        """Customer success's company."""
        return await self._calls.create_company(sale)

    @activity.defn
    async def put_person(self, sale: Sale) -> int:
        """The company's contact."""
        return await self._calls.put_person(sale)

    @activity.defn
    async def open_cta(self, sale: Sale) -> int:
        """The onboarding."""
        return await self._calls.open_cta(sale)

    @activity.defn
    async def write_back(self, sale: Sale) -> int:
        """The CRM's record of the outcome."""
        return await self._calls.write_back(sale)

    def all(self) -> list[Callable[..., Any]]:
        """What the worker serves."""
        return [
            self.fetch_opportunity,
            self.create_customer,
            self.create_subscription,
            self.put_erp_customer,
            self.put_sales_order,
            self.query_revenue,
            self.find_organization,
            self.put_organization,
            self.find_company,
            self.create_company,
            self.put_person,
            self.open_cta,
            self.write_back,
        ]
