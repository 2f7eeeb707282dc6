"""Episodes of a concern: it is the same one, and so the same case, from when it began to when it
healed or somebody has seen it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session

from canonical.desk import Action, CaseState
from canonical.intake import ALARM, CAUSES, Concern, ConcernKind
from ledger.models.desk import case_attempts, cases
from ledger.models.intake import standing_concerns
from ledger.upserts import Upsert

Key = tuple[ConcernKind, str]

_BEGIN = Upsert(
    standing_concerns,
    lambda insert: insert.on_conflict_do_update(
        index_elements=[standing_concerns.c.kind, standing_concerns.c.about],
        set_={"since": insert.excluded.since},
    ),
)
_STANDING = select(standing_concerns)


@dataclass(frozen=True)
class Sighting:
    """A concern that stands now; the episode that it belongs to completes its id.

    `begins` is when the episode began if none is known, `seen` up to when somebody has seen what it
    is about: an episode that began before is over. It is raised once it has stood for `patience`.
    """

    concern: Concern
    begins: datetime
    seen: datetime | None = None
    patience: timedelta = timedelta()

    @property
    def key(self) -> Key:
        """What has one episode at a time."""
        return self.concern.kind, self.concern.about


def placed(session: Session, sightings: Sequence[Sighting], now: datetime) -> list[Concern]:
    """The concerns to be raised, each under the id of its episode; what is not among them has
    healed, and is another episode when it comes again."""
    found = {sighting.key: sighting for sighting in sightings}
    known = {
        (ConcernKind(row.kind), row.about): row.since
        for row in session.connection().execute(_STANDING)
    }
    for kind, about in known.keys() - found.keys():
        healed = (standing_concerns.c.kind == kind.value) & (standing_concerns.c.about == about)
        session.connection().execute(delete(standing_concerns).where(healed))
    raised = []
    for (kind, about), one in found.items():
        since = known.get(one.key)
        if since is None or (one.seen is not None and since <= one.seen):
            since = one.begins
            _BEGIN.run(session, {"kind": kind.value, "about": about, "since": since})
        if now - since >= one.patience:
            raised.append(one.concern.model_copy(update={"id": _id(one.concern, since)}))
    return raised


def _id(concern: Concern, since: datetime) -> str:
    # To the second where that tells them apart, as the alarms that are under way are named.
    fraction = f".{since:%f}" if since.microsecond else ""
    return f"{concern.id}/{since:%Y%m%dT%H%M%S}{fraction}"


def seen(session: Session, kind: ConcernKind, abouts: Sequence[str]) -> Mapping[str, datetime]:
    """Up to when somebody has seen what concerns of a kind are about: a case that is skipped
    answers for what it told."""
    by_cause = {f"{CAUSES[kind].__name__}:{about}": about for about in abouts}
    statement = (
        select(cases.c.workflow_id, cases.c.cause_key, cases.c.details, cases.c.opened_at)
        .join(case_attempts, case_attempts.c.case_id == cases.c.case_id)
        .where(
            cases.c.process == ALARM,
            cases.c.cause_key.in_(by_cause),
            case_attempts.c.accepted.is_(True),
            case_attempts.c.action == Action.SKIP.value,
            case_attempts.c.state == CaseState.RESOLVED.value,
        )
    )
    found: dict[str, datetime] = {}
    for row in session.connection().execute(statement):
        about = by_cause[row.cause_key]
        # Concerns of other kinds may have the same cause.
        if row.workflow_id.rpartition("/")[0] == f"{ALARM}/{kind}/{about}":
            told = _told(row.details) or row.opened_at
            found[about] = max(told, found.get(about, told))
    return found


def _told(details: Any) -> datetime | None:
    until = (details or {}).get("until")
    return datetime.fromisoformat(until) if until else None
