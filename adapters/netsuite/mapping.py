"""Our customers and sales orders in NetSuite's words, and back; pure.

Amounts stay `Decimal` in major units here; `exact_json` writes them as JSON numbers.
"""

import re
from decimal import Decimal
from typing import Any

from adapters.netsuite.settings import NetSuiteSettings
from canonical.effects import ExternalRef, Stamp
from canonical.errors import Malformed
from canonical.money import Money
from canonical.plan import CustomerSpec, SalesOrderLine, SalesOrderSpec
from canonical.ports import Booking, RecordSummary

EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]+")
ORDER_PREFIX = "so-"
PENDING_FULFILLMENT = "B"
CLOSED_STATUSES = frozenset({"C", "H", "closed", "cancelled"})
CUSTOM_PRICE_LEVEL = "-1"  # without it NetSuite may put the item's list price over our amount

Record = dict[str, Any]


def customer_external_id(account_id: str) -> str:
    """The external id of an account's customer; raises Malformed for characters NetSuite cannot
    parse in one."""
    return _external_id(account_id)


def order_external_id(opportunity_id: str) -> str:
    """The external id of an opportunity's sales order: the same for every attempt."""
    return _external_id(ORDER_PREFIX + opportunity_id)


def _external_id(value: str) -> str:
    if EXTERNAL_ID.fullmatch(value):
        return value
    raise Malformed(f"{value!r} cannot be a NetSuite external id", about=value)


def to_netsuite_customer(
    customer: CustomerSpec, settings: NetSuiteSettings, stamp: Stamp
) -> Record:
    """The body of a customer upsert; send it with `replace=addressBook`, or addresses pile up."""
    body: Record = {
        "companyName": customer.name,
        "isPerson": False,
        "subsidiary": {"id": settings.subsidiary(customer.legal_entity)},
        "currency": {"id": settings.currency(customer.currency)},
        "addressBook": {"items": [_address(customer)]},
        "custentity_tieline_key": stamp.key,
        "custentity_tieline_correlation": stamp.correlation_id,
    }
    if settings.terms:
        body["terms"] = {"id": settings.terms}
    if customer.email:
        body["email"] = customer.email
    if customer.tax_id:
        body[settings.tax_id_field] = customer.tax_id
    return body


def _address(customer: CustomerSpec) -> Record:
    address = {
        "addressee": customer.name,
        "addr1": customer.street,
        "city": customer.city,
        "state": customer.state,
        "zip": customer.postal_code,
    }
    present: Record = {name: value for name, value in address.items() if value}
    present["country"] = {"id": customer.country}
    return {"defaultBilling": True, "defaultShipping": True, "addressBookAddress": present}


def to_netsuite_sales_order(
    order: SalesOrderSpec,
    settings: NetSuiteSettings,
    customer_id: str,
    subscription_id: str,
    stamp: Stamp,
) -> Record:
    """The body of a sales order upsert; send it with `replace=item`, or lines pile up."""
    body: Record = {
        "entity": {"id": customer_id},
        "subsidiary": {"id": settings.subsidiary(order.legal_entity)},
        "currency": {"id": settings.currency(order.currency)},
        "tranDate": order.ordered_on.isoformat(),
        "memo": f"Opportunity {order.opportunity_id}",
        "orderStatus": {"id": PENDING_FULFILLMENT},
        "item": {"items": [_line(line) for line in order.lines]},
        "custbody_tieline_key": stamp.key,
        "custbody_tieline_correlation": stamp.correlation_id,
        "custbody_billing_subscription": subscription_id,
    }
    if order.po_number:
        body["otherRefNum"] = order.po_number
    if settings.terms:
        body["terms"] = {"id": settings.terms}
    return body


def _line(line: SalesOrderLine) -> Record:
    body: Record = {
        "item": {"externalId": line.item},
        "quantity": line.quantity,
        "price": {"id": CUSTOM_PRICE_LEVEL},
        "amount": line.amount.decimal,
        "isClosed": False,
        "custcol_tieline_line": line.line_id,
        "custcol_charge_type": line.charge.value,
    }
    if line.starts_on:
        body["revRecStartDate"] = line.starts_on.isoformat()
    if line.ends_on:
        body["revRecEndDate"] = line.ends_on.isoformat()
    if line.milestone:
        body["custcol_milestone"] = line.milestone
    return body


def to_netsuite_closure(order: Record, stamp: Stamp) -> Record:
    """The body that closes every line of a sales order, as it was read."""
    lines = [{"line": line["line"], "isClosed": True} for line in order_lines(order)]
    return {"item": {"items": lines}, "custbody_tieline_correlation": stamp.correlation_id}


def order_lines(order: Record) -> list[Record]:
    """The lines of a sales order read with its sub-resources."""
    return list((order.get("item") or {}).get("items") or [])


def is_closed(order: Record) -> bool:
    """Whether a sales order is closed or cancelled: by its status, or line by line."""
    status = order.get("orderStatus") or {}
    shown = order.get("status") or {}
    named = {status.get("id"), str(shown.get("id", "")).lower(), str(shown.get("refName")).lower()}
    lines = order_lines(order)
    return bool(named & CLOSED_STATUSES) or (bool(lines) and all(x.get("isClosed") for x in lines))


def from_netsuite_record(record: Record) -> ExternalRef:
    """A customer or sales order as our reference to it."""
    detail: dict[str, str | int] = {}
    if record.get("externalId"):
        detail["external_id"] = str(record["externalId"])
    if record.get("tranId"):
        detail["number"] = str(record["tranId"])
    return ExternalRef(id=str(record["id"]), detail=detail)


def from_netsuite_customer_row(row: dict[str, str]) -> RecordSummary:
    """A customer in SuiteQL's words."""
    return RecordSummary(kind="customer", id=row["id"], business_id=row.get("externalid", ""))


def from_netsuite_order_row(row: dict[str, str]) -> Booking:
    """A sales order in SuiteQL's words, with its total in its own currency."""
    return Booking(
        kind="sales_order",
        id=row["id"],
        business_id=row.get("externalid", "").removeprefix(ORDER_PREFIX),
        status=row.get("status", ""),
        amount=Money.of(Decimal(row["foreigntotal"]), row["currency"]),
    )
