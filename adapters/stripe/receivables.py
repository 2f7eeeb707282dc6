"""What a customer owes and has paid: invoices with their disputes, read for one account."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from adapters.stripe.api import Record, StripeApi
from adapters.stripe.facts import from_stripe_invoice, newest_stamp
from adapters.stripe.paths import DISPUTES, INVOICES, PAYMENTS, SETTLED_DISPUTES
from adapters.stripe.records import PAYMENTS_MAX, paid_by
from canonical.facts import InvoiceFacts, InvoiceStatus

# What nobody expects to be paid any more is still owed.
OWED = frozenset({InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE})
BEGINNING = datetime.min.replace(tzinfo=UTC)
# Banks take payments back for some months; what was posted earlier is not asked about.
DISPUTABLE = timedelta(days=365)


class StripeReceivables:
    """Reads the invoices of one customer; raises the errors of `canonical.errors`."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def of_customer(self, customer: Record, since: date) -> list[InvoiceFacts]:
        """Finalized since a day, or still owed or taken back; the oldest first.

        Stripe lists by the time of making and not of finalizing, so the whole list is read.
        """
        found: list[InvoiceFacts] = []
        async for invoice in self._api.list(INVOICES, customer=customer["id"]):
            found.append(_facts(invoice, customer))
        disputable = [one for one in found if _is_wanted(one, since - DISPUTABLE)]
        disputed = await self._disputed([one for one in disputable if one.paid.amount_minor > 0])
        found = [one.model_copy(update={"disputed": one.id in disputed}) for one in disputable]
        wanted = [one for one in found if one.disputed or _is_wanted(one, since)]
        return sorted(wanted, key=lambda one: (one.posted_at or BEGINNING, one.id))

    async def _disputed(self, paid: Sequence[InvoiceFacts]) -> set[str]:
        """The invoices of which a payment is disputed.

        All open disputes of the account are asked for first: mostly there are none, and then no
        payment has to be read.
        """
        stamps = [one.posted_at.timestamp() for one in paid if one.posted_at]
        held = await self._held(int(min(stamps))) if stamps else set()
        found: set[str] = set()
        for invoice in paid if held else ():
            payments, _ = await self._api.page(PAYMENTS, invoice=invoice.id, limit=PAYMENTS_MAX)
            for payment in islice(payments, PAYMENTS_MAX):
                if held & {pair for by in paid_by(payment) for pair in by.items()}:
                    found.add(invoice.id)
        return found

    async def _held(self, since: int) -> set[tuple[str, str]]:
        held: set[tuple[str, str]] = set()
        async for dispute in self._api.list(DISPUTES, created={"gte": since}):
            if dispute.get("status") not in SETTLED_DISPUTES:
                held |= {
                    (name, dispute[name])
                    for name in ("charge", "payment_intent")
                    if dispute.get(name)
                }
        return held


def _facts(invoice: Record, customer: Record) -> InvoiceFacts:
    # Without a hint the record's own stamps are all that is known of its age.
    stamp = newest_stamp(invoice)
    whole = {**invoice, "customer": customer}
    return from_stripe_invoice(whole, known_at=stamp, changed_at=stamp)


def _is_wanted(invoice: InvoiceFacts, since: date) -> bool:
    if invoice.status in OWED:
        return True
    begin = datetime.combine(since, time(), UTC)
    return invoice.posted_at is not None and invoice.posted_at >= begin
