"""Renewal clocks in SQL: kept by their processes, and held against the contracts on record."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlmodel import Session

from canonical.clocks import (
    ClockPage,
    ClockPlace,
    ClockState,
    ContractClock,
    KeptClock,
    RenewalClock,
)
from canonical.effects import ProcessRef
from canonical.facts import ContractFacts, Kind
from canonical.renewal import ContractTerms, ReadinessSnapshot
from canonical.renewal_messages import PlanRenewal, RenewalPlan, TakeSnapshot
from domain.clocks import clock_state
from domain.definitions.contracts import ContractStatuses
from ledger import audit
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.models.desk import processes
from ledger.models.intake import subjects
from ledger.models.portfolio import renewals
from ledger.upserts import Upsert

PAGE_CONTRACTS = 1000
ACTOR = "tieline/clocks"
WAITING = "waiting"
CANCELLED = "cancelled"
_KEY = [renewals.c.connection, renewals.c.contract_id]
_PUT_PLAN = Upsert(
    renewals,
    lambda insert: insert.on_conflict_do_update(
        index_elements=_KEY,
        set_={c.name: insert.excluded[c.name] for c in renewals.c if c not in set(_KEY)},
    ),
)
# What a look changes of a clock: a renewal that is decided is about its own date, where the plan
# may know the next one already.
_SEEN = (
    "renews_on",
    "decided_by",
    "notice_on",
    "next_look",
    "state",
    "forecast",
    "outcome",
    "snapshot_id",
    "terms_version",
    "terms_read_at",
    "value_minor",
    "value_currency",
    "opened_at",
    "closed_at",
    "workflow_id",
    "updated_at",
)
_PUT_SEEN = Upsert(
    renewals,
    lambda insert: insert.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: insert.excluded[name] for name in _SEEN},
    ),
)
_UNSEEN: dict[str, Any] = {
    "forecast": "",
    "outcome": "",
    "snapshot_id": "",
    "opened_at": None,
    "closed_at": None,
}


def keep_plan(
    session: Session, request: PlanRenewal, plan: RenewalPlan, process: ProcessRef, now: datetime
) -> None:
    """Put a plan on record as the contract's clock; other dates begin a renewal of their own.

    A contract that has nothing more to renew keeps the outcome that it had; any other keeps the
    view that was seen last until there is a newer one, since others may still have to be shown it.
    """
    terms = request.terms
    wanted = select(renewals).where(
        renewals.c.connection == terms.connection, renewals.c.contract_id == terms.contract_id
    )
    known = session.connection().execute(wanted.with_for_update()).mappings().first()
    row: dict[str, Any] = {
        "connection": terms.connection,
        "contract_id": terms.contract_id,
        "account_id": terms.account_id,
        "opportunity_id": request.opportunity_id or terms.opportunity_id,
        "legal_entity": terms.legal_entity,
        "workflow_id": process.workflow_id,
        "updated_at": now,
    } | read_of(terms)
    dates = plan.dates
    dated = {
        "renews_on": dates.renews_on if dates else None,
        "decided_by": dates.decided_by if dates else "",
        "notice_on": dates.notice_on if dates else None,
        "next_look": plan.next_look if dates else None,
        "renewed_on": request.renewed_on,
    }
    if known is None or (dates is None and not known["outcome"]):
        row |= dated | _UNSEEN | {"state": WAITING if dates else plan.eligibility}
    elif dates is None:
        row = dict(known) | row
    elif (known["renews_on"], known["renewed_on"]) != (dates.renews_on, request.renewed_on):
        row |= dated | _UNSEEN | {"state": WAITING}
    else:
        row = dict(known) | row | dated
    if known is not None:
        row["snapshot_id"] = known["snapshot_id"]
    _PUT_PLAN.run(session, row)
    said = {name: row[name] for name in ("state", "renews_on", "decided_by", "notice_on")}
    if known is None or any(known[name] != value for name, value in said.items()):
        told = {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in said.items()}
        subject = f"{terms.connection}/{terms.contract_id}"
        audit.append(session, process.workflow_id, "renewal.planned", subject, told, now)


def keep_seen(
    session: Session,
    request: TakeSnapshot,
    taken: ReadinessSnapshot,
    next_look: date | None,
    process: ProcessRef,
    now: datetime,
) -> None:
    """Put what a look found on the contract's clock."""
    terms, dates = request.terms, taken.dates
    row: dict[str, Any] = {
        "connection": taken.connection,
        "contract_id": taken.contract_id,
        "account_id": taken.account_id,
        "opportunity_id": request.start.opportunity_id or taken.opportunity_id,
        "legal_entity": terms.legal_entity,
        "renews_on": dates.renews_on,
        "decided_by": dates.decided_by,
        "notice_on": dates.notice_on,
        "next_look": next_look,
        "renewed_on": request.start.memory.renewed_on,
        "state": taken.state.value,
        "forecast": taken.forecast.value,
        "outcome": taken.outcome.value if taken.outcome else "",
        "snapshot_id": taken.snapshot_id,
        "opened_at": request.window.since if request.window else None,
        "closed_at": now if taken.outcome else None,
        "workflow_id": process.workflow_id,
        "updated_at": now,
    } | read_of(terms)
    _PUT_SEEN.run(session, row)


def read_of(terms: ContractTerms) -> dict[str, Any]:
    """The read that a clock or a view goes by, with what it stated: a value is only as old as its
    read."""
    value = terms.value
    return {
        "terms_version": terms.version,
        "terms_read_at": terms.as_of,
        "value_minor": value.amount_minor if value else None,
        "value_currency": value.currency if value else None,
    }


class SqlClocks:
    """`canonical.clocks.ClockBook` over a ledger; `statuses` say which contracts have ended."""

    def __init__(
        self, db: Database, statuses: Callable[[], ContractStatuses], *, clock: Clock = utc_now
    ) -> None:
        self._db = db
        self._statuses = statuses
        self._clock = clock

    async def page(
        self, sources: Sequence[str], after: ClockPlace, limit: int = PAGE_CONTRACTS
    ) -> ClockPage:
        """The contracts of these connections after a place, and what their clocks need."""
        return await self._db.read(lambda s: self._page(s, sources, after, limit))

    async def record(self, kept: Sequence[KeptClock]) -> None:
        """Put on record what was done about clocks."""
        if kept:
            await self._db.run(lambda s: self._record(s, kept))

    def _page(
        self, session: Session, sources: Sequence[str], after: ClockPlace, limit: int
    ) -> ClockPage:
        place = tuple_(subjects.c.connection, subjects.c.subject_id)
        wanted = (
            select(subjects)
            .where(
                subjects.c.kind == Kind.CONTRACT.value,
                subjects.c.connection.in_(sources),
                place > (after.connection, after.contract_id),
            )
            .order_by(subjects.c.connection, subjects.c.subject_id)
            .limit(limit)
        )
        rows = session.connection().execute(wanted).all()
        contracts = [(row, ContractFacts.model_validate(row.facts)) for row in rows]
        clocks = _clocks(session, [(row.connection, facts) for row, facts in contracts])
        found = [self._judged(row, facts, clocks) for row, facts in contracts]
        last = None
        if len(rows) == limit:
            last = ClockPlace(connection=rows[-1].connection, contract_id=rows[-1].subject_id)
        return ClockPage(
            contracts=[one for one in found if one.state is not ClockState.RESTS],
            looked_at=len(rows),
            after=last,
        )

    def _judged(
        self, row: Any, facts: ContractFacts, clocks: dict[tuple[str, str], RenewalClock]
    ) -> ContractClock:
        clock = clocks.get((row.connection, facts.id))
        if clock is None and facts.opportunity_id:
            clock = clocks.get((row.connection, _deal(facts.opportunity_id)))
        today = self._clock().date()
        state = clock_state(facts, row.recorded_at, clock, self._statuses(), today)
        renewed = None
        if clock is not None:
            renewed = clock.renews_on if state is ClockState.NEXT_TERM else clock.renewed_on
        return ContractClock(
            connection=row.connection,
            contract_id=clock.contract_id if clock else facts.id,
            opportunity_id=facts.opportunity_id,
            legal_entity=facts.legal_entity,
            state=state,
            renewed_on=renewed,
        )

    def _record(self, session: Session, kept: Sequence[KeptClock]) -> None:
        now = self._clock()
        for one in kept:
            contract = one.contract
            body: dict[str, Any] = {"state": contract.state.value}
            body |= {"said": one.said} if one.said else {}
            subject = f"{contract.connection}/{contract.contract_id}"
            audit.append(session, ACTOR, f"renewal.clock_{one.deed.value}", subject, body, now)


def _clocks(
    session: Session, contracts: Sequence[tuple[str, ContractFacts]]
) -> dict[tuple[str, str], RenewalClock]:
    """The clocks of contracts by their ids, and by their deals where nothing is on record under the
    clock's own id: what begins as a schedule of billing is a subscription under another id later.
    """
    if not contracts:
        return {}
    ids = {facts.id for _, facts in contracts}
    deals = {facts.opportunity_id for _, facts in contracts} - {""}
    theirs: ColumnElement[bool] = or_(
        renewals.c.contract_id.in_(ids), renewals.c.opportunity_id.in_(deals)
    )
    wanted = (
        select(renewals, processes.c.stage, subjects.c.subject_id)
        .outerjoin(processes, processes.c.workflow_id == renewals.c.workflow_id)
        .outerjoin(
            subjects,
            and_(
                subjects.c.connection == renewals.c.connection,
                subjects.c.kind == Kind.CONTRACT.value,
                subjects.c.subject_id == renewals.c.contract_id,
            ),
        )
        .where(and_(renewals.c.connection.in_({name for name, _ in contracts}), theirs))
    )
    found: dict[tuple[str, str], RenewalClock] = {}
    for row in session.connection().execute(wanted).mappings():
        clock = RenewalClock.model_validate(dict(row) | {"cancelled": row["stage"] == CANCELLED})
        found[clock.connection, clock.contract_id] = clock
        if clock.opportunity_id and row["subject_id"] is None:
            found.setdefault((clock.connection, _deal(clock.opportunity_id)), clock)
    return found


def _deal(opportunity_id: str) -> str:
    """A deal's id among contracts' ids."""
    return f"deal {opportunity_id}"
