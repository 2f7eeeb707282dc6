"""Everything that the definitions are asked about an account: records, renewals, family (R121)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from canonical.renewal import ReadinessSnapshot
from canonical.subjects import AccountOnRecord, AccountRecords, FamilyOnRecord, RenewalOnRecord
from domain.hierarchy import DEPTH_MAX
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import processes
from ledger.models.effects import crosswalk, effects
from ledger.models.portfolio import renewals, risks, snapshots
from ledger.views.orders import QUOTE_TO_CASH, UNDONE_STAGES
from ledger.views.pages import read_with
from ledger.views.subjects import facts_of_all

# Of one account; that there is more is said.
RENEWALS_MAX = 1000
FAMILY_MAX = 1000
# Ids in one statement: below what any database takes as parameters.
IDS_MAX = 500
_ASSESSED = (
    risks.c.account_id,
    risks.c.account_name,
    risks.c.parent_id,
    risks.c.updated_at,
    risks.c.body["merged_into"].as_string().label("merged_into"),
)


async def known_of(db: Database, account_id: str) -> AccountRecords:
    """Everything on record of one account; nothing for one that nobody ever spoke of."""
    (found,) = await known_of_all(db, [account_id])
    return found


async def known_of_all(db: Database, account_ids: Sequence[str]) -> list[AccountRecords]:
    """Everything on record of each of these accounts, in the same order."""
    read = await facts_of_all(db, account_ids)
    clocks = await read_with(db, _renewals, account_ids)
    families = await read_with(db, _families, account_ids)
    return [
        one.model_copy(
            update={
                "renewals": clocks.get(one.account_id, [])[:RENEWALS_MAX],
                "family": families[one.account_id],
                "cut": one.cut
                or len(clocks.get(one.account_id, [])) > RENEWALS_MAX
                or len(families[one.account_id].below) > FAMILY_MAX,
            }
        )
        for one in read
    ]


def _renewals(
    connection: Connection, account_ids: Sequence[str]
) -> dict[str, list[RenewalOnRecord]]:
    statement = (
        select(renewals, snapshots.c.body)
        .outerjoin(snapshots, snapshots.c.snapshot_id == renewals.c.snapshot_id)
        .where(renewals.c.account_id.in_(account_ids))
        .order_by(renewals.c.account_id, renewals.c.connection, renewals.c.contract_id)
        .limit((RENEWALS_MAX + 1) * len(account_ids))
    )
    found: dict[str, list[RenewalOnRecord]] = {}
    for row in connection.execute(statement).mappings():
        kept = {
            "value": money(row["value_minor"], row["value_currency"]),
            "seen": ReadinessSnapshot.model_validate(row["body"]) if row["body"] else None,
        }
        clock = RenewalOnRecord.model_validate(dict(row) | kept)
        found.setdefault(row["account_id"], []).append(clock)
    return found


def _families(connection: Connection, account_ids: Sequence[str]) -> dict[str, FamilyOnRecord]:
    known = {row.account_id: row for row in _assessed(connection, risks.c.account_id, account_ids)}
    above = _with_everybody_above(connection, known)
    below = _everybody_below(connection, list(known))
    paid = _paid_by(connection, account_ids)
    found = {}
    for account in account_ids:
        payers, ordered_at = paid.get(account, (set[str](), None))
        found[account] = FamilyOnRecord(
            own=known.get(account),
            above=list(_upwards(account, above)),
            below=list(islice(_downwards(account, below), FAMILY_MAX + 1)),
            bill_to_ids=sorted(payers),
            ordered_at=ordered_at,
        )
    return found


def _assessed(
    connection: Connection, column: ColumnElement[str], ids: Iterable[str]
) -> Iterator[AccountOnRecord]:
    """The assessed accounts whose id, or whose parent's, is among these."""
    wanted = sorted({one for one in ids if one})
    for start in range(0, len(wanted), IDS_MAX):
        statement = select(*_ASSESSED).where(column.in_(wanted[start : start + IDS_MAX]))
        for row in connection.execute(statement.order_by(risks.c.account_id)):
            merged = row.merged_into or ""
            yield AccountOnRecord(
                account_id=row.account_id,
                name=row.account_name,
                parent_id="" if merged else row.parent_id,
                merged_into=merged,
                assessed_at=row.updated_at,
            )


def _with_everybody_above(
    connection: Connection, known: dict[str, AccountOnRecord]
) -> dict[str, AccountOnRecord]:
    """These accounts with those above them, as far up as a hierarchy may go and one further."""
    found = dict(known)
    level = {one.parent_id for one in known.values()} - found.keys() - {""}
    for _ in range(DEPTH_MAX + 1):
        read = list(_assessed(connection, risks.c.account_id, level))
        found |= {one.account_id: one for one in read}
        level = {one.parent_id for one in read} - found.keys() - {""}
        if not level:
            break
    return found


def _everybody_below(
    connection: Connection, account_ids: Sequence[str]
) -> dict[str, list[AccountOnRecord]]:
    """The accounts directly below each; those that were merged into one are not below it."""
    found: dict[str, list[AccountOnRecord]] = {}
    level, passed = set(account_ids), set(account_ids)
    while level:
        read = [one for one in _assessed(connection, risks.c.parent_id, level) if one.parent_id]
        for one in read:
            found.setdefault(one.parent_id, []).append(one)
        level = {one.account_id for one in read} - passed
        passed |= level
    return found


def _upwards(account_id: str, known: dict[str, AccountOnRecord]) -> Iterator[AccountOnRecord]:
    at, passed = known.get(account_id), {account_id}
    while at is not None and at.parent_id and at.parent_id not in passed:
        passed.add(at.parent_id)
        at = known.get(at.parent_id)
        if at is not None:
            yield at


def _downwards(
    account_id: str, below: dict[str, list[AccountOnRecord]]
) -> Iterator[AccountOnRecord]:
    """The nearest first, each once."""
    level, passed = [account_id], {account_id}
    while level:
        found = [one for parent in level for one in below.get(parent, [])]
        new = {one.account_id: one for one in found if one.account_id not in passed}
        yield from new.values()
        level = list(new)
        passed |= new.keys()


def _paid_by(
    connection: Connection, account_ids: Sequence[str]
) -> dict[str, tuple[set[str], datetime | None]]:
    """Who pays for the orders of each account, by the subscriptions that stand, and since when the
    oldest of them does."""
    statement = (
        select(processes.c.account_id, effects.c.request, effects.c.confirmed_at)
        .join(crosswalk, crosswalk.c.subject_id == processes.c.business_id)
        .join(effects, effects.c.key == crosswalk.c.effect_key)
        .where(
            processes.c.account_id.in_(account_ids),
            processes.c.process == QUOTE_TO_CASH,
            processes.c.stage.not_in(UNDONE_STAGES),
            crosswalk.c.subject_kind == "opportunity",
            crosswalk.c.kind == "subscription",
            crosswalk.c.valid_to.is_(None),
        )
    )
    found: dict[str, tuple[set[str], datetime | None]] = {}
    for row in connection.execute(statement):
        payer: Any = row.request.get("account_id", "")
        if not payer:
            continue
        payers, since = found.get(row.account_id, (set[str](), None))
        told = [at for at in (since, row.confirmed_at) if at is not None]
        found[row.account_id] = (payers | {payer}, min(told, default=None))
    return found
