"""An account's family on record, as the definition of its hierarchy wants it (R117)."""

from collections.abc import Iterator
from datetime import date

from canonical.orders import Account
from canonical.portfolio import AccountFamily
from canonical.subjects import AccountOnRecord, AccountRecords, FamilyOnRecord
from domain.definitions.account_hierarchy import Family
from domain.explanations.cases import Case, Found, Gap, Input, Rules, account_name
from domain.hierarchy import DEPTH_MAX

NO_FAMILY = "who is above and below it: the CRM was never asked with an assessment of its payments"
NO_PAYER = "who pays for it: no order of it was carried out here, which would have said so"
# An assessment keeps who is above; a parent that the CRM hides looks like none.
NOT_KEPT = [
    "legal_entity",
    "a parent that the CRM does not show",
    "subsidiaries that were never assessed themselves",
]


def hierarchies(records: AccountRecords, rules: Rules, today: date) -> Found:
    """The account among those that were assessed; who pays, by the orders that were carried out."""
    family, subject = records.family, account_name(records)
    own, inputs = family.own, list(_inputs(family))
    if own is None and not family.bill_to_ids:
        return
    if own is not None and own.merged_into:
        gone = AccountFamily(account_id=own.account_id, accounts=[], merged_into=own.merged_into)
        yield Case(subject, Family(family=gone), inputs)
        return
    if own is None or not own.name:
        yield Gap(subject, [NO_FAMILY], inputs)
    elif missing := [*_unknown_above(own, family), *_unknown_payer(family)]:
        yield Gap(subject, missing, inputs)
    else:
        yield Case(subject, Family(family=_family(own, family)), inputs, NOT_KEPT)


def _unknown_above(own: AccountOnRecord, family: FamilyOnRecord) -> Iterator[str]:
    """The first account on the way up of which it is not known who is above it."""
    known = {one.account_id: one for one in (own, *family.above) if one.name}
    at, passed = own, {own.account_id}
    while at.parent_id and len(passed) <= DEPTH_MAX:
        parent = known.get(at.parent_id)
        if parent is None:
            yield f"who is above {at.parent_id}: it was never assessed itself"
        if parent is None or parent.account_id in passed:
            return
        passed.add(parent.account_id)
        at = parent


def _unknown_payer(family: FamilyOnRecord) -> list[str]:
    payers = family.bill_to_ids
    if len(payers) == 1:
        return []
    told = f"who pays for it: its orders were carried out with {', '.join(payers)}"
    return [told if payers else NO_PAYER]


def _family(own: AccountOnRecord, family: FamilyOnRecord) -> AccountFamily:
    (payer,) = family.bill_to_ids
    bill_to = "" if payer == own.account_id else payer
    buyer = _account(own).model_copy(update={"bill_to_account_id": bill_to})
    others = [_account(one) for one in (*family.above, *family.below)]
    accounts = {one.id: one for one in (*others, buyer)}
    # Somebody outside of the family may pay for it, of whom only the id is on record.
    accounts.setdefault(payer, Account(id=payer, name=payer))
    return AccountFamily(account_id=own.account_id, accounts=list(accounts.values()))


def _account(one: AccountOnRecord) -> Account:
    name = one.name or one.account_id
    return Account(id=one.account_id, name=name, parent_id=one.parent_id)


def _inputs(family: FamilyOnRecord) -> Iterator[Input]:
    for one in (family.own, *family.above, *family.below):
        if one is not None:
            yield Input(
                name=f"assessment/{one.account_id}",
                source="crm",
                as_of=one.assessed_at,
                says=_place(one),
            )
    if family.bill_to_ids:
        yield Input(
            name=f"orders/{', '.join(family.bill_to_ids)}",
            source="crm, by the order",
            as_of=family.ordered_at,
            says=f"paid by {', '.join(family.bill_to_ids)}",
        )


def _place(one: AccountOnRecord) -> str:
    if one.merged_into:
        return f"merged into {one.merged_into}"
    return f"below {one.parent_id}" if one.parent_id else "nobody is shown above it"
