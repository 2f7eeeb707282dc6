"""Invoices that are or were disputed, the money that is held by it, and how long it took (R80)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.orders import Fact
from canonical.risk import CollectionStatus, RiskRules
from domain.definitions.invoice_collection_status import collection_status
from domain.definitions.invoice_delinquent import InvoiceOnDay
from domain.receivables import at_stake
from domain.reports.figures import Share, Spread, by_currency, share, spread

InvoiceKey = tuple[str, str]


class DisputeSign(Fact):
    """What was told of an invoice at a time: whether it is disputed."""

    connection: str
    invoice_id: str
    at: datetime
    disputed: bool


class _Episode(NamedTuple):
    invoice: InvoiceKey
    began: datetime
    ended: datetime | None


class Disputes(Fact):
    """Of the invoices posted in a period, or with a dispute in it, how many are or were disputed.

    `open_now` invoices are disputed today by the definition, with `open_money` at stake by
    currency. Of the disputes that began in the period `settled` are over; `to_settle` is over those
    whose end was told, `untimed` are the others.
    """

    invoices: int
    disputed: Share
    open_now: int
    open_money: list[Money]
    settled: int
    untimed: int
    to_settle: Spread


def disputes(
    invoices: Mapping[InvoiceKey, InvoiceFacts],
    signs: Iterable[DisputeSign],
    rules: RiskRules,
    since: datetime,
    now: datetime,
) -> Disputes:
    """Disputes since a time, by the newest read of each invoice and what was told of it before."""
    episodes = _episodes(signs)
    standing = {key for key, one in invoices.items() if _is_disputed(one, rules, now)}
    posted = {key for key, one in invoices.items() if _is_posted_since(one, since)}
    recent = {one.invoice for one in episodes if (one.ended or one.began) >= since}
    disputed = standing | recent
    begun = [one for one in episodes if one.began >= since]
    ended = [(one.ended - one.began).total_seconds() for one in begun if one.ended]
    untimed = sum(one.ended is None and _is_over(invoices.get(one.invoice)) for one in begun)
    return Disputes(
        invoices=len(posted | disputed),
        disputed=share(len(disputed), len(posted | disputed)),
        open_now=len(standing),
        open_money=by_currency(at_stake(invoices[key]) for key in standing),
        settled=len(ended) + untimed,
        untimed=untimed,
        to_settle=spread(ended),
    )


def _episodes(signs: Iterable[DisputeSign]) -> list[_Episode]:
    """Each dispute of each invoice; what is told again while it lasts does not begin another."""
    found: list[_Episode] = []
    open_since: dict[InvoiceKey, datetime] = {}
    for sign in sorted(signs, key=lambda one: one.at):
        key = (sign.connection, sign.invoice_id)
        if sign.disputed:
            open_since.setdefault(key, sign.at)
        elif key in open_since:
            found.append(_Episode(key, open_since.pop(key), sign.at))
    return found + [_Episode(key, began, None) for key, began in open_since.items()]


def _is_disputed(invoice: InvoiceFacts, rules: RiskRules, now: datetime) -> bool:
    on_day = InvoiceOnDay.model_construct(invoice=invoice, today=now.date(), rules=rules)
    return collection_status(on_day).value is CollectionStatus.DISPUTED


def _is_posted_since(invoice: InvoiceFacts, since: datetime) -> bool:
    """A system that does not say when still says that it was; a void one may never have been."""
    if invoice.status is InvoiceStatus.DRAFT:
        return False
    if invoice.posted_at is None:
        return invoice.status is not InvoiceStatus.VOID and invoice.changed_at >= since
    return invoice.posted_at >= since


def _is_over(invoice: InvoiceFacts | None) -> bool:
    """Whether a dispute ended untold: with a payment, which tells of itself only."""
    if invoice is None:
        return False
    return not invoice.disputed or invoice.status is InvoiceStatus.VOID
