"""Customers and their tax ids."""

import re

from simulators.stripe.errors import StripeError, missing_resource
from simulators.stripe.forms import Params, choice, mapping, merge_metadata, rows
from simulators.stripe.lists import PAGING, as_list, page, search
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

_TEXTS = ("name", "email", "phone", "description", "individual_name", "business_name")
_FIELDS = frozenset({
    *_TEXTS, "address", "balance", "cash_balance", "expand", "invoice_prefix", "invoice_settings",
    "metadata", "next_invoice_sequence", "preferred_locales", "shipping",
    "source", "tax", "tax_exempt",
})  # fmt: skip
_CREATE = _FIELDS | {"payment_method", "tax_id_data", "test_clock", "validate"}
_TAX_EXEMPT = ("none", "exempt", "reverse")

# Enough of the vendor's checks for a wrong number to be found; other types are taken as they are.
_TAX_ID_SHAPES = {
    "eu_vat": r"[A-Z]{2}[0-9A-Za-z+*.]{2,12}",
    "gb_vat": r"(?:GB)?(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})",
    "us_ein": r"\d{2}-?\d{7}",
    "ch_vat": r"CHE-?\d{3}\.?\d{3}\.?\d{3} ?(?:MWST|TVA|IVA)?",
    "au_abn": r"\d{11}",
}


def create(account: Account, call: Call) -> Obj:
    """A new customer, with the tax ids that came along."""
    tax_ids = rows(call.params, "tax_id_data")
    for number, tax_id in enumerate(tax_ids):
        _check_tax_id(tax_id, f"tax_id_data[{number}]")
    customer_id = account.ids.next("cus")
    customer: Obj = {
        "id": customer_id, "object": "customer", "address": None, "balance": 0,
        "created": account.now(), "currency": None, "customer_account": None,
        "default_source": None, "delinquent": False, "description": None, "discount": None,
        "email": None, "invoice_prefix": customer_id[-8:].upper(),
        "invoice_settings": {"custom_fields": None, "default_payment_method": None,
                             "footer": None, "rendering_options": None},
        "livemode": False, "metadata": {}, "name": None, "next_invoice_sequence": 1,
        "phone": None, "preferred_locales": [], "shipping": None, "tax_exempt": "none",
        "test_clock": None,
    }  # fmt: skip
    customer.update(_changes(customer, call.params))
    account.customers.add(customer)
    account.tell(call, "customer.created", customer)
    for tax_id in tax_ids:
        _add_tax_id(account, call, customer_id, tax_id)
    return customer


def retrieve(account: Account, call: Call) -> Obj:
    """A customer."""
    return account.customers.need(call.path_ids[0])


def update(account: Account, call: Call) -> Obj:
    """A customer with changed fields."""
    customer = account.customers.need(call.path_ids[0])
    changes = _changes(customer, call.params)
    previous = {name: customer[name] for name in changes if customer[name] != changes[name]}
    customer.update(changes)
    account.customers.reindex(customer, "email")
    account.tell(call, "customer.updated", customer, previous)
    return customer


def delete(account: Account, call: Call) -> Obj:
    """A customer no more."""
    customer = account.customers.need(call.path_ids[0])
    account.customers.remove(customer["id"])
    account.tell(call, "customer.deleted", customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


def list_(account: Account, call: Call) -> Obj:
    """Customers by email and time."""
    return page(account.customers, call.params, "/v1/customers", index="email")


def search_(account: Account, call: Call) -> Obj:
    """Customers the search index knows of."""
    return search(account, account.customers, call.params, "/v1/customers/search")


def create_tax_id(account: Account, call: Call) -> Obj:
    """A tax id of a customer."""
    customer = account.customers.need(call.path_ids[0])
    _check_tax_id(call.params)
    return _add_tax_id(account, call, customer["id"], call.params)


def list_tax_ids(account: Account, call: Call) -> Obj:
    """The tax ids of a customer."""
    customer = account.customers.need(call.path_ids[0])
    found = account.tax_ids.with_value("customer", customer["id"])
    return as_list(found[::-1], f"/v1/customers/{customer['id']}/tax_ids")


def delete_tax_id(account: Account, call: Call) -> Obj:
    """A tax id no more."""
    customer_id, tax_id = call.path_ids
    if account.tax_ids.need(tax_id)["customer"] != customer_id:
        raise missing_resource("tax id", tax_id)
    account.tax_ids.remove(tax_id)
    return {"id": tax_id, "object": "tax_id", "deleted": True}


def _changes(customer: Obj, params: Params) -> Obj:
    changes: Obj = {name: params[name] or None for name in _TEXTS if name in params}
    for name in ("address", "shipping"):
        if name in params:
            changes[name] = {**(customer[name] or {}), **mapping(params, name)} or None
    if "tax_exempt" in params:
        changes["tax_exempt"] = choice(params, "tax_exempt", _TAX_EXEMPT, "none")
    if "preferred_locales" in params:
        changes["preferred_locales"] = params["preferred_locales"] or []
    settings = mapping(params, "invoice_settings")
    if params.get("payment_method"):
        settings = {"default_payment_method": params["payment_method"], **settings}
    if settings:
        changes["invoice_settings"] = {**customer["invoice_settings"], **settings}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(customer["metadata"], params)
    return changes


def _check_tax_id(params: Params, at: str = "") -> None:
    kind, value = params.get("type", ""), params.get("value", "")
    for name in ("type", "value"):
        if not params.get(name):
            where = f"{at}[{name}]" if at else name
            raise StripeError(
                f"Missing required param: {where}.", code="parameter_missing", param=where
            )
    if not re.fullmatch(_TAX_ID_SHAPES.get(kind, ".+"), value):
        raise StripeError(
            f"Invalid value for {kind}.",
            code="tax_id_invalid",
            param=f"{at}[value]" if at else "value",
        )


def _add_tax_id(account: Account, call: Call, customer_id: str, params: Params) -> Obj:
    tax_id = account.tax_ids.add({
        "id": account.ids.next("txi"), "object": "tax_id", "country": params["value"][:2],
        "created": account.now(), "customer": customer_id, "customer_account": None,
        "livemode": False, "type": params["type"], "value": params["value"],
        "verification": {"status": "pending", "verified_address": None, "verified_name": None},
    })  # fmt: skip
    account.tell(call, "customer.tax_id.created", tax_id)
    return tax_id


ENDPOINTS = {
    "POST customers": Endpoint(create, _CREATE),
    "GET customers": Endpoint(list_, PAGING | {"email", "created", "test_clock"}),
    "GET customers/search": Endpoint(search_, {"query", "limit", "page", "expand"}, ("query",)),
    "GET customers/*": Endpoint(retrieve, {"expand"}),
    "POST customers/*": Endpoint(update, _FIELDS),
    "DELETE customers/*": Endpoint(delete),
    "POST customers/*/tax_ids": Endpoint(
        create_tax_id, {"type", "value", "expand"}, ("type", "value")
    ),
    "GET customers/*/tax_ids": Endpoint(list_tax_ids, PAGING),
    "DELETE customers/*/tax_ids/*": Endpoint(delete_tax_id),
}
