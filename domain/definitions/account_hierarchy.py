"""Who of a family of accounts buys, pays, contracts and stands above all (R61, R117)."""

from enum import StrEnum

from canonical.errors import AccountMissing, HierarchyCycle, InvalidOrder, ParentMissing
from canonical.orders import Account, Fact
from canonical.portfolio import AccountFamily
from domain.definitions.definition import Decision, Definition, Example
from domain.hierarchy import roles


class Hierarchy(StrEnum):
    """Whether the roles of a family can be told."""

    CLEAR = "clear"
    ACCOUNT_MISSING = "account_missing"
    PARENT_MISSING = "parent_missing"
    CIRCULAR = "circular"
    TOO_DEEP = "too_deep"


class Family(Fact):
    """An account with everybody above, below and paying for it."""

    family: AccountFamily


def hierarchy(given: Family) -> Decision:
    """The roles, or why they cannot be told; the rules are those that hold an order up."""
    family = given.family
    try:
        found = roles(family.account_id, family.accounts)
    except AccountMissing as error:
        return Decision(Hierarchy.ACCOUNT_MISSING, [str(error)])
    except ParentMissing as error:
        return Decision(Hierarchy.PARENT_MISSING, [str(error)])
    except HierarchyCycle as error:
        return Decision(Hierarchy.CIRCULAR, [str(error)])
    except InvalidOrder as error:
        return Decision(Hierarchy.TOO_DEEP, [str(error)])
    result = {
        "sold_to": found.sold_to.id,
        "bill_to": found.bill_to.id,
        "legal_entity": found.sold_to.legal_entity,
        "ultimate_parent": found.ultimate_parent.id,
        "subsidiaries": family.subsidiaries,
    }
    told = f"{found.sold_to.name} buys, {found.bill_to.name} pays, {found.ultimate_parent.name} "
    return Decision(Hierarchy.CLEAR, [f"{told}is the ultimate parent"], result)


def _account(number: str, parent: str = "", **facts: str) -> Account:
    return Account(id=f"001{number}", name=f"Globex {number}", parent_id=parent, **facts)


def _of(name: str, value: Hierarchy, reason: str, *accounts: Account) -> Example[Family]:
    family = AccountFamily(account_id="001US", accounts=list(accounts))
    return Example(name, Family(family=family), value, (reason,))


ACCOUNT_HIERARCHY = Definition(
    name="account_hierarchy",
    version=1,
    meaning="The sold-to account buys in its legal entity, the bill-to account it names pays (else "
    "itself), and the ultimate parent is the last above it.",
    requirements=(61, 117),
    inputs=Family,
    outcomes=Hierarchy,
    decide=hierarchy,
    examples=(
        _of("alone", Hierarchy.CLEAR,
            "Globex US buys, Globex US pays, Globex US is the ultimate parent", _account("US")),
        _of("a parent that pays", Hierarchy.CLEAR,
            "Globex US buys, Globex AG pays, Globex AG is the ultimate parent",
            _account("US", parent="001AG", bill_to_account_id="001AG", legal_entity="US01"),
            _account("AG")),
        _of("a parent that the CRM does not show", Hierarchy.PARENT_MISSING,
            "the parent 001AG of Globex US is not there", _account("US", parent="001AG")),
        _of("two accounts above each other", Hierarchy.CIRCULAR,
            "the accounts' parents lead back to Globex US: Globex US > Globex AG > Globex US",
            _account("US", parent="001AG"), _account("AG", parent="001US")),
    ),
)  # fmt: skip
