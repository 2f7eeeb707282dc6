"""A sales order as a contract with its dates; pure.

The service dates stand on the lines, as they were booked; an order whose lines have none is dated
by its own start and end.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from adapters.netsuite import facts
from adapters.netsuite.mapping import is_closed, order_lines
from adapters.netsuite.settings import NetSuiteSettings
from adapters.netsuite.suiteql import Row
from canonical.money import Money
from canonical.renewal import ContractTerms

ENDED = frozenset({"cancelled", "closed"})
NOTICE_DAYS, CO_TERM = "custbody_tieline_notice_days", "custbody_tieline_co_term"
AUTO_RENEWS = "custbody_tieline_auto_renews"

Record = dict[str, Any]


def from_netsuite_contract(
    header: Row, order: Record, connection: str, settings: NetSuiteSettings
) -> ContractTerms:
    """An order's head from SuiteQL and its record read with sub-resources.

    The end is the last day of service. Raises Malformed when a field that is needed is gone or
    means nothing.
    """
    try:
        status, lines = facts.order_status(header), _open_lines(order)
        co_term, notice = order.get(CO_TERM), order.get(NOTICE_DAYS)
        return ContractTerms(
            contract_id=header["id"],
            connection=connection,
            account_id=facts.account_of(header),
            opportunity_id=facts.deal_of(header),
            legal_entity=settings.legal_entity(header.get("subsidiary", "")),
            status="closed" if is_closed(order) and status not in ENDED else status,
            active=status not in ENDED and not is_closed(order),
            starts_on=min(_days(lines, "revRecStartDate"), default=_day(order.get("startDate"))),
            ends_on=max(_days(lines, "revRecEndDate"), default=_day(order.get("endDate"))),
            co_term_on=_day(co_term),
            notice_days=None if notice in (None, "") else int(notice),
            auto_renews=order.get(AUTO_RENEWS) is True,
            value=_value(lines, header["currency"]),
            version=header["changed"],
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise facts.unreadable("sales order", header, error) from None


def _open_lines(order: Record) -> list[Record]:
    """What is still agreed; of an order that is closed as a whole, what was."""
    lines = order_lines(order)
    return [line for line in lines if not line.get("isClosed")] or lines


def _days(lines: Sequence[Record], name: str) -> list[date]:
    return [date.fromisoformat(line[name]) for line in lines if line.get(name)]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _value(lines: Sequence[Record], currency: str) -> Money:
    return Money.total((Money.of(Decimal(line["amount"]), currency) for line in lines), currency)
