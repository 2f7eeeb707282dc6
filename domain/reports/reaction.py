"""From an overdue invoice to the call to action of the customer success manager (R81)."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from canonical.orders import Fact
from domain.reports.figures import Spread, spread


class OverdueInvoice(Fact):
    """An invoice that was told to be overdue, from the end of its due date (`at`) on; `settled_at`
    is when nothing was left of it."""

    account_id: str
    at: datetime
    settled_at: datetime | None = None


class RiskCall(Fact):
    """A call to action that stands, or stood until `closed_at`, in customer success."""

    account_id: str
    opened_at: datetime
    closed_at: datetime | None = None


class OverdueReaction(Fact):
    """How long it took from the end of the due date to the call; days of grace are part of it.

    `overdue` invoices are either `called` about (`to_call` is over these), overdue while a call was
    open already (`call_was_open`), settled before any call (`settled_first`), or without a call
    (`without_call`).
    """

    overdue: int
    called: int
    call_was_open: int
    settled_first: int
    without_call: int
    to_call: Spread


def overdue_reaction(
    invoices: Iterable[OverdueInvoice], calls: Iterable[RiskCall]
) -> OverdueReaction:
    """Each overdue invoice with the first call of its account that was open while it was unpaid."""
    by_account: dict[str, list[RiskCall]] = {}
    for call in sorted(calls, key=lambda one: one.opened_at):
        by_account.setdefault(call.account_id, []).append(call)
    given = list(invoices)
    seconds: list[float] = []
    already = settled = without = 0
    for invoice in given:
        found = _call_for(invoice, by_account.get(invoice.account_id, []))
        if found is None:
            settled += invoice.settled_at is not None
            without += invoice.settled_at is None
        elif found.opened_at <= invoice.at:
            already += 1
        else:
            seconds.append((found.opened_at - invoice.at).total_seconds())
    return OverdueReaction(
        overdue=len(given),
        called=len(seconds),
        call_was_open=already,
        settled_first=settled,
        without_call=without,
        to_call=spread(seconds),
    )


def _call_for(invoice: OverdueInvoice, calls: Sequence[RiskCall]) -> RiskCall | None:
    return next(
        (
            call
            for call in calls
            if (call.closed_at is None or call.closed_at > invoice.at)
            and (invoice.settled_at is None or call.opened_at < invoice.settled_at)
        ),
        None,
    )
