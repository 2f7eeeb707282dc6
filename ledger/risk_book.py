"""The newest assessment of each account's payments, and what others are shown of it (R75)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from canonical.book import KeptRisk
from canonical.desk import EXCEPTION, ProcessRecord
from canonical.effects import ProcessRef
from canonical.ids import digest
from canonical.portfolio import RiskUpdate
from canonical.risk import AccountInvoices, RiskAssessment, RiskLevel
from canonical.risk_messages import AssessedRisk, AssessRisk
from domain.judging import Judge
from ledger import audit
from ledger.families import absorbed, name_of, subsidiaries
from ledger.models.portfolio import risks
from ledger.standing import has_open_case, keep_standing
from ledger.upserts import Upsert

_PUT = Upsert(
    risks,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[risks.c.account_id],
        set_={c.name: insert.excluded[c.name] for c in risks.c if c.name != "account_id"},
    ),
)
_RISK = select(risks).where(risks.c.account_id == bindparam("of_account"))


def keep_assessment(
    session: Session, judge: Judge, request: AssessRisk, process: ProcessRef, now: datetime
) -> AssessedRisk:
    """Judge an account with its subsidiaries and what was merged into it, and keep that, with where
    its process stands by it; what there is to tell goes into the audit when it is another than
    before."""
    known = session.connection().execute(_RISK, {"of_account": request.account_id}).first()
    parent, name = (known.parent_id, known.account_name) if known else ("", "")
    before = RiskAssessment.model_validate(known.body) if known else None
    survivor = before.merged_into if before else ""
    if request.family is not None:
        survivor = request.family.merged_into
        parent, name = survivor or request.family.parent_id, name_of(request.family) or name
    said = request.sources
    if said is None:
        said = [AccountInvoices.model_validate(one) for one in known.invoices] if known else []
    below = subsidiaries(session, request.account_id, request.family)
    merged = absorbed(session, request.account_id)
    own = [*said, *chain.from_iterable(merged.values())]
    found = judge.risk(request.account_id, own, below, before, request.today)
    found = found.model_copy(update={"absorbed": list(merged), "merged_into": survivor})
    assessed = AssessedRisk(
        level=found.level,
        status=found.status,
        score=found.score,
        held=found.overdue[0] if found.overdue else None,
        open=_is_open(found),
        known=all(source.known for source in said),
        changes_on=found.changes_on,
        parent_id=parent,
        account_name=name,
        digest=_digest_of(found),
    )
    row = _row(request, said, found, assessed, process, now)
    if known is None or known.digest != assessed.digest:
        body = {"level": found.level, "score": found.score, "digest": assessed.digest}
        audit.append(session, process.workflow_id, "risk.assessed", request.account_id, body, now)
    _PUT.run(session, row)
    keep_standing(session, _standing(session, request, assessed, process), now)
    return assessed


def _standing(
    session: Session, request: AssessRisk, assessed: AssessedRisk, process: ProcessRef
) -> ProcessRecord:
    """The level is the stage, except while a person is to decide something."""
    waits = has_open_case(session, process.workflow_id)
    return ProcessRecord(
        process=process,
        business_id=request.account_id,
        stage=EXCEPTION if waits else assessed.level.value,
        account_id=request.account_id,
        account_name=assessed.account_name,
        value=assessed.held,
    )


def kept_risk(session: Session, account_id: str) -> KeptRisk | None:
    """The newest assessment of an account."""
    row = session.connection().execute(_RISK, {"of_account": account_id}).first()
    if row is None:
        return None
    found = RiskAssessment.model_validate(row.body)
    return KeptRisk(update=update_of(found), digest=row.digest, calls=_is_late(found))


def update_of(found: RiskAssessment) -> RiskUpdate:
    """What others are shown of an assessment; nothing of an account that was merged."""
    if found.merged_into or found.level is RiskLevel.NONE:
        return RiskUpdate.none(found.account_id)
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


def _is_late(found: RiskAssessment) -> bool:
    """Whether the account itself is: a subsidiary's CSM calls the subsidiary."""
    own = {found.account_id, *found.absorbed}
    return not found.merged_into and not own.isdisjoint(found.late_accounts)


def _is_open(found: RiskAssessment) -> bool:
    settled = {"void", "paid", "not_due", "uncollectible"}
    return found.level is not RiskLevel.NONE or any(i.status not in settled for i in found.invoices)


def _row(
    request: AssessRisk,
    said: Sequence[AccountInvoices],
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
        "invoices": [source.model_dump(mode="json") for source in said],
        "workflow_id": process.workflow_id,
        "updated_at": now,
    }
