"""Account hierarchy: who buys, who pays, and who stands above them (R61, R117)."""

from collections.abc import Iterable
from typing import NamedTuple

from canonical.errors import AccountMissing, HierarchyCycle, InvalidOrder, ParentMissing
from canonical.orders import Account, CommercialOrder

DEPTH_MAX = 20


class Parties(NamedTuple):
    """The parties of an order; `depth` counts the sold-to account's ancestors."""

    sold_to: Account
    bill_to: Account
    ultimate_parent: Account
    depth: int


def parties(order: CommercialOrder) -> Parties:
    """Sold-to, bill-to and ultimate parent; the bill-to is the sold-to where none is named.

    Raises AccountMissing, ParentMissing, HierarchyCycle, and InvalidOrder for a hierarchy deeper
    than `DEPTH_MAX`. The bill-to account's own ancestors are not part of an order.
    """
    if not order.account_id or order.account_id not in {a.id for a in order.accounts}:
        raise AccountMissing(
            f"the deal {order.name!r} has no account, or one that the CRM does not show",
            about=order.account_id or order.opportunity_id,
        )
    return roles(order.account_id, order.accounts)


def roles(account_id: str, accounts: Iterable[Account]) -> Parties:
    """The parties of an account among those that are known; raises as `parties`."""
    known = {account.id: account for account in accounts}
    sold_to = known.get(account_id)
    if sold_to is None:
        raise AccountMissing(f"the account {account_id} is not there", about=account_id)
    bill_to = known.get(sold_to.bill_to_account_id or sold_to.id)
    if bill_to is None:
        raise ParentMissing(
            f"the bill-to account {sold_to.bill_to_account_id} of {sold_to.name} is not there",
            about=sold_to.bill_to_account_id,
            details={"missing_account_id": sold_to.bill_to_account_id},
        )
    path = _ancestry(sold_to, known)
    return Parties(sold_to, bill_to, path[-1], len(path) - 1)


def _ancestry(sold_to: Account, known: dict[str, Account]) -> list[Account]:
    path, seen = [sold_to], {sold_to.id}
    while parent_id := path[-1].parent_id:
        parent = known.get(parent_id)
        if parent is None:
            raise ParentMissing(
                f"the parent {parent_id} of {path[-1].name} is not there",
                about=parent_id,
                details={"missing_account_id": parent_id, "child_account_id": path[-1].id},
            )
        path.append(parent)
        names = " > ".join(account.name for account in path)
        if parent_id in seen:
            loop = path[next(i for i, a in enumerate(path) if a.id == parent_id) : -1]
            raise HierarchyCycle(
                f"the accounts' parents lead back to {parent.name}: {names}",
                about=min(account.id for account in loop),
                details={"path": [account.id for account in path]},
            )
        if len(path) > DEPTH_MAX + 1:
            raise InvalidOrder(
                f"{sold_to.name} has more than {DEPTH_MAX} accounts above it",
                about=sold_to.id,
                details={"path": [account.id for account in path]},
            )
        seen.add(parent_id)
    return path
