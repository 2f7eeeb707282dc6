"""From Salesforce records to canonical orders, and from outcomes to Salesforce fields; pure."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from canonical.effects import Stamp
from canonical.errors import AccountMissing, CurrencyMismatch, Malformed, UnsupportedTerms
from canonical.facts import OpportunityFacts
from canonical.money import Money, exponent
from canonical.orders import Account, Charge, CommercialOrder, OrderLine
from canonical.ports.crm import WriteBack
from canonical.ports.port import Booking

Record = dict[str, Any]

CHARGES = {
    "Recurring": Charge.RECURRING,
    "One-Time": Charge.ONE_TIME,
    "Milestone": Charge.MILESTONE,
}
# Every stamp that the REST API writes is UTC and of this width, so that stamps sort as text.
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
WRITE_BACK_FIELDS = (
    "ERP_Order_Id__c", "Billing_Subscription_Id__c", "Activation_Status__c",
    "Integration_Correlation_Id__c",
)  # fmt: skip


def from_salesforce_order(
    record: Record, lines: Iterable[Record], accounts: Iterable[Account], currency: str
) -> CommercialOrder:
    """The order as the CRM states it.

    Raises the InvalidOrder kind that says what of it cannot be read.
    """
    deal = str(record["Id"])
    if not record.get("AccountId") or not record.get("Account"):
        raise AccountMissing(f"opportunity {deal} has no account that can be seen", about=deal)
    currency = currency_of(record, currency)
    return CommercialOrder(
        opportunity_id=deal,
        name=_text(record, "Name"),
        account_id=_text(record, "AccountId"),
        stage=_text(record, "StageName"),
        is_won=record.get("IsWon") is True,
        currency=currency,
        amount=_money(record.get("Amount") or 0, currency, f"the amount of {deal}", deal),
        closed_on=date.fromisoformat(record["CloseDate"]),
        version=_text(record, "SystemModstamp"),
        term_months=_months(record.get("Term_Months__c"), deal),
        starts_on=_date(record, "Contract_Start__c"),
        legal_entity=_text(record, "Legal_Entity__c"),
        support_tier=_text(record, "Support_Tier__c"),
        po_number=_text(record, "PO_Number__c"),
        accounts=list(accounts),
        lines=[from_salesforce_line(line, currency) for line in lines],
    )


def from_salesforce_line(record: Record, currency: str) -> OrderLine:
    """One line; raises UnsupportedTerms for a price, quantity or charge that cannot be read."""
    line = str(record["Id"])
    product = record.get("Product2") or {}
    return OrderLine(
        id=line,
        product_code=_text(record, "ProductCode"),
        name=_text(record, "Name"),
        product_active=product.get("IsActive") is not False,
        quantity=Decimal(_stated(record, "Quantity", line)),
        unit_price=_money(_stated(record, "UnitPrice", line), currency, f"price of {line}", line),
        total=_money(_stated(record, "TotalPrice", line), currency, f"total of {line}", line),
        charge=_charge(record.get("Charge_Type__c"), line),
        starts_on=_date(record, "ServiceDate"),
        ends_on=_date(record, "Service_End_Date__c"),
        milestone=_text(record, "Milestone__c"),
    )


def from_salesforce_account(record: Record) -> Account:
    """An account as the CRM states it."""
    return Account(
        id=_text(record, "Id"),
        name=_text(record, "Name"),
        parent_id=_text(record, "ParentId"),
        bill_to_account_id=_text(record, "Bill_To_Account__c"),
        country=_text(record, "BillingCountry"),
        state=_text(record, "BillingState"),
        postal_code=_text(record, "BillingPostalCode"),
        city=_text(record, "BillingCity"),
        street=_text(record, "BillingStreet"),
        tax_id=_text(record, "Tax_Id__c"),
        email=_text(record, "Billing_Email__c"),
        legal_entity=_text(record, "Legal_Entity__c"),
    )


def with_ancestors(account: Record | None) -> Iterator[Account]:
    """An account record and those nested in it as `Parent`, nearest first."""
    while account:
        yield from_salesforce_account(account)
        account = account.get("Parent")


def from_salesforce_booking(record: Record, currency: str) -> Booking:
    """A won opportunity; an amount with too many decimals is rounded, and its status says so."""
    currency = currency_of(record, currency)
    stated = Decimal(record.get("Amount") or 0)
    rounded = _rounded(stated, currency)
    status = _text(record, "StageName")
    return Booking(
        kind="opportunity",
        id=_text(record, "Id"),
        business_id=_text(record, "Id"),
        status=status if rounded == stated else f"{status} ({stated} rounded)",
        amount=Money.of(rounded, currency),
    )


def from_salesforce_facts(record: Record, currency: str) -> OpportunityFacts:
    """What the CRM says of a deal now; an amount with too many decimals is rounded."""
    stamp = stamp_of(record)
    return OpportunityFacts(
        id=_text(record, "Id"),
        version=stamp,
        changed_at=moment_of(stamp),
        account_id=_text(record, "AccountId"),
        opportunity_id=_text(record, "Id"),
        legal_entity=_text(record, "Legal_Entity__c"),
        is_won=record.get("IsWon") is True,
        amount=amount_of(record, currency),
    )


def stamp_of(record: Record) -> str:
    """A record's `SystemModstamp`, which is its version; raises Malformed for another form."""
    stamp = _text(record, "SystemModstamp")
    if not _STAMP.fullmatch(stamp):
        raise Malformed("a record has no SystemModstamp that sorts", about=_text(record, "Id"))
    return stamp


def moment_of(stamp: str) -> datetime:
    """The moment of a stamp."""
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)


def to_salesforce_stamp(moment: datetime) -> str:
    """A moment as the REST API writes stamps, cut to milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "+0000")


def to_salesforce_write_back(outcome: WriteBack, stamp: Stamp) -> dict[str, str]:
    """The opportunity's fields; what there is nothing to tell of stays as it is."""
    values = {
        "ERP_Order_Id__c": outcome.sales_order_id,
        "Billing_Subscription_Id__c": outcome.subscription_id,
        "Activation_Status__c": outcome.status,
        "Integration_Correlation_Id__c": stamp.correlation_id,
    }
    return {name: value for name, value in values.items() if value}


def currency_of(record: Record, currency: str) -> str:
    """The record's currency, or the single one of the org; raises CurrencyMismatch without one."""
    code = _text(record, "CurrencyIsoCode") or currency
    try:
        exponent(code)
    except ValueError as error:
        raise CurrencyMismatch(str(error), about=str(record["Id"])) from None
    return code


def amount_of(record: Record, currency: str) -> Money | None:
    """A deal's amount, rounded where it has too many decimals; None where none can be told."""
    if record.get("Amount") is None:
        return None
    try:
        code = currency_of(record, currency)
    except CurrencyMismatch:
        return None  # the process that reads the whole order says so to a person
    return Money.of(_rounded(Decimal(record["Amount"]), code), code)


def _rounded(stated: Decimal, currency: str) -> Decimal:
    return stated.quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_UP)


def _money(amount: Any, currency: str, what: str, about: str) -> Money:
    try:
        return Money.of(Decimal(amount), currency)
    except ValueError as error:
        raise UnsupportedTerms(f"{what}: {error}", about=about) from None


def _stated(record: Record, field: str, line: str) -> Any:
    value = record.get(field)
    if value is None:
        raise UnsupportedTerms(f"line {line} has no {field}", about=line)
    return value


def _months(value: Any, deal: str) -> int | None:
    if value is None:
        return None
    months = Decimal(value)
    if months != months.to_integral_value():
        raise UnsupportedTerms(f"opportunity {deal} has a term of {months} months", about=deal)
    return int(months)


def _charge(value: Any, line: str) -> Charge | None:
    if not value:
        return None
    charge = CHARGES.get(str(value))
    if charge is None:
        raise UnsupportedTerms(f"line {line} has the unknown charge type {value}", about=line)
    return charge


def _date(record: Record, field: str) -> date | None:
    value = record.get(field)
    return date.fromisoformat(value) if value else None


def _text(record: Record, field: str) -> str:
    value = record.get(field)
    return "" if value is None else str(value)
