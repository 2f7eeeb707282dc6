"""The file drop: which files of a folder are taken, when, and how often they are told."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.files import FileDrop
from canonical.drops import Drop
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound, Unavailable
from canonical.inbound import Channel, InboundEvent
from tests.adapters.contracts.events import LONG_AGO
from tests.adapters.contracts.intake import IntakeContract
from tests.adapters.drops import NOW, STREAM, Told, csv, drop_of, line, put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    return made


class Faultless:
    """A folder has no faults to arm; what fails it is tested below."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes: dict[int, int] = {}
        self.files = 0


class TestFileDrop(IntakeContract):
    """A folder keeps the contract of a source, as far as files can."""

    stream = STREAM
    feed_path = ""

    @pytest.fixture
    def simulator(self, folder: Path) -> Faultless:  # type: ignore[override]
        return Faultless(folder)

    @pytest.fixture
    def connection(self, folder: Path) -> Drop:  # type: ignore[override]
        return drop_of(folder, name="main")

    def source(self, connection: Drop) -> FileDrop:  # type: ignore[override]
        return FileDrop(connection, rows_max=self.page_size)

    async def change(self, simulator: Faultless, number: int) -> str:
        version = simulator.changes[number] = simulator.changes.get(number, 0) + 1
        simulator.files += 1
        # In the hour before now, since the contract asks about the last day.
        at = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=simulator.files)
        row = line(number, version, changed_at=at.isoformat())
        put(simulator.folder, f"{simulator.files:03d}.csv", csv(row))
        return f"INV-{number}"

    async def forget(self, simulator: Faultless) -> None:
        for path in (simulator.folder / "done").iterdir():
            path.unlink()

    async def test_a_forgotten_cursor_is_said_to_be_expired(
        self, events: Any, simulator: Any
    ) -> None:
        """A file that is gone while it is being read; one that was read may go."""
        put(simulator.folder, "many.csv", csv(*(line(n) for n in range(5))))
        page = await events.changes(STREAM, self.beginning(events))
        assert page.more
        await self.forget(simulator)

        with pytest.raises(CursorExpired):
            await events.changes(STREAM, page.cursor)

    async def test_the_record_is_read_as_it_is_now(self, events: Any, simulator: Any) -> None:
        """The file is the authority: a row says what it said, and its version orders it."""
        await self.change(simulator, 0)
        (old,), _, _ = await self.told(events, self.beginning(events))
        await self.change(simulator, 0)

        assert (await events.read(old)).version == old.version

    async def test_an_outage_is_unavailability_and_costs_no_event(
        self, events: Any, simulator: Any
    ) -> None:
        """A share that is not mounted; the cursor is good afterwards."""
        subject = await self.change(simulator, 0)
        beginning = self.beginning(events)
        away = simulator.folder.rename(simulator.folder.with_name("unmounted"))

        with pytest.raises(Unavailable):
            await self.told(events, beginning)

        away.rename(simulator.folder)
        found, _, _ = await self.told(events, beginning)
        assert subject in {event.subject for event in found}

    test_a_throttled_feed_is_rate_limited = None  # type: ignore[assignment]  # no folder throttles


async def test_a_file_is_read_once_and_moves_to_done(folder: Path) -> None:
    """And the same content under another name is not read again."""
    put(folder, "invoices.csv", csv(line()))
    told = Told(drop_of(folder))

    first, second = await told.poll(), await told.poll()
    put(folder, "invoices-again.csv", csv(line()))
    third = await told.poll()

    assert (len(first), second, third) == (1, [], [])
    assert [path.name for path in folder.iterdir()] == ["done"]
    names = sorted(path.name for path in (folder / "done").iterdir())
    assert names[0].endswith("-invoices.csv")
    assert names[1].endswith("-invoices-again.csv.duplicate")


async def test_a_file_that_was_refused_may_be_dropped_again(folder: Path) -> None:
    """Once the settings are put right; its content is the same."""
    content = csv(line()).replace("changed_at", "modified")
    put(folder, "invoices.csv", content)
    assert await Told(drop_of(folder)).poll() == []
    put(folder, "invoices.csv", content)

    corrected = Told(drop_of(folder, columns={"changed_at": "modified"}))
    corrected.now += timedelta(seconds=1)
    found = await corrected.poll()

    assert {event.subject for event in found} == {"INV-1"}
    assert not list((folder / "done").glob("*.duplicate"))


async def test_a_corrected_file_of_the_same_name_is_a_new_file(folder: Path) -> None:
    """Rows that it repeats have the same ids, rows that changed have others."""
    told = Told(drop_of(folder))
    put(folder, "invoices.csv", csv(line(1), line(2)))
    first = await told.poll()
    put(folder, "invoices.csv", csv(line(1), line(2, version=2)))
    second = await told.poll()

    assert second[0].event_id == first[0].event_id
    assert second[1].event_id != first[1].event_id
    assert second[1].version > first[1].version


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", ".a.csv", "a.csv.filepart", "a.csv~"])
async def test_a_file_that_is_being_written_is_left_alone(folder: Path, name: str) -> None:
    """By the names that transfers give to what is unfinished."""
    put(folder, name, csv(line()))

    assert await Told(drop_of(folder)).poll() == []
    assert (folder / name).exists()


async def test_a_file_is_taken_once_nothing_is_written_to_it_any_more(folder: Path) -> None:
    """For the seconds that the drop says."""
    path = put(folder, "invoices.csv", csv(line()))
    told = Told(drop_of(folder, settle_seconds=60))
    os.utime(path, (NOW.timestamp() - 59, NOW.timestamp() - 59))
    early = await told.poll()
    told.now += timedelta(seconds=2)

    assert early == []
    assert len(await told.poll()) == 1


async def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Whoever may drop files may not read the machine's."""
    secret = tmp_path / "secret.csv"
    secret.write_text(csv(line()))
    (folder / "link.csv").symlink_to(secret)

    assert await Told(drop_of(folder)).poll() == []
    assert secret.exists()


async def test_files_are_told_in_the_order_in_which_they_came(folder: Path) -> None:
    """Not by their names."""
    for age, name in ((30, "b.csv"), (20, "a.csv"), (10, "c.csv")):
        path = put(folder, name, csv(line(age)))
        os.utime(path, (NOW.timestamp() - age, NOW.timestamp() - age))

    found = await Told(drop_of(folder)).poll()

    assert [event.subject for event in found] == ["INV-30", "INV-20", "INV-10"]


async def test_a_clock_that_was_set_back_reorders_nothing(folder: Path) -> None:
    """What is taken later stands later."""
    told = Told(drop_of(folder))
    put(folder, "a.csv", csv(line(1)))
    await told.poll()
    told.now -= timedelta(hours=3)
    put(folder, "b.csv", csv(line(2)))

    assert [event.subject for event in await told.poll()] == ["INV-2"]


async def test_a_large_file_is_read_page_by_page(folder: Path) -> None:
    """Each page goes on where the one before ended, bad lines and blank ones counted."""
    rows = [line(n) if n % 5 else "bad" for n in range(1, 24)]
    put(folder, "invoices.csv", csv(*rows, "", line(24)))
    told = Told(drop_of(folder), rows_max=4)

    found = await told.poll()

    assert [e.subject for e in found] == [f"INV-{n}" for n in range(1, 25) if n % 5]
    assert [n for n, _ in told.codes] == [6, 11, 16, 21]


async def test_a_file_that_is_written_to_after_all_is_read_again(folder: Path) -> None:
    """From its beginning, with a word about it; the ids are the same."""
    put(folder, "invoices.csv", csv(line(1)))
    told = Told(drop_of(folder))
    first = await told.poll()
    (taken,) = (folder / "done").iterdir()
    with taken.open("a") as file:
        file.write(line(2) + "\n")

    second = await told.poll()

    assert [event.subject for event in second] == ["INV-1", "INV-2"]
    assert second[0].event_id == first[0].event_id
    assert told.codes == [(0, "changed_after_taken")]
    assert await told.poll() == []


async def test_a_poll_that_dies_repeats_itself(folder: Path) -> None:
    """The files are in `done/` then, and the cursor is before them."""
    put(folder, "invoices.csv", csv(line()))
    died = Told(drop_of(folder))
    lost = await died.poll()

    again = Told(drop_of(folder))

    assert [e.event_id for e in await again.poll()] == [e.event_id for e in lost]


async def test_a_folder_that_may_not_be_read_is_misconfigured(folder: Path) -> None:
    """A person has to change its rights; root may read everything."""
    folder.chmod(0o000)
    try:
        if os.access(folder, os.R_OK):
            return
        with pytest.raises(Misconfigured):
            await Told(drop_of(folder)).poll()
    finally:
        folder.chmod(0o755)


async def test_a_census_and_a_backfill_count_by_the_time_of_the_change(folder: Path) -> None:
    """From the files that were taken since the window began."""
    put(folder, "invoices.csv", csv(line(1, 1), line(1, 30), line(2, 10), line(3, 59)))
    told = Told(drop_of(folder), rows_max=2)
    polled = await told.poll()
    since, until = (datetime(2026, 11, 25, 8, minute, tzinfo=UTC) for minute in (5, 59))

    census = await told.source.census(STREAM, since, until)
    found: AsyncIterator[InboundEvent] = told.source.backfill(STREAM, since, until)
    backfilled = [event async for event in found]

    assert census == {"INV-1": "30".zfill(20), "INV-2": "10".zfill(20)}
    assert {e.event_id for e in backfilled} == {polled[1].event_id, polled[2].event_id}
    assert {e.channel for e in backfilled} == {Channel.BACKFILL}


async def test_what_is_yet_to_be_read_holds_back_what_is_read_up_to(folder: Path) -> None:
    """Nothing is missing up to there."""
    put(folder, "invoices.csv", csv(*(line(n) for n in range(5))))
    source = FileDrop(drop_of(folder), rows_max=2, clock=lambda: NOW)

    first = await source.changes(STREAM, source.start(STREAM, NOW - LONG_AGO))
    later = FileDrop(drop_of(folder), rows_max=9, clock=lambda: NOW + timedelta(hours=1))
    last = await later.changes(STREAM, first.cursor)

    assert (first.more, first.read_up_to) == (True, NOW)
    assert (last.more, last.read_up_to) == (False, NOW + timedelta(hours=1))


async def test_an_event_whose_body_is_no_row_is_malformed(folder: Path) -> None:
    """And one about another record is not found."""
    put(folder, "invoices.csv", csv(line()))
    told = Told(drop_of(folder))
    (event,) = await told.poll()

    with pytest.raises(Malformed):
        await told.source.read(event.model_copy(update={"body": b"{}"}))
    with pytest.raises(NotFound):
        await told.source.read(event.model_copy(update={"subject": "INV-2"}))


@pytest.mark.parametrize(
    "cursor",
    ["", "[]", "{}", '["a"]', "[1,2,3,4]", '["a","b",0,"",true]', '["a",1,-1,"",true]'],
)
async def test_a_cursor_of_another_making_is_expired(folder: Path, cursor: str) -> None:
    """So that the gap is backfilled."""
    with pytest.raises(CursorExpired):
        await FileDrop(drop_of(folder)).changes(STREAM, cursor)


@pytest.mark.parametrize(
    "wrong", [{"time_zone": "Mars/Olympus"}, {"kind": "unicorn"}, {"settle_seconds": -1}, {"x": 1}]
)
def test_a_wrong_setting_is_refused(folder: Path, wrong: dict[str, Any]) -> None:
    """When the settings are read, not when the first file comes."""
    with pytest.raises(ValidationError):
        drop_of(folder, **wrong)
