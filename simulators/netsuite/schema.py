"""The record types: their fields, what each holds, and the custom fields this account declares."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "bool", "integer", "amount", "number", "date", "enum", "raw"]

CUSTOM_BODY = (
    "custbody_tieline_key", "custbody_tieline_correlation", "custbody_billing_subscription",
)  # fmt: skip
# What this account declares besides: a dispute's mark, and what was agreed of a contract's end.
CUSTOM_TYPED: dict[str, Kind] = {
    "custbody_tieline_disputed": "bool", "custbody_tieline_notice_days": "integer",
    "custbody_tieline_co_term": "date", "custbody_tieline_auto_renews": "bool",
}  # fmt: skip
CUSTOM_ENTITY = ("custentity_tieline_key", "custentity_tieline_correlation")
CUSTOM_LINE = ("custcol_tieline_line", "custcol_charge_type", "custcol_milestone")

TRANSACTIONS = {
    "salesOrder": "SalesOrd", "invoice": "CustInvc", "creditMemo": "CustCred",
    "customerPayment": "CustPymt",
}  # fmt: skip
READ_ONLY_TYPES = frozenset({"subsidiary", "term", "currency", "accountingPeriod"})
GENERATED_TYPES = frozenset({"revenueArrangement", "revenueElement", "revenuePlan"})
ITEM_TYPES = frozenset({"item", "serviceSaleItem", "nonInventorySaleItem"})
ORDER_STATUS = {
    "A": "Pending Approval", "B": "Pending Fulfillment", "C": "Cancelled", "F": "Pending Billing",
    "G": "Billed", "H": "Closed",
}  # fmt: skip
REVENUE_RULES = ("straight-line", "point-in-time", "milestone")


@dataclass(frozen=True)
class RecordType:
    """What a record of one type may be given: plain fields, references and line sublists."""

    fields: dict[str, Kind]
    references: dict[str, str]
    sublists: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()


def _fields(text: str = "", **others: Kind) -> dict[str, Kind]:
    return {**dict.fromkeys(text.split(), "text"), **others}


_TRANSACTION = _fields(
    "externalId tranId memo otherRefNum email message " + " ".join(CUSTOM_BODY),
    tranDate="date", dueDate="date", startDate="date", endDate="date", shipDate="date",
    exchangeRate="number", billingAddress="raw", shippingAddress="raw", customForm="raw",
    location="raw", department="raw", salesRep="raw", toBeEmailed="bool", billingSchedule="raw",
    **CUSTOM_TYPED,
)  # fmt: skip
_TRANSACTION_REFERENCES = {
    "entity": "customer", "subsidiary": "subsidiary", "currency": "currency", "terms": "term",
}  # fmt: skip
_COMPUTED = frozenset({"total", "subtotal", "taxTotal", "status", "amountRemaining", "amountPaid"})

LINE_FIELDS = _fields(
    "description " + " ".join(CUSTOM_LINE),
    line="integer", orderLine="integer", quantity="number", rate="number", amount="amount",
    tax1Amt="amount", revRecStartDate="date", revRecEndDate="date", isClosed="bool",
    taxCode="raw", taxRate1="number", price="raw", units="raw", location="raw",
    department="raw", billingSchedule="raw", revRecSchedule="raw",
)  # fmt: skip
LINE_COMPUTED = frozenset({"lineUniqueKey"})

RECORD_TYPES: dict[str, RecordType] = {
    "customer": RecordType(
        _fields(
            "externalId entityId companyName legalName email phone fax url comments firstName"
            " lastName vatRegNumber taxRegNumber accountNumber defaultTaxReg "
            + " ".join(CUSTOM_ENTITY),
            isPerson="bool", isInactive="bool", creditLimit="amount", addressBook="raw",
            category="raw", entityStatus="raw", salesRep="raw", language="raw", customForm="raw",
            taxItem="raw", taxable="bool", emailPreference="raw", startDate="date",
            endDate="date", creditHoldOverride="raw",
        ),
        {"subsidiary": "subsidiary", "currency": "currency", "terms": "term", "parent": "customer"},
        computed=frozenset({"balance", "overdueBalance"}),
    ),
    "salesOrder": RecordType(
        _fields(**_TRANSACTION, orderStatus="enum"),
        _TRANSACTION_REFERENCES, frozenset({"item"}), _COMPUTED,
    ),
    "invoice": RecordType(
        _TRANSACTION, {**_TRANSACTION_REFERENCES, "createdFrom": "salesOrder"},
        frozenset({"item"}), _COMPUTED,
    ),
    "creditMemo": RecordType(
        _TRANSACTION, {**_TRANSACTION_REFERENCES, "createdFrom": "invoice"},
        frozenset({"item", "apply"}), _COMPUTED,
    ),
    "customerPayment": RecordType(
        _fields(**_TRANSACTION, payment="amount", checkNum="text", paymentMethod="raw",
                account="raw", arAcct="raw"),
        {"customer": "customer", "subsidiary": "subsidiary", "currency": "currency",
         "createdFrom": "invoice"},
        frozenset({"apply"}), _COMPUTED | {"applied", "unapplied"},
    ),
    "revenueArrangement": RecordType(
        _fields("externalId memo " + " ".join(CUSTOM_BODY), tranDate="date"), {},
        computed=frozenset({"entity", "createdFrom", "totalRevenueAmount", "currency"}),
    ),
    "revenueElement": RecordType(
        _fields("externalId", revRecStartDate="date", revRecEndDate="date"), {},
        computed=frozenset({"revenueArrangement", "item", "revenueAmount", "currency"}),
    ),
    "revenuePlan": RecordType(
        _fields("plannedPeriod", holdRevenueRecognition="bool"), {},
        computed=frozenset({"revenueElement", "amount", "status"}),
    ),
    "serviceSaleItem": RecordType(
        _fields("externalId itemId displayName", isInactive="bool", revenueRecognitionRule="enum",
                incomeAccount="raw", taxSchedule="raw"), {"subsidiary": "subsidiary"},
    ),
    "subsidiary": RecordType(_fields("name country"), {"currency": "currency"}),
    "term": RecordType(_fields("name", daysUntilNetDue="integer"), {}),
    "currency": RecordType(_fields("name symbol", currencyPrecision="integer"), {}),
    "accountingPeriod": RecordType(
        _fields("periodName", startDate="date", endDate="date", closed="bool"), {}
    ),
}  # fmt: skip


def canonical_type(name: str) -> str:
    """The record type a path segment means (item types share one table)."""
    return "serviceSaleItem" if name in ITEM_TYPES else name
