"""Applies a person's corrections to an order, before it is checked by the same rules (R67)."""

from typing import Any

from canonical.orders import Account, CommercialOrder, OrderAmendment, OrderLine

ON_ACCOUNT = ("country", "tax_id", "email")
ON_ORDER = ("legal_entity", "term_months", "starts_on", "support_tier", "po_number")


def amended(order: CommercialOrder, amendment: OrderAmendment) -> CommercialOrder:
    """The order with the corrections in place of what the CRM states.

    Country, tax id and e-mail are corrected on the bill-to account, for this order only. What the
    amendment names and the order does not have (a code since corrected in the CRM) is left out.
    """
    changes = _given(amendment, ON_ORDER)
    changes["lines"] = [_line(line, amendment.products) for line in order.lines]
    changes["accounts"] = _accounts(order, _given(amendment, ON_ACCOUNT))
    return order.model_copy(update=changes)


def _given(amendment: OrderAmendment, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(amendment, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _line(line: OrderLine, products: dict[str, str]) -> OrderLine:
    code = products.get(line.product_code, line.product_code)
    if code == line.product_code:
        return line
    # The CRM's flag was about the product that is replaced; the catalogue judges the new one.
    return line.model_copy(update={"product_code": code, "product_active": True})


def _accounts(order: CommercialOrder, changes: dict[str, Any]) -> list[Account]:
    sold_to = next((a for a in order.accounts if a.id == order.account_id), None)
    bill_to = (sold_to.bill_to_account_id if sold_to else "") or order.account_id
    return [a.model_copy(update=changes) if a.id == bill_to else a for a in order.accounts]
