"""A write happens once and has a proven outcome, whatever happens to its answer."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from canonical.effects import EffectState, ExternalRef, Stamp
from canonical.errors import Busy, Conflict, CreditHold, OutcomeUnknown, TielineError, Unavailable
from ledger.database import Database
from ledger.effects import SqlEffects
from ledger.events import read_events
from ledger.models.effects import scope_leases
from ledger.models.evidence import audit_rows
from ledger.views.effects import EffectLine, effects_of, unknown_effects
from ledger.views.processes import milestones_of
from tests.ledger.clocks import Clock
from tests.ledger.vendor import Died, Vendor, process, subscription


async def one(db: Database) -> EffectLine:
    """The only effect of the Globex deal."""
    (line,) = await effects_of(db, process().workflow_id)
    return line


async def actions(db: Database) -> list[str]:
    """What the audit chain says was done."""
    statement = select(audit_rows.c.action).order_by(audit_rows.c.seq)
    return await db.read(lambda s: list(s.connection().execute(statement).scalars()))


async def test_a_write_is_confirmed_with_everything_that_follows_from_it(
    db: Database, clock: Clock
) -> None:
    """Id, crosswalk, milestone, event and audit row appear together."""
    effects, vendor, wanted = SqlEffects(db, clock=clock), Vendor(), subscription()

    ref = await effects.once(wanted, vendor.write, vendor.probe)

    assert ref.id == "sub_006GLOBEX_1"
    line = await one(db)
    assert (line.state, line.external_id) == (EffectState.CONFIRMED, ref.id)
    known = await effects.external_id("stripe-us", "subscription", wanted.subject)
    assert known == ref.id
    (milestone,) = await milestones_of(db, process().workflow_id)
    assert (milestone.milestone, milestone.at) == (wanted.milestone, clock.now)
    (event,) = await read_events(db)
    assert (event.type, event.legal_entity) == ("contract.activated", "US01")
    assert event.correlation_id == wanted.process.correlation_id
    assert await actions(db) == ["effect.confirmed"]
    assert vendor.probes == 0
    assert await db.read(lambda s: s.connection().execute(select(scope_leases)).all()) == []


async def test_asking_again_answers_with_what_is_stored(db: Database) -> None:
    """A confirmed effect costs the vendor nothing."""
    effects, vendor = SqlEffects(db), Vendor()
    first = await effects.once(subscription(), vendor.write, vendor.probe)

    again = await effects.once(subscription(), vendor.write, vendor.probe)

    assert again == first
    assert (vendor.writes, vendor.probes) == (1, 0)


async def test_another_request_under_a_confirmed_key_is_a_conflict(db: Database) -> None:
    """40 seats were confirmed; 50 under the same key are an error, not silence."""
    effects, vendor = SqlEffects(db), Vendor()
    await effects.once(subscription(seats=40), vendor.write, vendor.probe)

    with pytest.raises(Conflict, match="another request"):
        await effects.once(subscription(seats=50), vendor.write, vendor.probe)

    assert vendor.writes == 1


@pytest.mark.parametrize("fault", ["answer lost", "cancelled", "died after", "bug"])
async def test_a_lost_answer_leaves_the_write_unknown_and_the_probe_finds_it(
    db: Database, clock: Clock, fault: str
) -> None:
    """The record stands though nobody said so; the next attempt confirms it without writing."""
    effects, vendor = SqlEffects(db, clock=clock), Vendor()
    vendor.fault = fault
    with pytest.raises((OutcomeUnknown, asyncio.CancelledError, Died, ZeroDivisionError)):
        await effects.once(subscription(), vendor.write, vendor.probe)
    clock.advance(300)
    (doubt,) = await unknown_effects(db, clock())
    assert doubt.age.total_seconds() == 300

    ref = await effects.once(subscription(), vendor.write, vendor.probe)

    assert vendor.standing(subscription().key) == [ref.id]
    assert (vendor.writes, vendor.probes) == (1, 1)
    assert await actions(db) == ["effect.unknown", "effect.confirmed"]
    assert await unknown_effects(db, clock()) == []


async def test_a_write_that_is_provably_absent_is_made_again(db: Database) -> None:
    """The process died before the vendor heard of it."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = "died before"
    with pytest.raises(Died):
        await effects.once(subscription(), vendor.write, vendor.probe)

    ref = await effects.once(subscription(), vendor.write, vendor.probe)

    assert vendor.standing(subscription().key) == [ref.id]
    assert (vendor.writes, vendor.probes) == (2, 1)


async def test_a_probe_that_cannot_tell_leaves_the_write_unknown(
    db: Database, clock: Clock
) -> None:
    """Nothing is written while the vendor cannot say what stands; the doubt keeps its date."""
    effects, vendor = SqlEffects(db, clock=clock), Vendor()
    vendor.fault = "answer lost"
    with pytest.raises(OutcomeUnknown):
        await effects.once(subscription(), vendor.write, vendor.probe)
    lost_at = clock.now
    clock.advance(60)
    vendor.probe_fault = Unavailable("search is down")

    with pytest.raises(Unavailable):
        await effects.once(subscription(), vendor.write, vendor.probe)

    line = await one(db)
    assert (line.state, line.unknown_since) == (EffectState.UNKNOWN, lost_at)
    assert vendor.writes == 1


@pytest.mark.parametrize("fault", ["rate limited", "unavailable"])
async def test_an_outage_before_anything_was_done_is_no_doubt(db: Database, fault: str) -> None:
    """An outage that outlasts the first probe must not look like a write nobody can account for."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = fault
    with pytest.raises(TielineError):
        await effects.once(subscription(), vendor.write, vendor.probe)
    vendor.probe_fault = Unavailable("still down")
    with pytest.raises(Unavailable):
        await effects.once(subscription(), vendor.write, vendor.probe)
    assert (await one(db)).state is EffectState.RESERVED

    await effects.once(subscription(), vendor.write, vendor.probe)

    assert (await one(db)).state is EffectState.CONFIRMED
    assert vendor.probes == 2


async def test_a_refused_request_may_be_corrected(db: Database) -> None:
    """The vendor said no to 40 seats, a person corrects them to 30: written without a probe."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = "refused"
    with pytest.raises(CreditHold):
        await effects.once(subscription(seats=40), vendor.write, vendor.probe)
    assert (await one(db)).state is EffectState.REFUTED

    await effects.once(subscription(seats=30), vendor.write, vendor.probe)

    assert (vendor.writes, vendor.probes) == (2, 0)
    assert await actions(db) == ["effect.refuted", "effect.corrected", "effect.confirmed"]
    (standing,) = await effects.standing("stripe-us", "subscription", subscription().subject)
    assert standing.request["seats"] == 30


async def test_after_any_doubt_a_refusal_does_not_spare_the_probe(db: Database) -> None:
    """An answer was lost once: even a later clean refusal proves nothing about that attempt."""
    effects, vendor = SqlEffects(db), Vendor()
    for fault in ("died before", "refused"):
        vendor.fault = fault
        with pytest.raises((Died, CreditHold)):
            await effects.once(subscription(), vendor.write, vendor.probe)

    await effects.once(subscription(), vendor.write, vendor.probe)

    assert vendor.probes == 2


async def test_a_correction_meets_the_earlier_request_that_stands_after_all(db: Database) -> None:
    """40 seats stood though the answer was lost: 30 are a conflict, and the 40 are on record."""
    effects, vendor = SqlEffects(db), Vendor()
    vendor.fault = "answer lost"
    with pytest.raises(OutcomeUnknown):
        await effects.once(subscription(seats=40), vendor.write, vendor.probe)

    with pytest.raises(Conflict):
        await effects.once(subscription(seats=30), vendor.write, vendor.probe)

    (standing,) = await effects.standing("stripe-us", "subscription", subscription().subject)
    assert standing.request["seats"] == 40
    assert vendor.writes == 1


async def test_the_probe_carries_the_stamp_of_the_request_that_was_sent(db: Database) -> None:
    """A vendor that is searched by token must be asked for the earlier one."""
    effects, vendor = SqlEffects(db), Vendor()
    asked: list[Stamp] = []

    async def probe(stamp: Stamp) -> ExternalRef | None:
        asked.append(stamp)
        return await vendor.probe(stamp)

    vendor.fault = "died before"
    with pytest.raises(Died):
        await effects.once(subscription(seats=40), vendor.write, probe)
    await effects.once(subscription(seats=30), vendor.write, probe)

    assert asked == [subscription(seats=40).stamp]
    (standing,) = await effects.standing("stripe-us", "subscription", subscription().subject)
    assert standing.request["seats"] == 30


class LosesConfirmation:
    """A ledger that stops answering right after the vendor was written to."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.transactions = 0

    async def run(self, work: Any) -> Any:
        """Let the reservation through and nothing after it."""
        self.transactions += 1
        if self.transactions > 1:
            raise Unavailable("The ledger does not answer")
        return await self._db.run(work)


async def test_a_crash_between_write_and_confirm_is_healed_by_the_next_process(
    db: Database, clock: Clock
) -> None:
    """The dead process's lease keeps others out until it ends; then the probe finds the record."""
    vendor = Vendor()
    dying: Any = LosesConfirmation(db)
    with pytest.raises(Unavailable):
        await SqlEffects(dying, clock=clock, owner="worker-1").once(
            subscription(), vendor.write, vendor.probe
        )
    survivor = SqlEffects(db, clock=clock, owner="worker-2")
    with pytest.raises(Busy) as refusal:
        await survivor.once(subscription(), vendor.write, vendor.probe)
    assert 0 < (refusal.value.retry_after_seconds or 0) <= 5

    clock.advance(121)
    ref = await survivor.once(subscription(), vendor.write, vendor.probe)

    assert vendor.standing(subscription().key) == [ref.id]
    assert vendor.writes == 1


async def test_an_attempt_that_lost_its_lease_cannot_confirm_over_the_next(
    db: Database, clock: Clock
) -> None:
    """Worker 1 hangs past its lease, worker 2 confirms; worker 1's record is kept in the audit."""
    vendor, hung = Vendor(), asyncio.Event()

    async def hang(stamp: Stamp) -> ExternalRef:
        await hung.wait()
        return ExternalRef(id="sub_late")

    slow = SqlEffects(db, clock=clock, owner="worker-1")
    task = asyncio.create_task(slow.once(subscription(), hang, vendor.probe))
    while not await effects_of(db, process().workflow_id):
        await asyncio.sleep(0.001)
    clock.advance(121)
    ref = await SqlEffects(db, clock=clock, owner="worker-2").once(
        subscription(), vendor.write, vendor.probe
    )
    hung.set()

    with pytest.raises(Busy):
        await task
    assert (await one(db)).external_id == ref.id
    assert await actions(db) == ["effect.confirmed", "effect.overtaken"]


async def test_two_deals_of_one_account_take_turns_on_its_customer(db: Database) -> None:
    """Both want to write the same customer at once; never are two writes under way."""
    effects, vendor = SqlEffects(db), Vendor()
    under_way = 0
    most = 0

    async def write(stamp: Stamp) -> ExternalRef:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        return await vendor.write(stamp)

    deals = [subscription(deal, scope="stripe-us/customer/GLOBEX") for deal in ("A", "B", "C")]
    await asyncio.gather(*(effects.once(deal, write, vendor.probe) for deal in deals))

    assert most == 1
    assert vendor.writes == 3


async def test_many_callers_of_one_key_make_one_record(db: Database) -> None:
    """Ten workers in two processes ask for the same write at the same moment."""
    fleet, vendor = [SqlEffects(db, owner=name) for name in ("worker-1", "worker-2")], Vendor()

    async def insist(effects: SqlEffects) -> ExternalRef:
        for _ in range(200):
            try:
                return await effects.once(subscription(), vendor.write, vendor.probe)
            except Busy:
                await asyncio.sleep(0.002)
        raise AssertionError("never got a turn")

    refs = await asyncio.gather(*(insist(fleet[n % 2]) for n in range(10)))

    assert len({ref.id for ref in refs}) == 1
    assert vendor.standing(subscription().key) == [refs[0].id]
