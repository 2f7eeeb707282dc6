"""The portfolio's book in SQL: what was assessed of accounts, and every view of a renewal."""

from collections.abc import Callable
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from canonical.book import KeptRisk
from canonical.connections import Environment
from canonical.effects import ProcessRef
from canonical.events import TYPES, CanonicalEvent, RenewalWindowOpened
from canonical.ids import digest
from canonical.portfolio import ReadinessUpdate, RiskUpdate
from canonical.renewal import ReadinessSnapshot
from canonical.renewal_messages import (
    OpenWindow,
    PlanRenewal,
    RenewalPlan,
    TakenSnapshot,
    TakeSnapshot,
)
from canonical.risk import RenewalPriority, RiskAssessment, RiskLevel
from canonical.risk_messages import AssessedRisk, AssessRisk
from domain.judging import Judge
from ledger import audit
from ledger.clock import Clock, utc_now
from ledger.clocks import keep_plan, keep_seen
from ledger.database import Database
from ledger.events import append_event, event_id
from ledger.families import absorbed, name_of, subsidiaries
from ledger.models.portfolio import renewals, risks, snapshots
from ledger.upserts import Upsert

_PUT_RISK = Upsert(
    risks,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[risks.c.account_id],
        set_={c.name: insert.excluded[c.name] for c in risks.c if c.name != "account_id"},
    ),
)
_KEEP_SNAPSHOT = Upsert(snapshots, lambda insert: insert.on_conflict_do_nothing())
_RISK = select(risks).where(risks.c.account_id == bindparam("of_account"))
_OPEN_RENEWALS = (
    select(renewals.c.snapshot_id)
    .where(renewals.c.account_id == bindparam("of_account"), renewals.c.snapshot_id != "")
    .order_by(renewals.c.outcome, renewals.c.renews_on)
    .limit(1)
)


class SqlPortfolio:
    """`canonical.book.PortfolioBook` over a ledger; `judge` gives the definitions in force."""

    def __init__(
        self,
        db: Database,
        judge: Callable[[], Judge],
        *,
        environment: Environment = Environment.TEST,
        clock: Clock = utc_now,
    ) -> None:
        self._db = db
        self._judge = judge
        self._environment = environment
        self._clock = clock

    async def assess(self, request: AssessRisk, process: ProcessRef) -> AssessedRisk:
        """Judge an account from what the owners of its invoices said, and keep the assessment."""
        return await self._db.run(lambda s: self._assess(s, request, process))

    async def risk(self, account_id: str) -> KeptRisk | None:
        """The newest assessment of an account."""
        values = {"of_account": account_id}
        row = await self._db.read(lambda s: s.connection().execute(_RISK, values).first())
        if row is None:
            return None
        found = RiskAssessment.model_validate(row.body)
        return KeptRisk(update=update_of(found), digest=row.digest, calls=_is_late(found))

    async def plan(self, request: PlanRenewal, process: ProcessRef) -> RenewalPlan:
        """Decide when a contract renews and when to look, and keep it as the contract's clock."""
        plan = self._judge().plan(request)
        await self._db.run(lambda s: keep_plan(s, request, plan, process, self._clock()))
        return plan

    async def snapshot(self, request: TakeSnapshot, process: ProcessRef) -> TakenSnapshot:
        """Take and keep one view of a renewal; the first one opens the window, which is told."""
        judge = self._judge()
        judged = judge.snapshot(request)
        next_look = judge.next_look(judged.dates, request.today or request.at.date())
        new = await self._db.run(lambda s: self._keep(s, request, judged, next_look, process))
        return TakenSnapshot(
            snapshot_id=judged.snapshot_id,
            state=judged.state,
            forecast=judged.forecast,
            blocking=judged.blocking,
            unknown=[signal.name for signal in judged.signals if signal.state == "unknown"],
            troubled=[signal.name for signal in judged.signals if signal.state != "green"],
            outcome=judged.outcome,
            next_look=next_look,
            new=new,
        )

    async def readiness(self, account_id: str) -> ReadinessUpdate | None:
        """What the account's most urgent renewal looks like now."""
        values = {"of_account": account_id}
        return await self._readiness(
            lambda s: s.connection().execute(_OPEN_RENEWALS, values).scalar()
        )

    async def readiness_of(self, connection: str, contract_id: str) -> ReadinessUpdate | None:
        """What a contract's renewal looks like now."""
        wanted = select(renewals.c.snapshot_id).where(
            renewals.c.connection == connection, renewals.c.contract_id == contract_id
        )
        return await self._readiness(lambda s: s.connection().execute(wanted).scalar())

    async def _readiness(
        self, snapshot_id: Callable[[Session], str | None]
    ) -> ReadinessUpdate | None:
        def work(session: Session) -> Any:
            found = snapshot_id(session)
            wanted = select(snapshots.c.body).where(snapshots.c.snapshot_id == found)
            return session.connection().execute(wanted).scalar() if found else None

        body = await self._db.read(work)
        return _shown(ReadinessSnapshot.model_validate(body)) if body else None

    def _assess(self, session: Session, request: AssessRisk, process: ProcessRef) -> AssessedRisk:
        known = session.connection().execute(_RISK, {"of_account": request.account_id}).first()
        parent, name = (known.parent_id, known.account_name) if known else ("", "")
        before = RiskAssessment.model_validate(known.body) if known else None
        survivor = before.merged_into if before else ""
        if request.family is not None:
            survivor = request.family.merged_into
            parent, name = survivor or request.family.parent_id, name_of(request.family) or name
        below = subsidiaries(session, request.account_id, request.family)
        merged = absorbed(session, request.account_id)
        own = [*request.sources, *chain.from_iterable(merged.values())]
        found = self._judge().risk(request.account_id, own, below, before, request.today)
        found = found.model_copy(update={"absorbed": list(merged), "merged_into": survivor})
        assessed = AssessedRisk(
            level=found.level,
            status=found.status,
            score=found.score,
            held=found.overdue[0] if found.overdue else None,
            open=_is_open(found),
            known=all(source.known for source in request.sources),
            changes_on=found.changes_on,
            parent_id=parent,
            account_name=name,
            digest=_digest_of(found),
        )
        now = self._clock()
        row = _risk_row(request, found, assessed, process, now)
        if known is None or known.digest != assessed.digest:
            body = {"level": found.level, "score": found.score, "digest": assessed.digest}
            audit.append(
                session, process.workflow_id, "risk.assessed", request.account_id, body, now
            )
        _PUT_RISK.run(session, row)
        return assessed

    def _keep(
        self,
        session: Session,
        request: TakeSnapshot,
        taken: ReadinessSnapshot,
        next_look: date | None,
        process: ProcessRef,
    ) -> bool:
        now = self._clock()
        row = {"snapshot_id": taken.snapshot_id, "connection": taken.connection}
        row |= {"contract_id": taken.contract_id, "account_id": taken.account_id}
        body = taken.model_dump(mode="json")
        kept = _KEEP_SNAPSHOT.run(session, row | {"body": body, "taken_at": taken.taken_at})
        window = request.window
        opened = window is not None and append_event(
            session, self._opened(taken, window, request, process)
        )
        keep_seen(session, request, taken, next_look, process, now)
        if kept.rowcount == 1:
            said = {"state": taken.state, "forecast": taken.forecast, "opened": opened}
            subject = f"{taken.connection}/{taken.contract_id}"
            audit.append(
                session,
                process.workflow_id,
                "renewal.seen",
                subject,
                said | {"snapshot": taken.snapshot_id},
                now,
            )
        return bool(kept.rowcount == 1)

    def _opened(
        self,
        taken: ReadinessSnapshot,
        window: OpenWindow,
        request: TakeSnapshot,
        process: ProcessRef,
    ) -> CanonicalEvent:
        # By the date for which it opened: one that moves while it is open does not open again.
        data = RenewalWindowOpened(
            connection=taken.connection,
            external_id=taken.contract_id,
            renews_on=window.opened_for,
            account_id=taken.account_id,
        )
        kind, version = TYPES[type(data)]
        cause = f"{taken.connection}/{taken.contract_id}/{window.opened_for}"
        return CanonicalEvent(
            id=event_id(kind, cause),
            type=kind,
            version=version,
            source=process.process,
            subject=f"contract/{taken.contract_id}",
            occurred_at=window.since,
            correlation_id=process.correlation_id,
            causation_id=cause,
            legal_entity=request.terms.legal_entity,
            environment=self._environment,
            body=data.model_dump(mode="json"),
        )


def update_of(found: RiskAssessment) -> RiskUpdate:
    """What others are shown of an assessment; nothing of an account that was merged."""
    if found.merged_into or found.level is RiskLevel.NONE:
        return RiskUpdate(
            account_id=found.account_id,
            level=RiskLevel.NONE,
            score=0,
            renewal_priority=RenewalPriority.NORMAL,
        )
    return _told(found)


def _told(found: RiskAssessment) -> RiskUpdate:
    return RiskUpdate(
        account_id=found.account_id,
        level=found.level,
        score=found.score,
        renewal_priority=found.renewal_priority,
        overdue=found.overdue,
        oldest_days=found.oldest_days,
        reasons=found.reasons,
    )


def _digest_of(found: RiskAssessment) -> str:
    """Identifies what there is to tell; of a merged account, what its survivor is to look at."""
    if not found.merged_into:
        return digest(update_of(found))
    return digest({"of": digest(_told(found)), "merged_into": found.merged_into})


def _shown(taken: ReadinessSnapshot) -> ReadinessUpdate:
    return ReadinessUpdate(
        account_id=taken.account_id,
        opportunity_id=taken.opportunity_id,
        contract_id=taken.contract_id,
        snapshot_id=taken.snapshot_id,
        renews_on=taken.dates.renews_on,
        state=taken.state,
        forecast=taken.forecast,
        blocking=taken.blocking,
    )


def _is_late(found: RiskAssessment) -> bool:
    """Whether the account itself is: a subsidiary's CSM calls the subsidiary."""
    own = {found.account_id, *found.absorbed}
    return not found.merged_into and not own.isdisjoint(found.late_accounts)


def _is_open(found: RiskAssessment) -> bool:
    settled = {"void", "paid", "not_due", "uncollectible"}
    return found.level is not RiskLevel.NONE or any(i.status not in settled for i in found.invoices)


def _risk_row(
    request: AssessRisk,
    found: RiskAssessment,
    assessed: AssessedRisk,
    process: ProcessRef,
    now: datetime,
) -> dict[str, Any]:
    return {
        "account_id": request.account_id,
        "account_name": assessed.account_name,
        "parent_id": assessed.parent_id,
        "level": found.level.value,
        "score": found.score,
        "assessed_on": request.today,
        "changes_on": found.changes_on,
        "digest": assessed.digest,
        "body": found.model_dump(mode="json"),
        "invoices": [source.model_dump(mode="json") for source in request.sources],
        "workflow_id": process.workflow_id,
        "updated_at": now,
    }
