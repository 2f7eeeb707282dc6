"""CRM activities: accept the authoritative order, tell the CRM what became of it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity

from activities import showing
from activities.context import current_process
from canonical.book import PortfolioBook
from canonical.desk import Announcement, Desk, Failure, ProcessRecord
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.errors import NeedsPerson
from canonical.events import OpportunityClosedWon
from canonical.ids import effect_key
from canonical.milestones import Milestone
from canonical.orders import CommercialOrder, OrderAmendment
from canonical.plan import OrderPlan
from canonical.portfolio import AccountFamily
from canonical.ports.crm import CrmPort, WriteBack
from canonical.renewal import RenewalOpportunity
from canonical.renewal_messages import RenewalQuestion, ShowReadiness
from canonical.requests import AcceptOrder, OrderReview

Planner = Callable[[str, CommercialOrder, OrderAmendment], OrderPlan]


class CrmActivities:
    """What processes ask of one CRM connection."""

    def __init__(
        self,
        port: CrmPort,
        connection: str,
        effects: Effects,
        desk: Desk,
        planner: Planner,
        book: PortfolioBook,
    ) -> None:
        self._port = port
        self._connection = connection
        self._effects = effects
        self._desk = desk
        self._plan = planner
        self._book = book

    @activity.defn(name="crm.accept_order")
    async def accept_order(self, request: AcceptOrder) -> OrderPlan:
        """Fetch the order (the event was a hint, R60), validate it, map it, keep the evidence."""
        order = await self._port.fetch_order(request.opportunity_id)
        plan = self._plan(self._connection, order, request.amendment)
        process = current_process()
        standing = ProcessRecord(
            process=process,
            business_id=plan.opportunity_id,
            stage="fulfilling",
            account_id=plan.account_id,
            account_name=plan.account_name,
            legal_entity=plan.legal_entity,
            value=plan.total,
        )
        # Independent and repeatable: side by side they share the ledger's commits.
        await asyncio.gather(
            self._desk.keep_evidence([order.model_dump(mode="json")]),
            self._desk.record_milestone(
                process,
                Milestone.ORDER_ACCEPTED,
                request.opportunity_id,
                datetime.now(UTC),
                _won(plan),
            ),
            self._desk.record_process(standing),
        )
        return plan

    @activity.defn(name="crm.review_order")
    async def review_order(self, request: AcceptOrder) -> OrderReview:
        """What accepting the order would give now; business failures are part of the answer."""
        try:
            order = await self._port.fetch_order(request.opportunity_id)
        except NeedsPerson as error:
            return OrderReview(failure=_failure(error))
        facts = order.facts_digest()
        try:
            plan = self._plan(self._connection, order, request.amendment)
            return OrderReview(facts_digest=facts, plan=plan)
        except NeedsPerson as error:
            return OrderReview(facts_digest=facts, failure=_failure(error))

    @activity.defn(name="crm.write_back")
    async def write_back(self, outcome: WriteBack) -> ExternalRef:
        """Tell the CRM which records the order has become (R144)."""

        async def write(stamp: Stamp) -> ExternalRef:
            return await self._port.write_back(outcome, stamp)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_write_back(outcome, stamp)

        effect = Effect(
            key=effect_key(
                self._connection, "write_back", outcome.opportunity_id, outcome.status.lower()
            ),
            connection=self._connection,
            kind="write_back",
            subject=Subject(kind="opportunity", id=outcome.opportunity_id),
            request=outcome,
            scope=f"{self._connection}/opportunity/{outcome.opportunity_id}",
            process=current_process(),
        )
        return await self._effects.once(effect, write, probe)

    @activity.defn(name="crm.family")
    async def family(self, account_id: str) -> AccountFamily:
        """The account with everybody above and below it (R61)."""
        return await self._port.family(account_id)

    @activity.defn(name="crm.renewal_opportunity")
    async def renewal_opportunity(self, question: RenewalQuestion) -> RenewalOpportunity:
        """The deal in which a contract is to be renewed (R83)."""
        return await self._port.renewal_opportunity(
            question.account_id, question.opportunity_id, question.renews_on
        )

    @activity.defn(name="crm.show_readiness")
    async def show_readiness(self, request: ShowReadiness) -> ExternalRef:
        """Show a renewal's readiness on the deal that brought the contract (R78)."""
        readiness = await self._book.readiness_of(request.connection, request.contract_id)
        return await showing.show_readiness(
            self._port, self._connection, self._effects, readiness, request
        )


def _won(plan: OrderPlan) -> Announcement:
    data = OpportunityClosedWon(
        opportunity_id=plan.opportunity_id, account_id=plan.account_id, total=plan.total
    )
    subject = f"opportunity/{plan.opportunity_id}"
    return Announcement(data=data, subject=subject, legal_entity=plan.legal_entity)


def _failure(error: NeedsPerson) -> Failure:
    return Failure(
        cause=error.cause, cause_key=error.cause_key, message=str(error), details=error.details
    )
