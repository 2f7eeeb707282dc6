"""What is on record of accounts: the newest read of each record that names one."""

from collections.abc import Sequence

from sqlalchemy import select, union, union_all

from canonical.facts import Kind
from canonical.subjects import AccountRecords, KnownRecord
from ledger.database import Database
from ledger.models.desk import processes
from ledger.models.intake import subjects
from ledger.models.portfolio import renewals, risks

# More than this of one account is cut, and said to be.
RECORDS_MAX = 5000
ACCOUNTS_PER_PAGE = 200


async def accounts(db: Database, after: str = "", limit: int = ACCOUNTS_PER_PAGE) -> list[str]:
    """The accounts that records, renewals or assessments name, by id; the next page begins after
    the last of this one."""
    pages = [
        select(named).where(named > after).distinct().order_by(named).limit(limit).subquery()
        for named in (subjects.c.account_id, renewals.c.account_id, risks.c.account_id)
    ]
    # The first of all are among the first of each, which an index has in this order.
    wanted = union(*(select(page.c.account_id) for page in pages)).order_by("account_id")
    bounded = wanted.limit(limit)
    return list(await db.read(lambda s: s.connection().execute(bounded).scalars().all()))


async def facts_of(db: Database, account_id: str) -> AccountRecords:
    """Every record of one account; none for an account that nothing was heard of."""
    (found,) = await facts_of_all(db, [account_id])
    return found


async def facts_of_all(db: Database, account_ids: Sequence[str]) -> list[AccountRecords]:
    """The records of each of these accounts, in the same order."""
    wanted = (
        select(subjects)
        .where(subjects.c.account_id.in_(account_ids))
        .order_by(
            subjects.c.account_id, subjects.c.connection, subjects.c.kind, subjects.c.subject_id
        )
        .limit(RECORDS_MAX * len(account_ids))
    )
    rows = await db.read(lambda s: s.connection().execute(wanted).all())
    found: dict[str, list[KnownRecord]] = {account: [] for account in account_ids}
    for row in rows:
        found[row.account_id].append(
            KnownRecord.model_validate(
                {
                    "connection": row.connection,
                    "facts": row.facts,
                    "recorded_at": row.recorded_at,
                }
            )
        )
    return [
        AccountRecords(
            account_id=account, records=records[:RECORDS_MAX], cut=len(records) > RECORDS_MAX
        )
        for account, records in found.items()
    ]


async def account_of_contract(
    db: Database, connection: str, contract_id: str, opportunity_id: str = ""
) -> str:
    """The account of a contract by its record, or by the deal that brought it; empty where neither
    is known."""
    by_record = select(subjects.c.account_id).where(
        subjects.c.connection == connection,
        subjects.c.kind == Kind.CONTRACT.value,
        subjects.c.subject_id == contract_id,
    )
    by_deal = select(processes.c.account_id).where(processes.c.business_id == opportunity_id)
    wanted = union_all(by_record, by_deal) if opportunity_id else by_record
    found = await db.read(lambda s: s.connection().execute(wanted).scalars().all())
    return next(filter(None, found), "")
