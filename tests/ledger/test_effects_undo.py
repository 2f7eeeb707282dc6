"""An effect is reversed if it stands, or may stand and is found; and never written again."""

import asyncio

import pytest

from canonical.effects import EffectState, ExternalRef
from canonical.errors import Busy, Conflict, CreditHold, OutcomeUnknown, Unavailable
from ledger.database import Database
from ledger.effects import SqlEffects
from ledger.events import read_events
from ledger.views.effects import effects_of
from tests.ledger.clocks import Clock
from tests.ledger.vendor import Died, Vendor, process, subscription

KEY = subscription().key


async def test_there_is_nothing_to_undo_of_what_never_was(db: Database) -> None:
    """The step was cancelled before it began."""
    effects, vendor = SqlEffects(db), Vendor()

    assert await effects.undo(KEY, process(), vendor.probe, vendor.cancel) is None

    assert vendor.probes == 0


async def test_a_confirmed_effect_is_reversed_once(db: Database) -> None:
    """The record is cancelled, its name in the crosswalk ends, and asking again is harmless."""
    effects, vendor, wanted = SqlEffects(db), Vendor(), subscription()
    ref = await effects.once(wanted, vendor.write, vendor.probe)

    undone = await effects.undo(KEY, process(), vendor.probe, vendor.cancel)
    vendor.cancelled.clear()
    again = await effects.undo(KEY, process(), vendor.probe, vendor.cancel)

    assert undone == again == ref
    assert vendor.cancelled == set()
    assert await effects.external_id("stripe-us", "subscription", wanted.subject) is None
    assert await effects.standing("stripe-us", "subscription", wanted.subject) == []
    assert [event.type for event in await read_events(db)] == [
        "contract.activated",
        "record.reversed",
    ]


async def test_an_undone_effect_is_never_written_again(db: Database) -> None:
    """A late retry of the step finds a closed door."""
    effects, vendor = SqlEffects(db), Vendor()
    await effects.once(subscription(), vendor.write, vendor.probe)
    await effects.undo(KEY, process(), vendor.probe, vendor.cancel)

    with pytest.raises(Conflict, match="undone"):
        await effects.once(subscription(), vendor.write, vendor.probe)

    assert vendor.writes == 1


@pytest.mark.parametrize("fault", ["answer lost", "answer garbled", "cancelled"])
async def test_a_write_of_unknown_outcome_is_found_and_reversed(db: Database, fault: str) -> None:
    """The record stands though the ledger does not know its id yet."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = fault
    with pytest.raises((Exception, asyncio.CancelledError)):
        await effects.once(subscription(), vendor.write, vendor.probe)

    ref = await effects.undo(KEY, process(), vendor.probe, vendor.cancel)

    assert ref is not None
    assert vendor.cancelled == {ref.id}
    (line,) = await effects_of(db, process().workflow_id)
    assert line.state is EffectState.UNDONE


async def test_a_write_that_never_arrived_needs_no_reversal(db: Database) -> None:
    """The probe proves it absent, so the effect counts as refuted."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = "died before"
    with pytest.raises(Died):
        await effects.once(subscription(), vendor.write, vendor.probe)

    assert await effects.undo(KEY, process(), vendor.probe, vendor.cancel) is None

    (line,) = await effects_of(db, process().workflow_id)
    assert (line.state, line.unknown_since) == (EffectState.REFUTED, None)


async def test_a_refused_write_needs_no_probe(db: Database) -> None:
    """The vendor said no, and no attempt was ever in doubt."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = "refused"
    with pytest.raises(CreditHold):
        await effects.once(subscription(), vendor.write, vendor.probe)

    assert await effects.undo(KEY, process(), vendor.probe, vendor.cancel) is None

    assert vendor.probes == 0


async def test_an_undo_waits_while_an_attempt_may_be_under_way(db: Database, clock: Clock) -> None:
    """Another process holds the scope: what it will leave behind cannot be known yet."""
    vendor, release = Vendor(), asyncio.Event()

    async def hang(_stamp: object) -> ExternalRef:
        await release.wait()
        return ExternalRef(id="sub_slow")

    writer = SqlEffects(db, clock=clock, owner="worker-1")
    task = asyncio.create_task(writer.once(subscription(), hang, vendor.probe))
    while not await effects_of(db, process().workflow_id):
        await asyncio.sleep(0.001)

    with pytest.raises(Busy):
        await SqlEffects(db, clock=clock, owner="worker-2").undo(
            KEY, process(), vendor.probe, vendor.cancel
        )

    release.set()
    assert (await task).id == "sub_slow"


async def test_a_probe_that_fails_during_an_undo_leaves_the_doubt(db: Database) -> None:
    """Nothing is reversed and nothing is forgotten."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = "answer lost"
    with pytest.raises(OutcomeUnknown):
        await effects.once(subscription(), vendor.write, vendor.probe)
    vendor.probe_fault = Unavailable("search is down")

    with pytest.raises(Unavailable):
        await effects.undo(KEY, process(), vendor.probe, vendor.cancel)

    (line,) = await effects_of(db, process().workflow_id)
    assert line.state is EffectState.UNKNOWN
    assert await effects.undo(KEY, process(), vendor.probe, vendor.cancel) is not None


async def test_a_reversal_that_fails_can_be_tried_again(db: Database) -> None:
    """The effect stays confirmed, and the scope is free for the next attempt."""
    vendor = Vendor()
    effects, other = SqlEffects(db, owner="worker-1"), SqlEffects(db, owner="worker-2")
    ref = await effects.once(subscription(), vendor.write, vendor.probe)

    async def refuse(_ref: ExternalRef) -> None:
        raise Unavailable("503")

    with pytest.raises(Unavailable):
        await effects.undo(KEY, process(), vendor.probe, refuse)

    assert await other.undo(KEY, process(), vendor.probe, vendor.cancel) == ref
