"""An auditor trusts nobody with access to the database, and needs to trust nobody."""

import asyncio
import io
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.audit import GENESIS, export, verify
from ledger.database import Database
from tests.world import World
from tieline.children import tieline_command

TAMPERINGS = {
    "a row is edited": (
        "UPDATE audit_rows SET body = replace(body, 'external_id\":\"', 'external_id\":\"9')"
        " WHERE seq = {row}"
    ),
    "a row is deleted": "DELETE FROM audit_rows WHERE seq = {row}",
    "the tail is cut": "DELETE FROM audit_rows WHERE seq >= {row}",
}
BOOKED = b"erp/sales_order/"
COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    printed: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON it printed."""
        found: dict[str, Any] = json.loads(self.printed)
        return found


async def test_whoever_edits_deletes_or_cuts_the_record_is_found_out_with_the_row(
    tieline: World, tmp_path: Path
) -> None:
    """Somebody with SQL access changes what was done for Globex, in three ways."""
    # Given the record of an order, which holds
    await tieline.fulfilled(tieline.deal("Globex"))
    ledger = tmp_path / "ledger.db"
    row, rows = _booking(ledger)
    assert (await verify(tieline.house.database)).rows == rows

    # When copies of it are tampered with
    copies = {what: _copy(ledger, tmp_path / f"{n}.db") for n, what in enumerate(TAMPERINGS)}
    for what, copy in copies.items():
        _change(copy, TAMPERINGS[what].format(row=row))

    # Then each is reported with exit code 1 and the row where the record breaks
    said = await asyncio.gather(*(_audit(tieline, copy, "verify") for copy in copies.values()))
    verified = dict(zip(copies, said, strict=True))
    assert {said.code for said in verified.values()} == {1}
    assert {said.report["first_bad_seq"] for said in verified.values()} == {row}
    assert {what: said.report["reason"] for what, said in verified.items()} == {
        "a row is edited": f"row {row} was changed, or moved from another place",
        "a row is deleted": f"row {row} is missing",
        "the tail is cut": f"rows {row} to {rows} are missing from the end",
    }


async def test_an_exported_record_is_verified_without_the_ledger(
    tieline: World, tmp_path: Path
) -> None:
    """The auditor takes a file home, and proves it there; an edited line is named."""
    # Given an export of two orders, and the checkpoint that was printed with it
    await asyncio.gather(*(tieline.fulfilled(tieline.deal(who)) for who in ("Globex", "Initech")))
    ledger, file = tmp_path / "ledger.db", tmp_path / "audit-2026-11.jsonl"
    row, rows = _booking(ledger)
    exported = await _audit(tieline, ledger, "export", str(file))
    checkpoint = f"{exported.report['seq']}:{exported.report['hash']}"
    assert (exported.code, exported.report["seq"]) == (0, rows)

    # When the file is verified as it is, and with an edited line
    edited = tmp_path / "edited.jsonl"
    edited.write_bytes(file.read_bytes().replace(BOOKED, b"erp/quote/", 1))
    nowhere = tmp_path / "no-such-ledger.db"
    good, bad = await asyncio.gather(
        *(
            _audit(tieline, nowhere, "verify", "--file", str(f), "--checkpoint", checkpoint)
            for f in (file, edited)
        )
    )

    # Then the first holds to its last row, the second breaks at the edited one
    assert (good.code, good.report["ok"], good.report["rows"]) == (0, True, rows)
    assert (bad.code, bad.report["first_bad_seq"]) == (1, row)
    assert not nowhere.exists()


async def test_a_history_rewritten_as_a_whole_is_found_out_by_a_checkpoint(
    tieline: World, tmp_path: Path
) -> None:
    """Who rewrites the head too leaves a chain that holds, but not the one the auditor noted."""
    # Given a checkpoint that the auditor keeps
    await tieline.fulfilled(tieline.deal("Umbrella"))
    ledger = tmp_path / "ledger.db"
    row, rows = _booking(ledger)
    kept = await export(tieline.house.database, io.BytesIO())
    checkpoint = f"{kept.seq}:{kept.hash}"

    # When the end of the record is cut off and the head is set back to match
    rewritten = _copy(ledger, tmp_path / "rewritten.db")
    _change(rewritten, TAMPERINGS["the tail is cut"].format(row=row))
    _change(
        rewritten,
        f"UPDATE audit_head SET seq = {row - 1}, hash = coalesce("
        f"(SELECT hash FROM audit_rows WHERE seq = {row - 1}), '{GENESIS}')",
    )

    # Then the ledger alone cannot tell, and the checkpoint does
    database = Database.open(f"sqlite:///{rewritten}")
    alone = await verify(database)
    await database.close()
    noted = await _audit(tieline, rewritten, "verify", "--checkpoint", checkpoint)
    assert (alone.ok, alone.rows) == (True, row - 1)
    assert (noted.code, noted.report["first_bad_seq"]) == (1, row)
    assert noted.report["reason"] == f"rows {row} to {rows} are missing from the end"


async def _audit(tieline: World, ledger: Path, *arguments: str) -> Said:
    """`tieline --json audit ...` as an auditor runs it, on a ledger file."""
    settings = ledger.with_suffix(".toml")
    given = tieline.settings.ledger_url
    settings.write_text(tieline.config.read_text().replace(given, f"sqlite:///{ledger}"))
    process = await asyncio.create_subprocess_exec(
        *tieline_command(settings, "--json", "audit", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        printed, complained = await process.communicate()
    assert process.returncode is not None and not complained, complained
    return Said(process.returncode, printed.decode())


def _booking(ledger: Path) -> tuple[int, int]:
    """The row in which a sales order is recorded first, and how many rows there are."""
    with sqlite3.connect(ledger) as database:
        found = database.execute(
            "SELECT (SELECT min(seq) FROM audit_rows WHERE instr(subject, ?) = 1),"
            " (SELECT max(seq) FROM audit_rows)",
            (BOOKED.decode(),),
        ).fetchone()
    return int(found[0]), int(found[1])


def _copy(ledger: Path, to: Path) -> Path:
    with sqlite3.connect(ledger) as source, sqlite3.connect(to) as target:
        source.backup(target)
    return to


def _change(ledger: Path, statement: str) -> None:
    with sqlite3.connect(ledger) as database:
        assert database.execute(statement).rowcount > 0
