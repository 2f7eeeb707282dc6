"""Who stands above and below an account, level by level, within bounds."""

from adapters.salesforce.api import Row, SalesforceApi
from adapters.salesforce.mapping import from_salesforce_account, with_ancestors
from adapters.salesforce.soql import account_query, children_query, survivor_query
from canonical.errors import Rejected
from canonical.orders import Account

LEVELS_MAX = 20
ACCOUNTS_MAX = 2000
PARENTS_PER_QUERY = 200


async def with_everybody_above(api: SalesforceApi, record: Row | None) -> list[Account]:
    """An account and its ancestors, nearest first; those nested in the record cost no call.

    Ends at a parent that was seen (the domain reports a circle), that the CRM does not show, or
    after twenty levels.
    """
    found = {account.id: account for account in with_ancestors(record)}
    top = list(found.values())[-1] if found else None
    while top and top.parent_id and top.parent_id not in found:
        if len(found) >= LEVELS_MAX:
            break
        above = await anext(api.query(account_query(top.parent_id)), None)
        if above is None:
            break
        for account in with_ancestors(above):
            top = account
            if account.id in found:
                break
            found[account.id] = account
    return list(found.values())


async def everybody_below(api: SalesforceApi, account_id: str) -> list[Account]:
    """All subsidiaries, the nearest first; a circle of parents is walked once.

    A list cut short would hide a late subsidiary: raises Rejected for more than 2,000 accounts or
    twenty levels.
    """
    found: dict[str, Account] = {}
    level = [account_id]
    for _ in range(LEVELS_MAX):
        below: list[str] = []
        for start in range(0, len(level), PARENTS_PER_QUERY):
            async for row in api.query(children_query(level[start : start + PARENTS_PER_QUERY])):
                account = from_salesforce_account(row)
                if account.id == account_id or account.id in found:
                    continue
                found[account.id] = account
                below.append(account.id)
                if len(found) > ACCOUNTS_MAX:
                    raise _too_many(account_id, f"more than {ACCOUNTS_MAX} accounts")
        if not below:
            return list(found.values())
        level = below
    raise _too_many(account_id, f"more than {LEVELS_MAX} levels")


async def survivor_of(api: SalesforceApi, account_id: str) -> str:
    """The account that a deleted one was merged into, whatever became of that one in turn; empty
    for one that is just gone, or longer than the recycle bin keeps it (fifteen days)."""
    survivor = ""
    for _ in range(LEVELS_MAX):
        asked = survivor_query(survivor or account_id)
        row = await anext(api.query(asked, deleted=True), None)
        if row is None or not row["MasterRecordId"]:
            break
        survivor = str(row["MasterRecordId"])
    return survivor


def _too_many(account_id: str, what: str) -> Rejected:
    return Rejected(f"account {account_id} has {what} below it", about=account_id)
