"""A contract as its owner keeps it, and what people change of it there."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from simulators.stripe import subscriptions
from simulators.stripe.store import Call
from tests.world import World


class BillingContract:
    """The contract is Stripe's subscription."""

    preset, connection = "billing-led", "billing"

    def __init__(self, tieline: World) -> None:
        self.account = tieline.billing.account
        (subscription,) = tieline.subscriptions("active")
        self.id = subscription["id"]

    def ends(self, day: date) -> None:
        """It is to end on a day, and not to go on."""
        after = datetime.combine(day + timedelta(days=1), time(), UTC)
        self._change(cancel_at=int(after.timestamp()))

    def renews_itself(self) -> None:
        """It goes on unless somebody ends it: Stripe's own way."""
        self._change(cancel_at=None)

    def co_terms(self, day: date) -> None:
        """It is to end together with another contract."""
        self._change(metadata={"tieline_co_term_on": day.isoformat()})

    def needs_notice(self, days: int) -> None:
        """Notice has to be given so many days before its end."""
        self._change(metadata={"tieline_notice_days": str(days)})

    def cancelled(self) -> None:
        """It is ended now."""
        subscriptions.cancel(self.account, Call((self.id,), {}))

    def _change(self, metadata: dict[str, str] | None = None, **fields: Any) -> None:
        held = self.account.subscriptions.need(self.id)
        held.update(fields, metadata={**held["metadata"], **(metadata or {})})
        self.account.tell(Call((self.id,), {}), "customer.subscription.updated", held)


class ErpContract:
    """The contract is NetSuite's sales order."""

    preset, connection = "erp-led", "erp"

    def __init__(self, tieline: World) -> None:
        self.books = tieline.erp.books
        (order,) = tieline.sales_orders()
        self.id = str(order["id"])
        self.renews_itself()

    def ends(self, day: date) -> None:
        """It is to end on a day, and not to go on."""
        held = self.books.records.get("salesOrder", self.id)
        lines = [{"line": x["line"], "revRecEndDate": day.isoformat()} for x in held["item"]]
        self._change(item={"items": lines}, custbody_tieline_auto_renews=False)

    def renews_itself(self) -> None:
        """It goes on unless somebody ends it."""
        self._change(custbody_tieline_auto_renews=True)

    def co_terms(self, day: date) -> None:
        """It is to end together with another contract."""
        self._change(custbody_tieline_co_term=day.isoformat())

    def needs_notice(self, days: int) -> None:
        """Notice has to be given so many days before its end."""
        self._change(custbody_tieline_notice_days=days)

    def cancelled(self) -> None:
        """It is ended now."""
        held = self.books.records.get("salesOrder", self.id)
        lines = [{"line": line["line"], "isClosed": True} for line in held["item"]]
        self._change(item={"items": lines})

    def _change(self, **fields: Any) -> None:
        held = self.books.records.get("salesOrder", self.id)
        self.books.save("salesOrder", held, fields)
