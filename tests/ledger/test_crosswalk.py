"""The identity crosswalk knows what each system calls a customer, now and before."""

from datetime import datetime

from canonical.effects import Subject
from ledger import crosswalk
from ledger.database import Database
from tests.ledger.clocks import Clock

GLOBEX = Subject(kind="account", id="0015gGLOBEX")


async def put(db: Database, connection: str, external_id: str, at: datetime) -> None:
    """A system names Globex."""
    await db.run(
        lambda s: crosswalk.put(s, connection, "customer", GLOBEX, external_id, external_id, at)
    )


async def test_a_subject_is_found_by_its_external_id_and_back(db: Database, clock: Clock) -> None:
    """Each system has its own name for Globex."""
    await put(db, "stripe-us", "cus_1", clock.now)
    await put(db, "netsuite", "4711", clock.now)

    assert await crosswalk.subject_of(db, "netsuite", "customer", "4711") == GLOBEX
    assert await crosswalk.subject_of(db, "stripe-us", "customer", "4711") is None
    current = await db.read(lambda s: crosswalk.current(s, "stripe-us", "customer", GLOBEX))
    assert current == "cus_1"


async def test_a_new_name_ends_the_old_one_and_history_keeps_both(
    db: Database, clock: Clock
) -> None:
    """Globex was merged into another customer record in billing."""
    await put(db, "stripe-us", "cus_1", clock.now)
    clock.advance(3600)
    await put(db, "stripe-us", "cus_2", clock.now)
    await put(db, "stripe-us", "cus_2", clock.now)

    first, second = await crosswalk.history(db, GLOBEX)

    assert (first.external_id, first.valid_to) == ("cus_1", clock.now)
    assert (second.external_id, second.valid_to) == ("cus_2", None)
    assert await crosswalk.subject_of(db, "stripe-us", "customer", "cus_1") is None
