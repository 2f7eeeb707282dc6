"""What has happened to a record, by what it was and what it is now (R53, R54).

A pure function of two reads, so that duplicates, gaps and reordered hints cannot change the answer:
whatever lies between the last read and this one is told now, and nothing is told twice, because the
id of an occurrence follows from the record and not from the message that made us look.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TypeVar

from canonical.events import (
    CaseEscalated,
    CaseSeverityChanged,
    ContractAmended,
    EventData,
    ImplementationCompleted,
    InvoiceAdjusted,
    InvoiceOverdue,
    InvoicePosted,
    MilestoneCompleted,
    PaymentReceived,
)
from canonical.facts import (
    AnyFacts,
    CaseFacts,
    ContractFacts,
    InvoiceFacts,
    InvoiceStatus,
    OnboardingFacts,
    OpportunityFacts,
    TaskFacts,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Occurrence:
    """Something that happened to a record; `once` tells it from others of its type there."""

    data: EventData
    occurred_at: datetime
    once: str = ""


def occurrences(
    connection: str, before: AnyFacts | None, now: AnyFacts, today: date
) -> list[Occurrence]:
    """What happened between two reads of one record, in the order in which it happened.

    `now` is not older than `before`. What comes out again at a later read has the same `once`.
    """
    match now:
        case InvoiceFacts():
            told = _invoice(connection, _same(before, InvoiceFacts), now, today)
            return sorted(told, key=_when)
        case ContractFacts():
            return list(_contract(connection, _same(before, ContractFacts), now))
        case CaseFacts():
            return list(_case(connection, _same(before, CaseFacts), now))
        case OnboardingFacts():
            return list(_onboarding(connection, now))
        case TaskFacts():
            return list(_task(connection, now))
        case OpportunityFacts():
            return []  # told by the process that accepts the order


def _when(occurrence: Occurrence) -> tuple[bool, datetime]:
    # Posting comes first, also where a system does not say when it was.
    return not isinstance(occurrence.data, InvoicePosted), occurrence.occurred_at


def is_overdue(invoice: InvoiceFacts, today: date) -> bool:
    """Whether an open invoice has passed its due date with something left to pay."""
    return (
        invoice.status in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)
        and invoice.due_on is not None
        and (invoice.due_on < today or invoice.past_due)
        and invoice.remaining.amount_minor > 0
    )


def _same(before: AnyFacts | None, kind: type[T]) -> T | None:
    return before if isinstance(before, kind) else None


def _invoice(
    connection: str, before: InvoiceFacts | None, now: InvoiceFacts, today: date
) -> Iterator[Occurrence]:
    about = {"connection": connection, "external_id": now.id, "number": now.number}
    about |= {"account_id": now.account_id, "opportunity_id": now.opportunity_id}
    if now.status is InvoiceStatus.DRAFT:
        return
    # A system that does not say when an invoice was posted still says that it is no draft any more;
    # one that was withdrawn before it ever was posted is no receivable.
    if now.posted_at is not None or now.status is not InvoiceStatus.VOID:
        posted = InvoicePosted(**about, total=now.total, remaining=now.remaining, due_on=now.due_on)
        yield Occurrence(posted, now.posted_at or now.changed_at)
    if is_overdue(now, today) and now.due_on is not None:
        overdue = InvoiceOverdue(**about, remaining=now.remaining, due_on=now.due_on)
        late = datetime.combine(now.due_on, time.max, UTC).replace(microsecond=0)
        yield Occurrence(overdue, late, once=now.due_on.isoformat())
    is_paid = _more_is_paid(before, now)
    if is_paid:
        in_full = now.status is InvoiceStatus.PAID
        received = PaymentReceived(**about, paid=now.paid, remaining=now.remaining, in_full=in_full)
        yield Occurrence(received, now.paid_at or now.changed_at, once=_payment(now))
    if _is_adjusted(before, now, is_paid):
        adjusted = InvoiceAdjusted(
            **about,
            remaining=now.remaining,
            status=now.status,
            disputed=now.disputed,
            overdue=is_overdue(now, today),
            failed_payments=now.failed_payments,
        )
        yield Occurrence(adjusted, now.changed_at, once=f"{now.version} {_owed(now)}")


def _is_adjusted(before: InvoiceFacts | None, now: InvoiceFacts, is_paid: bool) -> bool:
    """Whether more has changed than a payment tells: what else is owed since an earlier read, and a
    dispute in any case, since it is a risk however little is known of the invoice."""
    known = before if before and before.status is not InvoiceStatus.DRAFT else None
    if now.disputed and not (known and known.disputed):
        return True
    return not is_paid and known is not None and _owed(known) != _owed(now)


def _owed(invoice: InvoiceFacts) -> tuple[int | str | bool, ...]:
    """What decides whether and how much is still to be paid, and whether trying it has failed."""
    failed = (invoice.failed_payments,) if invoice.failed_payments else ()
    return invoice.remaining.amount_minor, invoice.status.value, invoice.disputed, *failed


def _more_is_paid(before: InvoiceFacts | None, now: InvoiceFacts) -> bool:
    """Also when a credit settles what was left; nothing is received where all was credited."""
    if now.paid.amount_minor <= 0:
        return False
    if before is None or now.paid.amount_minor > before.paid.amount_minor:
        return True
    return InvoiceStatus.PAID is now.status is not before.status


def _payment(now: InvoiceFacts) -> str:
    """By what is paid and when: a payment that bounced and was made again is another one, and what
    settles an invoice is told even when its amount was told before."""
    if now.status is not InvoiceStatus.PAID:
        return str(now.paid.amount_minor)
    settled = now.paid_at.astimezone(UTC).isoformat() if now.paid_at else ""
    return f"{now.paid.amount_minor} in full {settled}".rstrip()


def _contract(
    connection: str, before: ContractFacts | None, now: ContractFacts
) -> Iterator[Occurrence]:
    if before is None or (before.terms_digest, before.status) == (now.terms_digest, now.status):
        return
    amended = ContractAmended(
        connection=connection,
        external_id=now.id,
        status=now.status,
        value=now.value,
        value_before=before.value,
        account_id=now.account_id,
        opportunity_id=now.opportunity_id,
    )
    # Two changes within the resolution of a system's clock have one version.
    yield Occurrence(amended, now.changed_at, once=f"{now.version} {now.status} {now.terms_digest}")


def _case(connection: str, before: CaseFacts | None, now: CaseFacts) -> Iterator[Occurrence]:
    about = {"connection": connection, "external_id": now.id, "account_id": now.account_id}
    if before is not None and before.severity != now.severity:
        changed = CaseSeverityChanged(**about, before=before.severity, severity=now.severity)
        once = f"{now.version} {before.severity} {now.severity}"
        yield Occurrence(changed, now.changed_at, once)
    if now.escalated and not (before and before.escalated):
        escalated = CaseEscalated(**about, severity=now.severity)
        # Again once it was calm in between: the version of the read that saw it is part of the id.
        yield Occurrence(escalated, now.changed_at, once=now.version)


def _onboarding(connection: str, now: OnboardingFacts) -> Iterator[Occurrence]:
    if now.completed:
        completed = ImplementationCompleted(
            connection=connection,
            external_id=now.id,
            account_id=now.account_id,
            opportunity_id=now.opportunity_id,
        )
        yield Occurrence(completed, now.completed_at or now.changed_at)


def _task(connection: str, now: TaskFacts) -> Iterator[Occurrence]:
    if now.completed:
        completed = MilestoneCompleted(
            connection=connection,
            external_id=now.id,
            name=now.name,
            onboarding_id=now.onboarding_id,
            account_id=now.account_id,
            opportunity_id=now.opportunity_id,
        )
        yield Occurrence(completed, now.completed_at or now.changed_at)
