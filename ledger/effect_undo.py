"""Opening the reversal of an effect: what stands, may stand, or is gone already."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from canonical.effects import EffectState
from ledger.effect_facts import EffectFacts, settle
from ledger.scopes import Lease


def begin_undo(
    session: Session, known: EffectFacts, lease: Lease, now: datetime
) -> tuple[EffectFacts, EffectFacts | None]:
    """Take the scope and shut out earlier attempts; returns the effect as found, and as opened.

    Nothing is opened when there is nothing left to reverse. Raises Busy while another owner holds
    the scope.
    """
    lease.take(session, known.scope, now)
    found = EffectFacts.load(session, known.key) or known
    if found.state is EffectState.UNDONE or not found.may_stand:
        lease.release(session, found.scope)
        return found, None
    opened = replace(
        found,
        attempts=found.attempts + 1,
        ever_unknown=found.ever_unknown or not found.settled,
    )
    values = {"attempts": opened.attempts, "ever_unknown": opened.ever_unknown, "updated_at": now}
    settle(session, found, **values)
    return found, opened
