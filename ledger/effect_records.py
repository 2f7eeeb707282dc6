"""The transactions an effect goes through, each a function of a session (DESIGN: effects).

| what happened                               | state     | next attempt                    |
|---------------------------------------------|-----------|---------------------------------|
| an attempt is under way, or died            | reserved  | probes                          |
| nothing was done (RateLimited, Unavailable, | reserved  | probes                          |
| Busy, Terminal)                             |           |                                 |
| the vendor refused (NeedsPerson)            | refuted   | writes; probes first if any     |
|                                             |           | attempt was ever unknown        |
| the answer was lost, or anything unexpected | unknown   | probes                          |
| written, or found by a probe                | confirmed | answers with what is stored     |
| reversed                                    | undone    | Conflict                        |
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from canonical.effects import EffectState
from canonical.errors import Conflict
from ledger import audit
from ledger.effect_facts import EffectFacts, settle
from ledger.models.effects import effects
from ledger.scopes import Lease, busy

_INSERT = insert(effects)


@dataclass(frozen=True)
class Reservation:
    """The right to make one attempt: the effect as reserved, and as it was found before."""

    effect: EffectFacts
    before: EffectFacts | None
    wanted: EffectFacts

    @property
    def must_probe(self) -> bool:
        """A first attempt need not look for itself; nor one after a clean refusal."""
        return self.before is not None and self.before.may_stand

    @property
    def adopts_request(self) -> bool:
        """Whether the caller's request differs from the one of earlier attempts."""
        return self.effect.request_digest != self.wanted.request_digest


def reserve(session: Session, wanted: EffectFacts, lease: Lease, now: datetime) -> Reservation:
    """Take the scope and open an attempt, or return what is confirmed already.

    Raises Busy while another owner holds the scope, Conflict when the key is confirmed with
    another request or was undone.
    """
    found = EffectFacts.load(session, wanted.key)
    if found is None:
        lease.take(session, wanted.scope, now)
        _insert(session, wanted, now)
        return Reservation(effect=wanted, before=None, wanted=wanted)
    if found.state is not EffectState.CONFIRMED:
        lease.take(session, found.scope, now)
        found = EffectFacts.load(session, wanted.key) or found
        if found.state is EffectState.CONFIRMED:
            lease.release(session, found.scope)
    check_standing(found, wanted)
    if found.state is EffectState.CONFIRMED:
        return Reservation(effect=found, before=found, wanted=wanted)
    reservation = Reservation(effect=_reopen(session, found, now), before=found, wanted=wanted)
    if reservation.adopts_request and not reservation.must_probe:
        return replace(reservation, effect=adopt(session, reservation, now))
    return reservation


def check_standing(found: EffectFacts, wanted: EffectFacts) -> None:
    """Raise Conflict when what stands under the key is not what is wanted."""
    if found.state is EffectState.UNDONE:
        raise Conflict(f"{found.key} was undone and is not written again.", about=found.key)
    differs = found.request_digest != wanted.request_digest
    if found.state is EffectState.CONFIRMED and differs:
        raise Conflict(
            f"{found.key} stands confirmed with another request.",
            about=found.key,
            details={"confirmed": found.request_digest, "asked": wanted.request_digest},
        )


def _insert(session: Session, wanted: EffectFacts, now: datetime) -> None:
    row = {
        "key": wanted.key,
        "connection": wanted.connection,
        "kind": wanted.kind,
        "subject_kind": wanted.subject.kind,
        "subject_id": wanted.subject.id,
        "scope": wanted.scope,
        "legal_entity": wanted.legal_entity,
        "milestone": wanted.milestone,
        "process": wanted.process.process,
        "workflow_id": wanted.process.workflow_id,
        "correlation_id": wanted.process.correlation_id,
        "request": wanted.request,
        "request_digest": wanted.request_digest,
        "state": EffectState.RESERVED.value,
        "attempts": 1,
        "settled": False,
        "ever_unknown": False,
        "refusals": 0,
        "error": "",
        "reserved_at": now,
        "updated_at": now,
    }
    try:
        session.connection().execute(_INSERT, row)
    except IntegrityError as error:
        # Another process reserved, and perhaps confirmed, between our look and our lease.
        raise busy(wanted.scope, 0.5) from error


def _reopen(session: Session, found: EffectFacts, now: datetime) -> EffectFacts:
    refuted = found.state is EffectState.REFUTED
    opened = replace(
        found,
        state=EffectState.RESERVED if refuted else found.state,
        attempts=found.attempts + 1,
        settled=False,
        ever_unknown=found.ever_unknown or not found.settled,
    )
    values = {"attempts": opened.attempts, "settled": False, "ever_unknown": opened.ever_unknown}
    settle(session, found, **values, state=opened.state.value, updated_at=now)
    return opened


def adopt(session: Session, reservation: Reservation, now: datetime) -> EffectFacts:
    """Reserve under a corrected request, once the earlier one provably does not stand.

    Raises Busy when a later attempt took over.
    """
    effect, wanted = reservation.effect, reservation.wanted
    corrected = replace(
        effect,
        request=wanted.request,
        request_digest=wanted.request_digest,
        state=EffectState.RESERVED,
        process=wanted.process,
    )
    values = {"request": wanted.request, "request_digest": wanted.request_digest}
    if not settle(session, effect, **values, state=EffectState.RESERVED.value, updated_at=now):
        raise busy(effect.scope, 0.5)
    body = {"before": effect.request_digest, "after": wanted.request_digest}
    audit.append(session, wanted.process.workflow_id, "effect.corrected", effect.key, body, now)
    return corrected
