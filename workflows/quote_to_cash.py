"""Quote-to-cash: a closed-won deal becomes a subscription, a booked order and a served customer."""

import asyncio
from datetime import timedelta

from temporalio import workflow

from activities.billing import BillingActivities
from activities.crm import CrmActivities
from activities.erp import ErpActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from canonical.desk import Action, Resolution
from canonical.effects import ExternalRef
from canonical.messages import BusinessEvent, QuoteToCashInput, QuoteToCashResult
from canonical.milestones import Milestone
from canonical.orders import OrderAmendment
from canonical.plan import OrderPlan
from canonical.ports.crm import WriteBack
from canonical.requests import (
    AcceptOrder,
    ActivateSubscription,
    ActiveSubscription,
    BookOrder,
    CancelSubscription,
    CloseOrder,
    OrderReview,
)
from workflows.cases import Review
from workflows.process import Process
from workflows.steps import Undo, attempt

# A person waits for the answer.
REVIEW_PATIENCE = timedelta(seconds=45)


@workflow.defn(name="quote-to-cash")
class QuoteToCash(Process):
    """One deal from closed-won to cash (R57-R69).

    Billing gates the ERP posting; support and customer success never hold it. Billing, the ERP's
    customer and support's entitlement go side by side; customer success starts on the ERP's
    confirmation.
    """

    milestones_by_event = {
        "invoice.posted": Milestone.INVOICE_POSTED,
        "payment.received": Milestone.PAYMENT_MATCHED,
    }

    @workflow.init
    def __init__(self, start: QuoteToCashInput) -> None:
        super().__init__(start.opportunity_id)
        self.start = start
        self.amendment = OrderAmendment()
        self.accepted: OrderPlan | None = None
        self.proposed: OrderPlan | None = None

    @workflow.run
    async def run(self, start: QuoteToCashInput) -> QuoteToCashResult:
        """Fulfil the order; returns how it ended and what stands where."""
        await self.perform()
        return QuoteToCashResult(
            stage=self.stage,
            opportunity_id=self.business_id,
            total=self.value,
            references=self.references,
            skipped=self.skipped,
        )

    async def fulfil(self) -> None:
        """The story of one order."""
        await self.accept_order()
        self.follow(self.provision_entitlement())
        subscription, customer = await asyncio.gather(
            self.activate_subscription(), self.register_customer()
        )
        order = await self.book_order(subscription, customer)
        self.follow(self.start_onboarding())
        await self.write_back("Active", subscription.subscription_id, order.id)
        if self.plan.await_payment:
            await self.reached(Milestone.PAYMENT_MATCHED)

    @property
    def plan(self) -> OrderPlan:
        """The accepted order; only steps after the acceptance ask for it."""
        if self.accepted is None:
            raise RuntimeError("the order is not accepted yet")
        return self.accepted

    async def accept_order(self) -> None:
        """Fetch the authoritative order, validate it and map it to every system's words."""
        self.accepted = await self.gate(
            "accept_order",
            CrmActivities.accept_order,
            lambda: AcceptOrder(opportunity_id=self.business_id, amendment=self.amendment),
            connection=lambda: self.start.crm,
            milestone=Milestone.ORDER_ACCEPTED,
            reference=lambda plan: f"{plan.total} by {plan.catalogue}",
        )
        self.placed(
            account_id=self.plan.account_id,
            account_name=self.plan.account_name,
            legal_entity=self.plan.legal_entity,
            value=self.plan.total,
        )

    async def activate_subscription(self) -> ActiveSubscription:
        """Gate: nothing is posted to finance before billing has the subscription (R67)."""
        return await self.gate(
            "activate_subscription",
            BillingActivities.activate_subscription,
            lambda: ActivateSubscription(
                customer=self.plan.customer, subscription=self.plan.subscription
            ),
            connection=lambda: self.plan.route.billing,
            undo=lambda: Undo(
                "cancel the subscription",
                BillingActivities.cancel_subscription,
                CancelSubscription(
                    opportunity_id=self.business_id, account_id=self.plan.subscription.account_id
                ),
                releases=self.plan.total,
            ),
            milestone=Milestone.SUBSCRIPTION_ACTIVATED,
            reference=lambda active: active.subscription_id,
        )

    async def register_customer(self) -> ExternalRef:
        """Make the customer known to finance; nothing to undo, since nothing is posted."""
        return await self.gate(
            "register_customer",
            ErpActivities.register_customer,
            lambda: self.plan.customer,
            connection=lambda: self.plan.route.erp,
            reference=lambda ref: ref.id,
        )

    async def book_order(
        self, subscription: ActiveSubscription, customer: ExternalRef
    ) -> ExternalRef:
        """Book the sales order and prove its revenue schedule."""
        return await self.gate(
            "book_order",
            ErpActivities.book_order,
            lambda: BookOrder(
                order=self.plan.sales_order,
                customer_id=customer.id,
                subscription_id=subscription.subscription_id,
            ),
            connection=lambda: self.plan.route.erp,
            undo=lambda: Undo(
                "close the sales order and its revenue schedule",
                ErpActivities.close_order,
                CloseOrder(opportunity_id=self.business_id),
                releases=self.plan.total,
            ),
            reference=lambda ref: ref.id,
        )

    async def provision_entitlement(self) -> None:
        """Give support the tier and end date that the order brings."""
        await self.step(
            "provision_entitlement",
            SupportActivities.provision_entitlement,
            lambda: self.plan.entitlement,
            connection=lambda: self.plan.route.support,
            undo=lambda: Undo(
                "withdraw the entitlement",
                SupportActivities.withdraw_entitlement,
                self.plan.entitlement,
            ),
            milestone=Milestone.ENTITLEMENT_PROVISIONED,
            reference=lambda ref: ref.id,
        )

    async def start_onboarding(self) -> None:
        """Let customer success begin, now that finance has confirmed (R72)."""
        await self.step(
            "start_onboarding",
            SuccessActivities.start_onboarding,
            lambda: self.plan.onboarding,
            connection=lambda: self.plan.route.success,
            undo=lambda: Undo(
                "close the onboarding", SuccessActivities.close_onboarding, self.plan.onboarding
            ),
            reference=lambda started: started.onboarding_id,
        )

    async def write_back(self, status: str, subscription_id: str, sales_order_id: str) -> None:
        """Tell the CRM what became of the deal (R144)."""
        await self.step(
            "write_back",
            CrmActivities.write_back,
            lambda: WriteBack(
                opportunity_id=self.business_id,
                status=status,
                subscription_id=subscription_id,
                sales_order_id=sales_order_id,
            ),
            connection=lambda: self.start.crm,
            reference=lambda ref: ref.id,
        )

    async def compensated(self) -> None:
        """Tell the CRM that the deal was cancelled, whatever it was told before (R68)."""
        await self.write_back("Cancelled", "", "")

    def patience(self, step: str) -> timedelta:
        """As the catalogue had it when the order was accepted."""
        minutes = self.accepted.patience_minutes if self.accepted else {}
        return timedelta(minutes=minutes[step]) if step in minutes else super().patience(step)

    def milestone_of(self, event: BusinessEvent) -> Milestone | None:
        """A part of the money is not yet the money."""
        partly = event.body.get("in_full") is False
        return None if partly else super().milestone_of(event)

    # What a person may correct ---------------------------------------------------------------

    @property
    def facts_digest(self) -> str:
        """Identifies the CRM facts that the plan was made from."""
        return self.accepted.facts_digest if self.accepted else ""

    async def review(self, resolution: Resolution) -> Review:
        """Read the order again, and check a correction by the same rules as the order."""
        amendment = self.amendment
        if resolution.action is Action.AMEND:
            try:
                amendment = OrderAmendment.model_validate(resolution.amendment)
            except ValueError as error:
                return Review(self.facts_digest, f"not a correction of an order: {error}"[:400])
        seen: OrderReview = await attempt(
            CrmActivities.review_order,
            AcceptOrder(opportunity_id=self.business_id, amendment=amendment),
            connection=self.start.crm,
            gates=True,
            patience=REVIEW_PATIENCE,
            summary="review the order",
        )
        if resolution.action is Action.AMEND and seen.failure is not None:
            return Review(seen.facts_digest, f"{seen.failure.cause}: {seen.failure.message}")
        self.proposed = seen.plan
        return Review(seen.facts_digest)

    def amend(self, resolution: Resolution) -> None:
        """Take over a correction; the steps not yet done use the plan it gives."""
        self.amendment = OrderAmendment.model_validate(resolution.amendment)
        if self.accepted is not None and self.proposed is not None:
            self.accepted = self.proposed
