"""An effect as the ledger keeps it, and the guarded change every outcome is recorded by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pydantic_core import to_jsonable_python
from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from canonical.effects import (
    Effect,
    EffectState,
    ExternalRef,
    ProcessRef,
    Stamp,
    StandingEffect,
    Subject,
)
from canonical.ids import digest, vendor_key
from ledger.models.effects import effects

STANDING_MAX = 1000

_LOAD = select(effects).where(effects.c.key == bindparam("of_key"))
# Only the newest attempt may record an outcome: an older one has lost its lease in the meantime.
_SETTLE = update(effects).where(
    effects.c.key == bindparam("of_key"), effects.c.attempts == bindparam("of_attempt")
)


@dataclass(frozen=True)
class EffectFacts:
    """An effect as the ledger keeps it: what does not change from attempt to attempt, and state."""

    key: str
    connection: str
    kind: str
    subject: Subject
    scope: str
    legal_entity: str
    milestone: str
    process: ProcessRef
    request: Any
    request_digest: str
    state: EffectState = EffectState.RESERVED
    attempts: int = 1
    settled: bool = False
    ever_unknown: bool = False
    refusals: int = 0
    unknown_since: datetime | None = None
    ref: ExternalRef | None = None

    @classmethod
    def of(cls, effect: Effect) -> Self:
        """An effect that is about to be reserved; its request is turned into JSON once."""
        request = to_jsonable_python(effect.request)
        return cls(
            key=effect.key,
            connection=effect.connection,
            kind=effect.kind,
            subject=effect.subject,
            scope=effect.scope,
            legal_entity=effect.legal_entity,
            milestone=effect.milestone or "",
            process=effect.process,
            request=request,
            request_digest=digest(request),
        )

    @classmethod
    def load(cls, session: Session, key: str) -> Self | None:
        """The effect under a key, if there is one."""
        row = session.connection().execute(_LOAD, {"of_key": key}).mappings().first()
        return cls._from_row(row) if row else None

    @classmethod
    def _from_row(cls, row: Mapping[Any, Any]) -> Self:
        stored = row["external_id"]
        return cls(
            key=row["key"],
            connection=row["connection"],
            kind=row["kind"],
            subject=Subject(kind=row["subject_kind"], id=row["subject_id"]),
            scope=row["scope"],
            legal_entity=row["legal_entity"],
            milestone=row["milestone"],
            process=ProcessRef(
                process=row["process"],
                workflow_id=row["workflow_id"],
                correlation_id=row["correlation_id"],
            ),
            request=row["request"],
            request_digest=row["request_digest"],
            state=EffectState(row["state"]),
            attempts=row["attempts"],
            settled=row["settled"],
            ever_unknown=row["ever_unknown"],
            refusals=row["refusals"],
            unknown_since=row["unknown_since"],
            ref=ExternalRef(id=stored, detail=row["detail"] or {}) if stored is not None else None,
        )

    @property
    def stamp(self) -> Stamp:
        """What the vendor's record carries, bound to the request that the ledger holds.

        A refusal is proof that nothing stands, and vendors replay it under the same idempotency
        key: what is asked again after one is asked under another.
        """
        refused = f"/{self.refusals}" if self.refusals else ""
        return Stamp(
            key=self.key,
            token=vendor_key(self.key, self.request_digest + refused),
            correlation_id=self.process.correlation_id,
        )

    @property
    def may_stand(self) -> bool:
        """Whether some attempt may have left a record that only a probe can rule out."""
        return self.state is not EffectState.REFUTED or self.ever_unknown or not self.settled


def settle(session: Session, effect: EffectFacts, **values: Any) -> bool:
    """Change an effect if `effect` is its newest attempt; False when it was overtaken."""
    fence = {"of_key": effect.key, "of_attempt": effect.attempts}
    return session.connection().execute(_SETTLE, fence | values).rowcount == 1


def standing(
    session: Session, connection: str, kind: str, subject: Subject
) -> list[StandingEffect]:
    """The confirmed effects of one kind for one subject, oldest first."""
    statement = (
        select(effects)
        .where(
            effects.c.connection == connection,
            effects.c.kind == kind,
            effects.c.subject_kind == subject.kind,
            effects.c.subject_id == subject.id,
            effects.c.state == EffectState.CONFIRMED.value,
        )
        .order_by(effects.c.confirmed_at, effects.c.reserved_at, effects.c.key)
        .limit(STANDING_MAX)
    )
    return [
        StandingEffect(
            key=row.key,
            request=row.request if isinstance(row.request, dict) else {"request": row.request},
            ref=ExternalRef(id=row.external_id, detail=row.detail or {}),
        )
        for row in session.connection().execute(statement)
    ]
