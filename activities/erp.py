"""ERP activities: register a customer, book a sales order with its revenue schedule, close it."""

from temporalio import activity

from activities.context import current_process
from activities.master import put_master_record
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.errors import Busy
from canonical.ids import effect_key
from canonical.plan import CustomerSpec, SalesOrderSpec
from canonical.ports.erp import ErpPort
from canonical.requests import BookOrder, CloseOrder
from domain.revenue import compare_schedules, revenue_schedule

CUSTOMER = "customer"
SALES_ORDER = "sales_order"
SCHEDULE_WAIT_SECONDS = 2.0


class ErpActivities:
    """What processes ask of one ERP connection."""

    def __init__(self, port: ErpPort, connection: str, effects: Effects) -> None:
        self._port = port
        self._connection = connection
        self._effects = effects

    @activity.defn(name="erp.register_customer")
    async def register_customer(self, customer: CustomerSpec) -> ExternalRef:
        """Make the customer known to finance; posts nothing."""
        return await put_master_record(
            self._effects,
            connection=self._connection,
            kind=CUSTOMER,
            account_id=customer.account_id,
            legal_entity=customer.legal_entity,
            request=customer,
            put=lambda known, stamp: self._port.put_customer(customer, known, stamp),
            find=lambda: self._port.find_customer(customer.account_id),
        )

    @activity.defn(name="erp.book_order")
    async def book_order(self, request: BookOrder) -> ExternalRef:
        """Book the sales order and prove its revenue schedule, line by line (R65)."""
        order = request.order

        async def write(stamp: Stamp) -> ExternalRef:
            return await self._port.put_sales_order(
                order, request.customer_id, request.subscription_id, stamp
            )

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_sales_order(order.opportunity_id, stamp)

        booked = await self._effects.once(
            Effect(
                key=self._key(order.opportunity_id),
                connection=self._connection,
                kind=SALES_ORDER,
                subject=Subject(kind="opportunity", id=order.opportunity_id),
                request=order,
                scope=self._key(order.opportunity_id),
                process=current_process(),
                legal_entity=order.legal_entity,
            ),
            write,
            probe,
        )
        await self._prove_schedule(order, booked)
        return booked

    @activity.defn(name="erp.close_order")
    async def close_order(self, request: CloseOrder) -> ExternalRef | None:
        """Undo of the booking: nothing more is invoiced or recognized; harmless when not booked."""
        process = current_process()
        key = self._key(request.opportunity_id)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_sales_order(request.opportunity_id, stamp)

        async def reverse(ref: ExternalRef) -> None:
            stamp = Stamp(key=key, token="", correlation_id=process.correlation_id)
            await self._port.close_sales_order(ref, stamp)

        return await self._effects.undo(key, process, probe, reverse)

    async def _prove_schedule(self, order: SalesOrderSpec, booked: ExternalRef) -> None:
        # The ERP derives the schedule from the order in its own time; an order without one is not
        # a proven booking, and a schedule that differs from the order is a matter for finance.
        actual = await self._port.revenue_schedule(booked.id, order.currency)
        if not actual:
            raise Busy(
                f"the ERP has not generated the revenue schedule of order {booked.id} yet",
                retry_after_seconds=SCHEDULE_WAIT_SECONDS,
            )
        compare_schedules(revenue_schedule(order), actual)

    def _key(self, opportunity_id: str) -> str:
        return effect_key(self._connection, SALES_ORDER, opportunity_id)
