"""How an attempt of an effect ends: one transaction per outcome."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from canonical.connections import Environment
from canonical.effects import EffectState, ExternalRef, ProcessRef
from canonical.events import CanonicalEvent, EventData
from domain.announcements import confirmed, reversed_
from ledger import audit, crosswalk, milestones
from ledger.effect_facts import EffectFacts, settle
from ledger.events import append_event, event_of
from ledger.scopes import Lease

ERROR_CHARACTERS_MAX = 500


def confirm(
    session: Session,
    effect: EffectFacts,
    ref: ExternalRef,
    how: str,
    lease: Lease | None,
    environment: Environment,
    now: datetime,
) -> bool:
    """The record stands: state, crosswalk, milestone, audit and event, all or none.

    `how` is `written` or `found`; without a lease the scope stays taken, for an undo. False when a
    later attempt took over: then only the audit chain keeps the record's id, so it is not lost.
    """
    body = {"how": how, "external_id": ref.id, "request_digest": effect.request_digest}
    actor = effect.process.workflow_id
    values: dict[str, Any] = {"external_id": ref.id, "detail": ref.detail, "unknown_since": None}
    values |= {"state": EffectState.CONFIRMED.value, "settled": True, "error": ""}
    if not settle(session, effect, **values, confirmed_at=now, updated_at=now):
        audit.append(session, actor, "effect.overtaken", effect.key, body, now)
        return False
    subject = effect.subject
    crosswalk.put(session, effect.connection, effect.kind, subject, ref.id, effect.key, now)
    if effect.milestone:
        milestones.reach(session, effect.process, effect.milestone, subject.id, now)
    if lease is not None:
        lease.release(session, effect.scope)
    audit.append(session, actor, "effect.confirmed", effect.key, body, now)
    told = confirmed(effect.connection, effect.kind, subject, effect.key, ref.id)
    append_event(session, _event(effect, told, effect.process, environment, now))
    return True


def _event(
    effect: EffectFacts,
    data: EventData,
    process: ProcessRef,
    environment: Environment,
    now: datetime,
) -> CanonicalEvent:
    return event_of(
        data,
        effect.key,
        source=effect.connection,
        subject=f"{effect.subject.kind}/{effect.subject.id}",
        occurred_at=now,
        correlation_id=process.correlation_id,
        legal_entity=effect.legal_entity,
        environment=environment,
    )


def record_failure(
    session: Session,
    effect: EffectFacts,
    state: EffectState,
    error: str,
    lease: Lease,
    now: datetime,
    *,
    settled: bool,
    ever_unknown: bool,
) -> None:
    """The attempt ended without a record: give the scope back and say what is known."""
    unknown = state is EffectState.UNKNOWN
    values: dict[str, Any] = {"state": state.value, "error": error[:ERROR_CHARACTERS_MAX]}
    values |= {"settled": settled, "ever_unknown": ever_unknown}
    values["refusals"] = effect.refusals + (state is EffectState.REFUTED)
    values["unknown_since"] = (effect.unknown_since or now) if unknown else None
    if not settle(session, effect, **values, updated_at=now):
        return
    lease.release(session, effect.scope)
    if state is not effect.state:
        actor = effect.process.workflow_id
        body = {"error": error[:ERROR_CHARACTERS_MAX], "attempt": effect.attempts}
        audit.append(session, actor, f"effect.{state.value}", effect.key, body, now)


def mark_undone(
    session: Session,
    effect: EffectFacts,
    ref: ExternalRef,
    process: ProcessRef,
    lease: Lease,
    environment: Environment,
    now: datetime,
) -> bool:
    """The record was reversed: end its crosswalk row, and say so; False when overtaken."""
    values: dict[str, Any] = {"state": EffectState.UNDONE.value, "settled": True}
    if not settle(session, effect, **values, undone_at=now, updated_at=now):
        return False
    crosswalk.end_of_effect(session, effect.key, now)
    lease.release(session, effect.scope)
    body = {"external_id": ref.id}
    audit.append(session, process.workflow_id, "effect.undone", effect.key, body, now)
    told = reversed_(effect.connection, effect.kind, ref.id)
    append_event(session, _event(effect, told, process, environment, now))
    return True
