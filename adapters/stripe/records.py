"""The authoritative read of an invoice or a subscription."""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from adapters.stripe.api import Record, StripeApi
from adapters.stripe.facts import (
    from_stripe_invoice,
    from_stripe_subscription,
    id_of,
    newest_stamp,
    understood,
)
from adapters.stripe.paths import (
    DISPUTES,
    INVOICES,
    PAYMENTS,
    SETTLED_DISPUTES,
    SUBSCRIPTIONS,
)
from canonical.errors import Malformed, NotFound
from canonical.facts import AnyFacts, Kind
from canonical.inbound import InboundEvent

PAYMENTS_MAX = 10
TERMS = ("customer", "schedule.phases.items.price")


class StripeRecords:
    """Reads what hints are about; raises the errors of `canonical.errors`."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api

    async def read(self, event: InboundEvent, newest: datetime | None) -> AnyFacts:
        """The record as it is; `newest` is when its newest event known before this was made.

        The version is the newest of what the hint, that event and the record itself tell: a bound
        from below, so that a change which this read missed never looks old.
        """
        if event.kind == Kind.INVOICE:
            invoice = await self._existing(INVOICES, event.subject, ("customer",))
            moments = _moments(event, newest, newest_stamp(invoice))
            disputed = await self._is_disputed(invoice)
            return from_stripe_invoice(invoice, **moments, disputed=disputed)
        subscription = await self._existing(SUBSCRIPTIONS, event.subject, TERMS)
        moments = _moments(event, newest, newest_stamp(subscription))
        return from_stripe_subscription(subscription, **moments)

    async def _existing(self, path: str, subject: str, expand: tuple[str, ...] = ()) -> Record:
        record = await self._api.get(f"{path}/{subject}", expand)
        if record is None or record.get("deleted"):
            raise NotFound(f"Stripe has no {path}/{subject}", about=subject)
        return record

    async def disputed_invoice(self, dispute_id: str) -> str | None:
        """The invoice that a disputed payment was made for; None when it was made for none.

        A dispute names a charge and a payment intent, and an invoice payment the intent. A charge
        without an intent leads nowhere: the list of invoice payments cannot be asked for it.
        """
        dispute = await self._existing(DISPUTES, dispute_id)
        intent = understood(lambda: id_of(dispute["payment_intent"]), dispute)
        if not intent:
            return None
        by = {"type": "payment_intent", "payment_intent": intent}
        paid, _ = await self._api.page(PAYMENTS, payment=by, limit=1)
        return understood(lambda: id_of(paid[0]["invoice"]), paid[0]) if paid else None

    async def _is_disputed(self, invoice: Record) -> bool:
        """Whether a payment of the invoice is disputed; neither it nor a charge names the other."""
        if not invoice.get("amount_paid"):
            return False
        paid, _ = await self._api.page(PAYMENTS, invoice=invoice["id"], limit=PAYMENTS_MAX)
        for payment in islice(paid, PAYMENTS_MAX):
            for filters in paid_by(payment):
                found, _ = await self._api.page(DISPUTES, limit=PAYMENTS_MAX, **filters)
                if any(dispute.get("status") not in SETTLED_DISPUTES for dispute in found):
                    return True
        return False


def paid_by(payment: Record) -> list[dict[str, Any]]:
    """What an invoice was paid by, as its disputes name it; raises Malformed."""
    try:
        made = payment["payment"]
        reference = made.get(made["type"])
    except (AttributeError, KeyError, TypeError):
        raise Malformed("Stripe's invoice payment cannot be understood") from None
    # A payment made outside of Stripe (a payment record) cannot be disputed there.
    return [{made["type"]: reference}] if made["type"] in ("charge", "payment_intent") else []


def _moments(event: InboundEvent, newest: datetime | None, stamp: datetime) -> dict[str, datetime]:
    """When the record changed as far as is told, and what it is at least as new as."""
    told = [moment for moment in (event.occurred_at, newest, stamp) if moment]
    changed_at = max(told)
    known = [_moment(event.version)] if event.version else []
    return {"changed_at": changed_at, "known_at": max([changed_at, *known])}


def _moment(version: str) -> datetime:
    try:
        return datetime.fromisoformat(version).astimezone(UTC)
    except ValueError:
        raise Malformed("the version of a hint is none of Stripe's") from None
