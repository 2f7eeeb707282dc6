"""Whose invoices count for an account: its subsidiaries', and those of accounts merged into it."""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlmodel import Session

from canonical.portfolio import AccountFamily
from canonical.risk import AccountInvoices
from ledger.database import Database
from ledger.models.portfolio import risks

FAMILY_MAX = 1000


def name_of(family: AccountFamily) -> str:
    """The account's own name; empty where the CRM does not show it."""
    return next((a.name for a in family.accounts if a.id == family.account_id), "")


def subsidiaries(
    session: Session, account_id: str, family: AccountFamily | None
) -> list[AccountInvoices]:
    """The invoices of everybody below, as they were last assessed themselves."""
    below = family.subsidiaries if family else _known_below(session, account_id)
    wanted = select(risks.c.invoices).where(risks.c.account_id.in_(below[:FAMILY_MAX]))
    rows = session.connection().execute(wanted).scalars()
    return [AccountInvoices.model_validate(one) for many in rows for one in many]


async def has_others_below(db: Database, account_id: str) -> bool:
    """Whether another account was ever found below this one, or merged into it."""
    wanted = select(exists().where(risks.c.parent_id == account_id))
    return bool(await db.read(lambda s: s.connection().execute(wanted).scalar()))


def absorbed(session: Session, account_id: str) -> dict[str, list[AccountInvoices]]:
    """The invoices of the accounts that were merged into this one, by account."""
    wanted = select(risks.c.account_id, risks.c.invoices, risks.c.body).where(
        risks.c.parent_id == account_id
    )
    return {
        row.account_id: [AccountInvoices.model_validate(one) for one in row.invoices]
        for row in session.connection().execute(wanted)
        if row.body.get("merged_into") == account_id
    }


def _known_below(session: Session, account_id: str) -> list[str]:
    found: list[str] = []
    level: Sequence[str] = [account_id]
    while level and len(found) < FAMILY_MAX:
        wanted = select(risks.c.account_id).where(risks.c.parent_id.in_(level))
        below = session.connection().execute(wanted).scalars().all()
        level = [one for one in below if one not in found and one != account_id]
        found += level
    return found
