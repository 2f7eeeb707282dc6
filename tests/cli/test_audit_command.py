"""An auditor checks the record and takes it away, from the command line."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from ledger.audit import append
from ledger.database import Database
from ledger.migrate import upgrade
from tests.cli.terminal import awaited

CLOSED = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """Settings of a ledger in which Ada has decided three cases."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    database = Database.open(url)
    for case in ("case-1", "case-2", "case-3"):
        await database.run(
            lambda session, case=case: append(  # type: ignore[misc]
                session, "Ada", "case.retry", case, {"reason": "as agreed"}, CLOSED
            )
        )
    await database.close()
    file = tmp_path / "tieline.toml"
    file.write_text(f"ledger_url = '{url}'\n")
    return file


async def test_the_record_is_verified_exported_and_verified_again_elsewhere(
    config: Path, nowhere: Path
) -> None:
    """The checkpoint that the export prints is what the next verification is given."""
    whole = await awaited("--config", config, "audit", "verify")
    exported = await awaited("--config", config, "audit", "export", "november.jsonl")
    head = await awaited("--config", config, "--json", "audit", "export", "again.jsonl")
    checkpoint = exported.out.split()[-1]

    assert (whole.code, whole.out) == (0, "3 rows, unbroken.\n")
    assert exported.code == 0 and exported.out.startswith("3 rows; checkpoint 3:")
    assert checkpoint == f"{head.json['seq']}:{head.json['hash']}"
    assert len((nowhere / "november.jsonl").read_bytes().splitlines()) == 4

    # Without the ledger, and against what was kept elsewhere
    alone = await awaited("audit", "verify", "--file", "november.jsonl")
    kept = await awaited("--config", config, "audit", "verify", "--checkpoint", checkpoint)
    script = await awaited("--json", "audit", "verify", "--file", "november.jsonl")
    assert (alone.code, alone.out) == (0, "3 rows, unbroken.\n")
    assert (kept.code, kept.out) == (0, "3 rows, unbroken.\n")
    assert script.json["ok"] is True


async def test_a_record_that_was_changed_is_found_and_ends_with_one(
    config: Path, nowhere: Path
) -> None:
    """The first row that does not hold is named, for people and for scripts."""
    await awaited("--config", config, "audit", "export", "november.jsonl")
    file = nowhere / "november.jsonl"
    file.write_text(file.read_text().replace('"case-2"', '"case-9"'))

    said = await awaited("audit", "verify", "--file", "november.jsonl")
    script = await awaited("--json", "audit", "verify", "--file", "november.jsonl")

    assert said.code == script.code == 1
    assert said.out.startswith("Broken at row 2: row 2 was changed")
    assert (script.json["ok"], script.json["first_bad_seq"]) == (False, 2)


async def test_a_ledger_that_lost_its_end_does_not_pass_the_checkpoint(config: Path) -> None:
    """What was exported in November is not there any more."""
    lost = orjson.dumps("0" * 64).decode().strip('"')

    said = await awaited("--config", config, "audit", "verify", "--checkpoint", f"17:{lost}")

    assert said.code == 1
    assert said.out == "Broken at row 4: rows 4 to 17 are missing from the end\n"
