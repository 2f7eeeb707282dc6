"""Nobody changes the past unnoticed: the report names the row."""

import io
from datetime import timedelta

import pytest

from ledger import audit
from ledger.audit import Checkpoint, export, verify, verify_file
from ledger.database import Database
from tests.ledger.clocks import Clock


async def chain(db: Database, clock: Clock, rows: int = 5) -> None:
    """Five decisions on Globex's case."""
    for number in range(1, rows + 1):
        body = {"reason": f"decision {number}", "amount_minor": 1_200_000}
        at = clock.now + timedelta(minutes=number)
        await db.run(
            lambda s, b=body, t=at: audit.append(s, "ada@acme.test", "case.retry", "case-7", b, t)
        )


async def tamper(db: Database, *statements: str) -> None:
    """Somebody with SQL access edits the chain."""
    for statement in statements:
        await db.run(lambda s, sql=statement: s.connection().exec_driver_sql(sql))


async def test_an_untouched_chain_holds(db: Database, clock: Clock) -> None:
    """Also when it is longer than a chunk is."""
    await chain(db, clock)

    report = await verify(db)

    assert (report.rows, report.ok, report.first_bad_seq) == (5, True, None)


async def test_an_empty_chain_holds(db: Database) -> None:
    """A new ledger has nothing to prove."""
    assert (await verify(db)).ok


async def test_a_long_chain_is_verified_in_chunks(
    db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain goes on where the last chunk ended."""
    monkeypatch.setattr(audit, "ROWS_PER_CHUNK", 2)
    await chain(db, clock)

    assert (await verify(db)).rows == 5


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("body", '\'{"amount_minor":1,"reason":"decision 3"}\''),
        ("actor", "'eve@acme.test'"),
        ("action", "'case.skip'"),
        ("subject", "'case-8'"),
        ("hash", "'" + "f" * 64 + "'"),
    ],
)
async def test_an_edited_row_is_named(db: Database, clock: Clock, what: str, value: str) -> None:
    """Whichever column was changed."""
    await chain(db, clock)
    await tamper(db, f"UPDATE audit_rows SET {what} = {value} WHERE seq = 3")

    report = await verify(db)

    assert (report.ok, report.first_bad_seq) == (False, 3)
    assert "row 3" in report.reason


async def test_a_deleted_row_is_named(db: Database, clock: Clock) -> None:
    """A gap in the numbers is a row that was taken out."""
    await chain(db, clock)
    await tamper(db, "DELETE FROM audit_rows WHERE seq = 2")

    report = await verify(db)

    assert (report.first_bad_seq, report.reason) == (2, "row 2 is missing")


async def test_reordered_rows_are_named(db: Database, clock: Clock) -> None:
    """Two rows changed places."""
    await chain(db, clock)
    await tamper(
        db,
        "UPDATE audit_rows SET seq = 99 WHERE seq = 2",
        "UPDATE audit_rows SET seq = 2 WHERE seq = 4",
        "UPDATE audit_rows SET seq = 4 WHERE seq = 99",
    )

    assert (await verify(db)).first_bad_seq == 2


async def test_a_cut_tail_is_named(db: Database, clock: Clock) -> None:
    """The head remembers how long the chain was."""
    await chain(db, clock)
    await tamper(db, "DELETE FROM audit_rows WHERE seq > 3")

    report = await verify(db)

    assert report.reason == "rows 4 to 5 are missing from the end"
    assert report.first_bad_seq == 4


async def test_a_row_behind_the_heads_back_is_named(db: Database, clock: Clock) -> None:
    """A row was inserted without moving the head."""
    await chain(db, clock)
    await tamper(
        db,
        "INSERT INTO audit_rows SELECT 6, at, actor, action, subject, body, hash"
        " FROM audit_rows WHERE seq = 5",
    )

    assert (await verify(db)).first_bad_seq == 6


async def test_a_tail_cut_off_with_the_head_is_found_by_a_checkpoint(
    db: Database, clock: Clock
) -> None:
    """Who can rewrite the head as well is still betrayed by what was exported before."""
    await chain(db, clock)
    kept = await export(db, io.BytesIO())
    await tamper(
        db,
        "DELETE FROM audit_rows WHERE seq > 3",
        "UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit_rows WHERE seq = 3)",
    )

    assert (await verify(db)).ok
    assert (await verify(db, kept)).first_bad_seq == 4


async def test_a_rewritten_chain_differs_from_the_checkpoint(db: Database, clock: Clock) -> None:
    """A chain that is consistent in itself, but is not the one that was exported."""
    await chain(db, clock)

    report = await verify(db, Checkpoint(seq=4, hash="0" * 64))

    assert (report.ok, report.first_bad_seq) == (False, 4)


async def test_an_exported_chain_can_be_verified_without_the_ledger(
    db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file ends in a checkpoint, and an edited line is named like an edited row."""
    monkeypatch.setattr(audit, "ROWS_PER_CHUNK", 2)
    await chain(db, clock)
    file = io.BytesIO()

    checkpoint = await export(db, file)

    exported = file.getvalue()
    assert checkpoint.seq == 5
    assert verify_file(io.BytesIO(exported)).ok
    assert verify_file(io.BytesIO(exported), checkpoint).rows == 5
    edited = exported.replace(b"decision 4", b"decision 9")
    assert verify_file(io.BytesIO(edited)).first_bad_seq == 4
    cut = b"\n".join(exported.splitlines()[:3])
    assert "without a checkpoint" in verify_file(io.BytesIO(cut)).reason
