"""Everything that is on record of one account, for the view of it (R19)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from canonical.errors import NotFound
from canonical.facts import ContractFacts
from canonical.renewal import ReadinessSnapshot
from canonical.risk import RiskAssessment
from canonical.subjects import AccountRecords
from domain.reports.account_file import AccountFile, BookedOrder, KnownFamily, KnownRenewal
from ledger.case_records import money
from ledger.database import Database
from ledger.models.desk import processes
from ledger.models.effects import crosswalk, effects
from ledger.models.evidence import events
from ledger.models.portfolio import renewals, risks, snapshots
from ledger.views.orders import QUOTE_TO_CASH, UNDONE_STAGES
from ledger.views.pages import read_with
from ledger.views.positions import read_positions
from ledger.views.sources import place
from ledger.views.subjects import facts_of

ROWS_MAX = 1000


async def account_file(
    db: Database,
    account_id: str,
    *,
    contract_owners: Collection[str],
    invoice_owners: Collection[str],
) -> AccountFile:
    """What is known of an account, and which connections own its contracts and invoices; raises
    NotFound when nothing is known."""
    records = await facts_of(db, account_id)
    file = (await read_with(db, _file, account_id, invoice_owners)).model_copy(
        update={"records": records, "contract_owners": sorted(contract_owners)}
    )
    if file.is_empty:
        raise NotFound(
            f"nothing is on record of account {account_id}; give an account's id in the CRM, as "
            "`tieline renewals list` and `tieline progress` show them",
            about=account_id,
        )
    names = {record.connection for record in records.records}
    names |= {answer.connection for answer in file.position.own}
    names |= {renewal.connection for renewal in file.renewals}
    contracts = [facts.id for _, facts in records.of(ContractFacts)]
    known = {
        "amended": await read_with(db, _amended, contracts[:ROWS_MAX]),
        "places": await read_with(db, _places, sorted(names)),
    }
    return file.model_copy(update=known)


def _places(connection: Connection, names: list[str]) -> dict[str, datetime]:
    found = {name: place(connection, name) for name in names}
    return {name: at for name, at in found.items() if at is not None}


def _amended(connection: Connection, contracts: list[str]) -> dict[str, datetime]:
    statement = (
        select(events.c.occurred_at, events.c.body)
        .where(
            events.c.type == "contract.amended",
            events.c.subject.in_([f"contract/{one}" for one in contracts]),
        )
        .order_by(events.c.position.desc())
        .limit(ROWS_MAX)
    )
    found: dict[str, datetime] = {}
    for row in connection.execute(statement):
        contract = f"{row.body['connection']}/{row.body['external_id']}"
        found[contract] = max(row.occurred_at, found.get(contract, row.occurred_at))
    return found


def _file(connection: Connection, account_id: str, invoice_owners: Collection[str]) -> AccountFile:
    assessed = connection.execute(select(risks).where(risks.c.account_id == account_id)).first()
    (position,) = read_positions(connection, invoice_owners, [account_id])
    orders = _orders(connection, account_id)
    named = assessed.account_name if assessed else ""
    return AccountFile(
        account_id=account_id,
        account_name=named or next((row.account_name for row in orders if row.account_name), ""),
        records=AccountRecords(account_id=account_id, records=[]),
        position=position,
        assessed=RiskAssessment.model_validate(assessed.body) if assessed else None,
        orders=[_order(row) for row in orders],
        renewals=_renewals(connection, account_id),
        family=_family(connection, account_id, assessed, [row.business_id for row in orders]),
    )


def _orders(connection: Connection, account_id: str) -> list[Any]:
    statement = (
        select(processes)
        .where(
            processes.c.account_id == account_id,
            processes.c.process == QUOTE_TO_CASH,
            processes.c.stage.not_in(UNDONE_STAGES),
        )
        .order_by(processes.c.started_at, processes.c.workflow_id)
        .limit(ROWS_MAX)
    )
    return list(connection.execute(statement).all())


def _order(row: Any) -> BookedOrder:
    return BookedOrder(
        opportunity_id=row.business_id,
        workflow_id=row.workflow_id,
        value=money(row.value_minor, row.value_currency),
        as_of=row.updated_at,
    )


def _renewals(connection: Connection, account_id: str) -> list[KnownRenewal]:
    statement = (
        select(renewals, snapshots.c.body)
        .outerjoin(snapshots, snapshots.c.snapshot_id == renewals.c.snapshot_id)
        .where(renewals.c.account_id == account_id)
        .order_by(renewals.c.connection, renewals.c.contract_id)
        .limit(ROWS_MAX)
    )
    found = []
    for row in connection.execute(statement):
        taken = ReadinessSnapshot.model_validate(row.body) if row.body else None
        found.append(
            KnownRenewal(
                connection=row.connection,
                contract_id=row.contract_id,
                opportunity_id=row.opportunity_id,
                renews_on=row.renews_on,
                renewed_on=row.renewed_on,
                state=row.state,
                terms_read_at=row.terms_read_at,
                value=money(row.value_minor, row.value_currency),
                seen_at=taken.taken_at if taken else None,
                signals=taken.signals if taken else [],
            )
        )
    return found


def _family(
    connection: Connection, account_id: str, assessed: Any, opportunities: list[str]
) -> KnownFamily:
    """Above and below by assessments; who pays, by what was written for the account's orders."""
    below = select(risks.c.account_id, risks.c.body).where(risks.c.parent_id == account_id)
    children = connection.execute(below.order_by(risks.c.account_id).limit(ROWS_MAX)).all()
    paying = _written(connection, "subscription", "opportunity", opportunities)
    payers = sorted({row.request.get("account_id", "") for row in paying} - {""})
    customers = _written(connection, "customer", "account", payers)
    tops = {row.request.get("ultimate_parent_id", "") for row in customers}
    parent = assessed.parent_id if assessed else ""
    merged = assessed.body.get("merged_into", "") if assessed else ""
    written = [row.confirmed_at for row in (*paying, *customers) if row.confirmed_at]
    return KnownFamily(
        assessed_at=assessed.updated_at if assessed else None,
        parent_id="" if merged else parent,
        merged_into=merged,
        subsidiaries=[c.account_id for c in children if c.body.get("merged_into") != account_id],
        bill_to_ids=payers,
        ultimate_parent_ids=sorted(tops - {""}),
        ordered_at=min(written, default=None),
    )


def _written(connection: Connection, kind: str, subject: str, ids: list[str]) -> list[Any]:
    """What stands now in other systems of these subjects."""
    statement = (
        select(effects.c.request, effects.c.confirmed_at)
        .join(crosswalk, crosswalk.c.effect_key == effects.c.key)
        .where(
            crosswalk.c.subject_kind == subject,
            crosswalk.c.subject_id.in_(ids[:ROWS_MAX]),
            crosswalk.c.kind == kind,
            crosswalk.c.valid_to.is_(None),
        )
        .order_by(effects.c.key)
        .limit(ROWS_MAX)
    )
    return list(connection.execute(statement).all())
