"""An invoice or sales order as it is now, from rows of SuiteQL; pure."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import chain

from adapters.netsuite.changes import moment
from adapters.netsuite.feed import ORACLE_STAMP
from adapters.netsuite.mapping import ORDER_PREFIX
from adapters.netsuite.settings import NetSuiteSettings
from adapters.netsuite.suiteql import Row
from canonical.errors import Malformed
from canonical.facts import ContractFacts, InvoiceFacts, InvoiceStatus
from canonical.ids import digest
from canonical.money import Money
from canonical.renewal import ContractTerms

# Source and subsidiary of a transaction stand on its main line. External ids count as ours only on
# records that carry our key. Whether a due date has passed, the account's own day says, as in the
# feed of what falls overdue: whoever is told of an invoice then finds it so.
HEAD = """
SELECT t.id AS id, t.type AS type, t.tranid AS number, t.status AS status,
       t.externalid AS externalid, t.custbody_tieline_key AS ours,
       TO_CHAR(SYS_EXTRACT_UTC(t.lastmodifieddate), '{stamp}') AS changed,
       TO_CHAR(SYS_EXTRACT_UTC(t.createddate), '{stamp}') AS created,
       TO_CHAR(t.trandate, 'YYYY-MM-DD') AS dated, TO_CHAR(t.duedate, 'YYYY-MM-DD') AS due,
       CASE WHEN t.duedate < TRUNC(SYSDATE) THEN 'T' ELSE 'F' END AS pastdue,
       t.foreigntotal AS total, t.foreignamountunpaid AS unpaid, cu.symbol AS currency,
       c.externalid AS account, c.custentity_tieline_key AS accountours,
       o.id AS orderid, o.externalid AS ordered, o.custbody_tieline_key AS orderours,
       ml.subsidiary AS subsidiary{disputed}
FROM transaction t
JOIN transactionline ml ON ml.transaction = t.id AND ml.mainline = 'T'
LEFT JOIN currency cu ON cu.id = t.currency
LEFT JOIN customer c ON c.id = t.entity
LEFT JOIN transaction o ON o.id = ml.createdfrom
"""
HEADER = HEAD + "WHERE t.id = {id} AND t.type = '{type}'"
SETTLEMENTS = """
SELECT p.id AS id, p.type AS type, l.foreignamount AS amount,
       TO_CHAR(SYS_EXTRACT_UTC(p.lastmodifieddate), '{stamp}') AS changed,
       TO_CHAR(SYS_EXTRACT_UTC(p.createddate), '{stamp}') AS created
FROM nexttransactionlinelink l
JOIN transaction p ON p.id = l.nextdoc
WHERE l.previousdoc = {id} AND l.linktype = 'Payment'
"""
LINES = """
SELECT tl.linesequencenumber AS line, tl.item AS item, tl.quantity AS quantity,
       tl.foreignamount AS amount, tl.isclosed AS closed,
       tl.custcol_tieline_line AS ours, tl.custcol_milestone AS milestone
FROM transactionline tl
WHERE tl.transaction = {id} AND tl.mainline = 'F' AND tl.taxline = 'F'
ORDER BY tl.linesequencenumber
"""
INVOICE, SALES_ORDER = "CustInvc", "SalesOrd"
INVOICE_STATUSES = {
    "A": InvoiceStatus.OPEN,
    "B": InvoiceStatus.PAID,
    "D": InvoiceStatus.DRAFT,  # pending approval
    "E": InvoiceStatus.VOID,  # rejected
    "V": InvoiceStatus.VOID,
}
# How far an order is delivered and billed is no change of what was agreed.
ORDER_STATUSES = {
    "A": "pending",
    "B": "active",
    "C": "cancelled",
    "D": "active",
    "E": "active",
    "F": "active",
    "G": "active",
    "H": "closed",
}
UNPOSTED = frozenset({"D", "E"})
# Credits and write-offs settle an invoice without a payment.
WITHOUT_MONEY = frozenset({"CustCred", "Journal"})
# A checkbox that is not ticked, or a text that is empty.
UNDISPUTED = frozenset({"F", ""})
# What of a contract moves the clock of its renewal.
ENDS = {"starts_on", "ends_on", "co_term_on", "notice_days", "auto_renews"}
TERMS = ("item", "quantity", "amount", "closed", "ours", "milestone")


def question(template: str, settings: NetSuiteSettings, **names: str) -> str:
    """A question in one line, its moments in UTC; every name was checked before."""
    field = settings.disputed_field
    disputed = f", t.{field} AS disputed" if field else ""
    return " ".join(template.format(stamp=ORACLE_STAMP, disputed=disputed, **names).split())


def invoice_facts(
    header: Row, settlements: Sequence[Row], settings: NetSuiteSettings
) -> InvoiceFacts:
    """An invoice with what has settled it; `paid` is money only, `remaining` has credits off.

    Raises Malformed when a field that is needed is gone or means nothing.
    """
    paying = [row for row in settlements if row.get("type") not in WITHOUT_MONEY]
    moneyless = [row for row in settlements if row.get("type") in WITHOUT_MONEY]
    try:
        currency, letter = header["currency"], _letter(header["status"])
        total = _money(header["total"], currency)
        status = INVOICE_STATUSES[letter]
        # SuiteQL leaves nulls out; of an open invoice it must say what is open.
        unpaid = header["unpaid"] if status is InvoiceStatus.OPEN else header.get("unpaid", "0")
        remaining = _money(unpaid, currency)
        credited = Money.total(
            (_money(row.get("amount", "0"), currency) for row in moneyless), currency
        )
        # A payment counts as a change of the invoice, whether or not NetSuite stamps it so.
        version = max(row["changed"] for row in chain([header], settlements))
        paid = max(0, (total - remaining - credited).amount_minor)
        last = max((row["created"] for row in paying), default=None)
        return InvoiceFacts(
            id=header["id"],
            version=version,
            changed_at=moment(version),
            account_id=account_of(header),
            opportunity_id=_deal(header, "ordered", "orderours"),
            legal_entity=settings.legal_entity(header.get("subsidiary", "")),
            number=header.get("number", ""),
            contract_id=header.get("orderid", ""),
            status=status,
            total=total,
            paid=Money(amount_minor=paid, currency=currency),
            remaining=remaining,
            due_on=header.get("due") or None,
            posted_at=None if letter in UNPOSTED else moment(header["created"]),
            paid_at=moment(last) if last else None,
            disputed=header.get("disputed", "F") not in UNDISPUTED,
            past_due=header.get("pastdue") == "T",
        )
    except (KeyError, ValueError, InvalidOperation) as error:
        raise unreadable("invoice", header, error) from None


def contract_facts(
    header: Row, lines: Sequence[Row], settings: NetSuiteSettings, agreed: ContractTerms
) -> ContractFacts:
    """A sales order as a contract, with what was agreed of its end and what that comes to; raises
    Malformed when a field that is needed is gone."""
    try:
        terms = [{name: row.get(name, "") for name in TERMS} for row in lines]
        ends = agreed.model_dump(mode="json", include=ENDS)
        return ContractFacts(
            id=header["id"],
            version=header["changed"],
            changed_at=moment(header["changed"]),
            account_id=account_of(header),
            opportunity_id=deal_of(header),
            legal_entity=settings.legal_entity(header.get("subsidiary", "")),
            status=order_status(header),
            terms_digest=digest({"currency": header["currency"], "lines": terms, "ends": ends}),
            value=agreed.value,
            started_at=moment(header["created"]),
        )
    except (KeyError, ValueError) as error:
        raise unreadable("sales order", header, error) from None


def order_status(header: Row) -> str:
    """How a sales order stands; raises KeyError for a status that nobody knows."""
    return ORDER_STATUSES[_letter(header["status"])]


def account_of(header: Row) -> str:
    """The account by the customer's external id, if the customer is ours."""
    return _ours(header, "account", "accountours")


def deal_of(header: Row) -> str:
    """The opportunity by the sales order's external id, if the order is ours."""
    return _deal(header, "externalid", "ours")


def _letter(status: str) -> str:
    # Some accounts answer `CustInvc:A`, some only `A`.
    return status.rpartition(":")[2]


def _money(amount: str, currency: str) -> Money:
    # A link is told from both ends in some accounts, once with a minus.
    return Money.of(max(Decimal(0), Decimal(amount)), currency)


def _ours(header: Row, name: str, key: str) -> str:
    return header.get(name, "") if header.get(key) else ""


def _deal(header: Row, name: str, key: str) -> str:
    external_id = _ours(header, name, key)
    if not external_id.startswith(ORDER_PREFIX):
        return ""
    return external_id.removeprefix(ORDER_PREFIX)


def unreadable(what: str, header: Row, error: Exception) -> Malformed:
    """The error for a row that lacks what is needed or means nothing."""
    # A missing column is named by its KeyError; a value is never repeated.
    why = f"no {error.args[0]}" if isinstance(error, KeyError) else type(error).__name__
    why = re.sub(r"[^\w .]", "", why)[:80]
    return Malformed(f"NetSuite's {what} cannot be understood: {why}", about=header.get("id", ""))
