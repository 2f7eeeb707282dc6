"""Which records changed in a window, by reading them: Stripe stamps no change on its objects."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from adapters.stripe.api import Record, StripeApi
from adapters.stripe.facts import made_at, newest_stamp
from adapters.stripe.paths import DISPUTES, GONE, INVOICES, SUBSCRIPTIONS
from canonical.facts import Kind

Changed = AsyncIterator[tuple[Kind, Record, datetime]]

# How long before the window an invoice or a dispute may have been made that was settled within it.
LOOKBACK = timedelta(days=180)


async def changed_records(api: StripeApi, since: datetime, until: datetime) -> Changed:
    """Kind, record and its newest own stamp, of each that changed in the window or may have.

    Told are invoices with a stamp in the window and every open one, since a partial payment or a
    due date leaves no stamp; then subscriptions with a stamp in the window and every one that
    runs, since an amendment leaves none. An invoice made over half a year before the window and
    settled in it is not found.
    """
    horizon, end = int((since - LOOKBACK).timestamp()), int(until.timestamp())
    begin = datetime.fromtimestamp(int(since.timestamp()), UTC)
    async for invoice in api.list(INVOICES, created={"gte": horizon, "lt": end}):
        stamp = newest_stamp(invoice)
        if invoice.get("status") == "open" or stamp >= begin:
            yield Kind.INVOICE, invoice, stamp
    async for invoice in api.list(INVOICES, status="open", created={"lt": horizon}):
        yield Kind.INVOICE, invoice, newest_stamp(invoice)
    async for subscription in api.list(SUBSCRIPTIONS, status="all", created={"lt": end}):
        stamp = newest_stamp(subscription)
        if subscription.get("status") not in GONE or stamp >= begin:
            yield Kind.CONTRACT, subscription, stamp


async def changed_disputes(api: StripeApi, since: datetime, until: datetime) -> Changed:
    """The same of disputes: every one made in the window or in the half year before it, since
    neither an answer of the bank nor an end leaves a stamp."""
    made = {"gte": int((since - LOOKBACK).timestamp()), "lt": int(until.timestamp())}
    async for dispute in api.list(DISPUTES, created=made):
        yield Kind.DISPUTE, dispute, made_at(dispute)


CHANGED: dict[str, Callable[[StripeApi, datetime, datetime], Changed]] = {
    "events": changed_records,
    "disputes": changed_disputes,
}
