"""What of an order is delivered, what its terms let be invoiced, and what is invoiced (R80)."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from canonical.facts import InvoiceFacts, InvoiceStatus, OnboardingFacts, TaskFacts
from canonical.money import Money
from canonical.orders import Fact
from canonical.plan import SubscriptionSpec
from domain.calendar import add_months, midnight
from domain.definitions.implementation_complete import Evidence, Implementation, implementation


class BillableCharge(Fact):
    """One charge of an order by its terms: an interval of a subscription on its first day, what is
    charged once on the first day of all, a milestone charge (`due_on` None) on its milestone."""

    amount: Money
    due_on: date | None = None
    milestone: str = ""


class OrderInvoice(Fact):
    """An invoice that is neither a draft nor void; `amount` is what is paid and still to be paid of
    it, so that credits are off."""

    connection: str
    posted_at: datetime
    amount: Money


class Delivery(Fact):
    """How far customer success is with an order: when its implementation was complete (None while
    it is not), and when its milestones were reached, by their names in lower case."""

    complete_at: datetime | None = None
    reached: dict[str, datetime] = {}


class DeliveredOrder(Fact):
    """An order with something delivered, and what is invoiced of it.

    `charges` are None where its terms are not on record. `unattributed` says that invoices may be
    its own without being known to be: one of its account names no order, or none is on record.
    """

    opportunity_id: str
    value: Money | None = None
    delivery: Delivery
    charges: list[BillableCharge] | None = None
    invoices: list[OrderInvoice] = []
    unattributed: bool = False

    def ready_at(self, charge: BillableCharge) -> datetime | None:
        """When a charge was both delivered and due; None while it is not delivered.

        A milestone is reached with its task, or with the whole implementation.
        """
        complete_at = self.delivery.complete_at
        delivered = self.delivery.reached.get(charge.milestone.casefold(), complete_at)
        if delivered is None:
            return None
        return delivered if charge.due_on is None else max(delivered, midnight(charge.due_on))


def charges_of(terms: SubscriptionSpec, ended_on: date | None = None) -> list[BillableCharge]:
    """The charges of a subscription; no interval begins once its contract has ended."""

    def money(unit_amount_minor: int, quantity: int) -> Money:
        return Money(amount_minor=unit_amount_minor * quantity, currency=terms.currency)

    first = min(phase.starts_on for phase in terms.phases)
    recurring = [
        BillableCharge(
            amount=money(item.unit_amount_minor, item.quantity),
            due_on=add_months(phase.starts_on, months),
        )
        for phase in terms.phases
        for item in phase.items
        for months in range(0, phase.months, item.interval_months)
    ]
    once = [
        BillableCharge(
            amount=money(item.unit_amount_minor, item.quantity),
            due_on=None if item.milestone else first,
            milestone=item.milestone,
        )
        for item in terms.one_time
    ]
    running = [
        one for one in recurring if ended_on is None or (one.due_on and one.due_on < ended_on)
    ]
    return [*running, *once]


def delivery_of(
    onboardings: Sequence[OnboardingFacts], tasks: Iterable[TaskFacts], required: Sequence[str]
) -> Delivery:
    """The delivery of one order, by the definition `implementation_complete` on its own records."""
    given = list(tasks)
    done = [task for task in given if task.completed]
    reached: dict[str, datetime] = {}
    for task in done:
        name, at = task.name.casefold(), _completed_at(task)
        # Of several tasks of one name the first counts: what was reached once may be invoiced.
        reached[name] = min(at, reached.get(name, at))
    evidence = Evidence(onboardings=list(onboardings), tasks=given, required=list(required))
    if implementation(evidence).value is not Implementation.COMPLETE:
        return Delivery(reached=reached)
    ends = [*map(_completed_at, onboardings), *map(_completed_at, done)]
    return Delivery(complete_at=max(ends), reached=reached)


def order_invoice(connection: str, invoice: InvoiceFacts) -> OrderInvoice | None:
    """What an invoice adds to what is invoiced; None for a draft and a void one."""
    if invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
        return None
    return OrderInvoice(
        connection=connection,
        posted_at=invoice.posted_at or invoice.changed_at,
        amount=invoice.paid + invoice.remaining,
    )


def _completed_at(record: OnboardingFacts | TaskFacts) -> datetime:
    return record.completed_at or record.changed_at
