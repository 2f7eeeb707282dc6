"""Products and prices."""

from typing import Any

from simulators.stripe.calendar import INTERVALS
from simulators.stripe.errors import StripeError, missing_param
from simulators.stripe.forms import (
    Params,
    check_names,
    choice,
    flag,
    integer,
    mapping,
    merge_metadata,
)
from simulators.stripe.lists import PAGING, page
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

_PRODUCT = frozenset({
    "active", "description", "expand", "images", "marketing_features", "metadata", "name",
    "package_dimensions", "shippable", "statement_descriptor", "tax_code", "unit_label", "url",
})  # fmt: skip
_PRICE_UPDATE = frozenset({
    "active", "currency_options", "expand", "lookup_key", "metadata", "nickname", "tax_behavior",
    "transfer_lookup_key",
})  # fmt: skip
_PRICE = _PRICE_UPDATE | {
    "billing_scheme", "currency", "custom_unit_amount", "product", "product_data", "recurring",
    "tiers", "tiers_mode", "transform_quantity", "unit_amount", "unit_amount_decimal",
}  # fmt: skip
_PRICE_DATA = frozenset({
    "currency", "product", "product_data", "recurring", "tax_behavior", "unit_amount",
    "unit_amount_decimal",
})  # fmt: skip


def create_product(account: Account, call: Call) -> Obj:
    """A new product, under the caller's id when one is given."""
    product_id = call.params.get("id") or account.ids.next("prod")
    if account.products.get(product_id):
        raise StripeError(
            f"Product already exists with ID: {product_id}", code="resource_already_exists",
            param="id",
        )  # fmt: skip
    product: Obj = {
        "id": product_id, "object": "product", "active": True, "created": account.now(),
        "default_price": None, "description": None, "images": [], "livemode": False,
        "marketing_features": [], "metadata": {}, "name": call.params["name"],
        "package_dimensions": None, "shippable": None, "statement_descriptor": None,
        "tax_code": None, "type": "service", "unit_label": None, "updated": account.now(),
        "url": None,
    }  # fmt: skip
    product.update(_product_changes(product, call.params))
    account.products.add(product)
    account.tell(call, "product.created", product)
    return product


def retrieve_product(account: Account, call: Call) -> Obj:
    """A product."""
    return account.products.need(call.path_ids[0])


def update_product(account: Account, call: Call) -> Obj:
    """A product with changed fields."""
    product = account.products.need(call.path_ids[0])
    product.update(_product_changes(product, call.params), updated=account.now())
    account.tell(call, "product.updated", product)
    return product


def list_products(account: Account, call: Call) -> Obj:
    """Products, perhaps only some ids."""
    ids = call.params.get("ids")
    return page(account.products, call.params, "/v1/products", equal=("active",),
                keep=(lambda product: product["id"] in ids) if ids else None)  # fmt: skip


def _product_changes(product: Obj, params: Params) -> Obj:
    texts = ("name", "description", "statement_descriptor", "tax_code", "unit_label", "url")
    changes: Obj = {name: params[name] or None for name in texts if name in params}
    changes["active"] = flag(params, "active", product["active"])
    changes["metadata"] = merge_metadata(product["metadata"], params)
    return changes


def create_price(account: Account, call: Call) -> Obj:
    """A new price; its lookup key is free, or is taken over when the caller says so."""
    params = call.params
    if not params.get("product") and not params.get("product_data"):
        raise missing_param("product")
    holders = _lookup_key_holders(account, params, None)
    price = build_price(account, params)
    for holder in holders:
        holder["lookup_key"] = None
    price["lookup_key"] = params.get("lookup_key") or None
    account.prices.add(price)
    account.tell(call, "price.created", price)
    return price


def build_price(account: Account, params: Params, at: str = "") -> Obj:
    """A price from its parameters, held by nobody yet; makes the product it describes."""
    unit_amount = integer(params, "unit_amount", f"{at}[unit_amount]" if at else "")
    decimal = params.get("unit_amount_decimal")
    if unit_amount is None and not decimal:
        raise missing_param(f"{at}[unit_amount]" if at else "unit_amount")
    recurring = _recurring(params, at)
    product = params.get("product")
    if product:
        account.products.need(product, f"{at}[product]" if at else "product")
    else:
        data = mapping(params, "product_data")
        check_names(data, {"id", "name", "metadata", "active", "statement_descriptor", "tax_code",
                           "unit_label"}, ("name",), "product_data")  # fmt: skip
        product = create_product(account, Call((), data))["id"]
    return {
        "id": account.ids.next("price"), "object": "price", "active": flag(params, "active", True),
        "billing_scheme": "per_unit", "created": account.now(),
        "currency": str(params["currency"]).lower(), "custom_unit_amount": None,
        "livemode": False, "lookup_key": None, "metadata": merge_metadata({}, params),
        "nickname": params.get("nickname") or None, "product": product, "recurring": recurring,
        "tax_behavior": params.get("tax_behavior") or "unspecified", "tiers_mode": None,
        "transform_quantity": None, "type": "recurring" if recurring else "one_time",
        "unit_amount": unit_amount, "unit_amount_decimal": str(decimal or unit_amount),
    }  # fmt: skip


def price_of(account: Account, row: Params, at: str, kind: str) -> Obj:
    """The price a row names or describes, of the kind that may stand there."""
    if row.get("price_data"):
        data = mapping(row, "price_data")
        where = f"{at}[price_data]"
        check_names(data, _PRICE_DATA, ("currency",), where)
        price = build_price(account, data, where)
        # A price made in passing belongs to its one row and cannot be used again.
        price["active"] = False
    elif row.get("price"):
        price = account.prices.need(row["price"], f"{at}[price]")
        if not price["active"]:
            message = "The price specified is inactive. This field only accepts active prices."
            raise StripeError(message, param=f"{at}[price]")
    else:
        raise missing_param(f"{at}[price]")
    if price["type"] != kind:
        raise StripeError(
            f"The price specified is set to `type={price['type']}` but this field only accepts "
            f"prices with `type={kind}`.", param=f"{at}[price]",
        )  # fmt: skip
    if price["id"] not in account.prices.places:
        account.prices.add(price)
    return price


def retrieve_price(account: Account, call: Call) -> Obj:
    """A price."""
    return account.prices.need(call.path_ids[0])


def update_price(account: Account, call: Call) -> Obj:
    """A price with changed fields; its amount never changes."""
    price, params = account.prices.need(call.path_ids[0]), call.params
    holders = _lookup_key_holders(account, params, price["id"])
    metadata = merge_metadata(price["metadata"], params)
    for holder in holders:
        holder["lookup_key"] = None
    price["active"] = flag(params, "active", price["active"])
    price["metadata"] = metadata
    price["nickname"] = params.get("nickname", price["nickname"]) or None
    price["lookup_key"] = params.get("lookup_key", price["lookup_key"]) or None
    account.prices.reindex(price, "lookup_key")
    account.tell(call, "price.updated", price)
    return price


def list_prices(account: Account, call: Call) -> Obj:
    """Prices by lookup keys, product, currency, type and whether they are active."""
    params: dict[str, Any] = dict(call.params)
    keys = params.get("lookup_keys")
    if isinstance(keys, list) and len(keys) == 1:
        params["lookup_key"], keys = keys[0], None
        return page(account.prices, params, "/v1/prices", index="lookup_key",
                    equal=("product", "active", "currency", "type"))  # fmt: skip
    return page(account.prices, params, "/v1/prices", index="product",
                equal=("active", "currency", "type"),
                keep=(lambda price: price["lookup_key"] in keys) if keys else None)  # fmt: skip


def _recurring(params: Params, at: str) -> Obj | None:
    recurring = mapping(params, "recurring")
    if not recurring:
        return None
    where = f"{at}[recurring]" if at else "recurring"
    check_names(recurring, {"interval", "interval_count", "usage_type", "meter",
                            "trial_period_days"}, ("interval",), where)  # fmt: skip
    return {
        "interval": choice(recurring, "interval", INTERVALS, "month"),
        "interval_count": integer(recurring, "interval_count") or 1,
        "meter": None, "trial_period_days": None,
        "usage_type": recurring.get("usage_type") or "licensed",
    }  # fmt: skip


def _lookup_key_holders(account: Account, params: Params, but: str | None) -> list[Obj]:
    """The prices that must give the key up; refuses unless the caller asked for the transfer."""
    key = params.get("lookup_key")
    held = account.prices.with_value("lookup_key", key) if key else []
    holders = [price for price in held if price["id"] != but]
    if holders and not flag(params, "transfer_lookup_key"):
        raise StripeError(
            f"A price (`{holders[0]['id']}`) already uses that lookup key.",
            code="resource_already_exists", param="lookup_key",
        )  # fmt: skip
    return holders


ENDPOINTS = {
    "POST products": Endpoint(
        create_product, _PRODUCT | {"id", "default_price_data", "tax_details", "type"}, ("name",)
    ),
    "GET products": Endpoint(list_products, PAGING | {"active", "created", "ids", "url"}),
    "GET products/*": Endpoint(retrieve_product, {"expand"}),
    "POST products/*": Endpoint(update_product, _PRODUCT | {"default_price"}),
    "POST prices": Endpoint(create_price, _PRICE, ("currency",)),
    "GET prices": Endpoint(
        list_prices,
        PAGING | {"active", "created", "currency", "lookup_keys", "product", "recurring", "type"},
    ),
    "GET prices/*": Endpoint(retrieve_price, {"expand"}),
    "POST prices/*": Endpoint(update_price, _PRICE_UPDATE),
}
