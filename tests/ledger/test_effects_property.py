"""Whatever goes wrong and in whatever order, the vendor ends with exactly one record per key."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from canonical.effects import EffectState
from canonical.errors import Busy, TielineError, Unavailable
from ledger.audit import verify
from ledger.database import Database
from ledger.effects import SqlEffects
from ledger.views.effects import effects_of
from tests.ledger.clocks import Clock
from tests.ledger.vendor import FAULTS, Died, Vendor, subscription

_deals = count(1)
CALLS = st.tuples(
    st.sampled_from(["worker-1", "worker-2"]),
    st.sampled_from(["", "", *FAULTS, "probe fails", "confirmation lost"]),
)
STORY = settings(
    max_examples=30,
    deadline=timedelta(seconds=20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Ledger:
    """A ledger that loses the nth transaction from now, if told to."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.fails_after: int | None = None

    async def run(self, work: Any) -> Any:
        """Run, or lose the connection first."""
        if self.fails_after is not None:
            self.fails_after -= 1
            if self.fails_after < 0:
                raise Unavailable("The ledger does not answer")
        return await self._db.run(work)

    async def read(self, work: Any) -> Any:
        """Read as usual."""
        return await self._db.read(work)


async def _attempt(
    effects: SqlEffects, ledger: Ledger, vendor: Vendor, deal: str, fault: str
) -> None:
    vendor.fault = fault
    vendor.probe_fault = Unavailable("search is down") if fault == "probe fails" else None
    ledger.fails_after = 1 if fault == "confirmation lost" else None
    with suppress(TielineError, asyncio.CancelledError, Died, ZeroDivisionError):
        await effects.once(subscription(deal), vendor.write, vendor.probe)
    vendor.fault, vendor.probe_fault, ledger.fails_after = "", None, None


@STORY
@example(calls=[("worker-1", "refused"), ("worker-1", "confirmation lost")], undone=False)
@example(calls=[("worker-1", "answer lost"), ("worker-1", "probe fails")], undone=True)
@given(calls=st.lists(CALLS, max_size=8), undone=st.booleans())
async def test_one_record_stands_per_confirmed_key(
    db: Database, clock: Clock, calls: list[tuple[str, str]], undone: bool
) -> None:
    """Any sequence of faults in two processes ends with one record, or none once it is undone."""
    vendor, deal = Vendor(), f"006-{next(_deals)}"
    ledger: Any = Ledger(db)
    fleet = {name: SqlEffects(ledger, clock=clock, owner=name) for name in ("worker-1", "worker-2")}
    wanted = subscription(deal)

    for worker, fault in calls:
        await _attempt(fleet[worker], ledger, vendor, deal, fault)
        assert len(vendor.records[wanted.key]) <= 1
    clock.advance(121)
    ref = await fleet["worker-1"].once(wanted, vendor.write, vendor.probe)

    assert vendor.standing(wanted.key) == [ref.id]
    if undone:
        await fleet["worker-2"].undo(wanted.key, wanted.process, vendor.probe, vendor.cancel)
        assert vendor.standing(wanted.key) == []
    (line,) = await effects_of(db, wanted.process.workflow_id)
    assert line.state is (EffectState.UNDONE if undone else EffectState.CONFIRMED)
    assert (await verify(db)).ok


@STORY
@given(faults=st.lists(st.sampled_from(["", "", *FAULTS]), min_size=2, max_size=5))
async def test_attempts_at_the_same_moment_make_one_record(
    db: Database, clock: Clock, faults: list[str]
) -> None:
    """Several attempts race, some fail; what is confirmed in the end is the only record."""
    vendor, deal = Vendor(), f"006-race-{next(_deals)}"
    wanted = subscription(deal)
    fleet = [SqlEffects(db, clock=clock, owner=f"worker-{n % 2}") for n in range(2)]

    async def attempt(effects: SqlEffects, fault: str) -> None:
        vendor.fault = fault
        with suppress(Busy, TielineError, asyncio.CancelledError, Died, ZeroDivisionError):
            await effects.once(wanted, vendor.write, vendor.probe)

    await asyncio.gather(*(attempt(fleet[n % 2], fault) for n, fault in enumerate(faults)))
    clock.advance(121)
    vendor.fault = ""
    ref = await fleet[0].once(wanted, vendor.write, vendor.probe)

    assert vendor.records[wanted.key] == [ref.id]
