"""A folder as a source of events: each row of its files is a change, and says all there is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import BinaryIO, TypeVar

import orjson

from adapters.files.problem import Problem
from adapters.files.records import Raw, raw_records
from adapters.files.report import RejectedLine, Report
from adapters.files.rows import facts_of, hint_of, needed_columns
from adapters.files.shelf import FILE_BYTES_MAX, Shelf, stamp_of, taken_at
from adapters.files.tables import table_of
from canonical.drops import Drop
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound, Unavailable
from canonical.facts import AnyFacts
from canonical.inbound import BACKFILL_PRIORITY, Channel, InboundEvent
from canonical.ports.events import ChangePage

STREAM = "files"
ROWS_MAX = 500

T = TypeVar("T")


@dataclass(frozen=True)
class Mark:
    """How far was read: a taken file by its name, its digest then, and the next line in it.

    `whole` says that nothing is left of that file; its name then need not exist any more.
    """

    file: str
    line: int = 1
    offset: int = 0
    digest: str = ""
    whole: bool = True

    @classmethod
    def parse(cls, cursor: str) -> "Mark":
        """A mark from its text; raises CursorExpired for a text that is none of ours."""
        try:
            file, line, offset, digest, whole = orjson.loads(cursor)
            if not isinstance(file, str) or line < 1 or offset < 0:
                raise ValueError("no place")
            return cls(file, int(line), int(offset), str(digest), bool(whole))
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise CursorExpired("this is no place in the files of a drop") from None

    def text(self) -> str:
        """The mark as a cursor."""
        return orjson.dumps([self.file, self.line, self.offset, self.digest, self.whole]).decode()


@dataclass(frozen=True)
class _Read:
    """Some rows of one file, what was wrong with others, and how far it was read."""

    events: list[InboundEvent]
    rejected: list[RejectedLine]
    mark: Mark


class FileDrop:
    """The files that are dropped into one folder; the feed remembers as long as `done/` is kept."""

    def __init__(
        self,
        drop: Drop,
        *,
        rows_max: int = ROWS_MAX,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._drop = drop
        self._rows_max = rows_max
        self._clock = clock
        self._shelf = Shelf(drop.folder)
        self._report = Report(drop.name)

    async def aclose(self) -> None:
        """Nothing is kept open between calls."""

    def streams(self) -> list[str]:
        """One feed: the files in the order in which they were taken."""
        return [STREAM]

    def start(self, stream: str, since: datetime) -> str:
        """Before everything that was taken at or after `since`, or is yet to be taken."""
        return Mark(stamp_of(since)).text()

    def drain_rejected(self) -> list[RejectedLine]:
        """The lines that were not let in since the last call; all of them are in the `.rejected`
        reports beside their files as well."""
        return self._report.drain()

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next rows; raises CursorExpired when the file that was being read is gone."""
        return await self._with_files(lambda: self._changes(Mark.parse(cursor)))

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """The rows that changed in the window, from the files that were taken since it began."""
        names = await self._with_files(self._taken)
        for name in names:
            if name < stamp_of(since):
                continue
            mark = Mark(name, whole=False)
            while not mark.whole:
                read = await self._with_files(partial(self._read, mark))
                mark = read.mark
                for event in read.events:
                    if event.occurred_at and since <= event.occurred_at < until:
                        late = {"channel": Channel.BACKFILL, "priority": BACKFILL_PRIORITY}
                        yield event.model_copy(update=late)

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """Every subject that a row of the window is about, with its newest version."""
        newest: dict[str, str] = {}
        async for event in self.backfill(stream, since, until):
            newest[event.subject] = max(event.version, newest.get(event.subject, ""))
        return newest

    async def read(self, event: InboundEvent) -> AnyFacts:
        """What the row says: the file is the authority, and the event holds the whole row.

        Raises NotFound when the row is not about the event's subject.
        """
        try:
            facts = facts_of(self._drop, event.body)
        except Problem as problem:
            raise Malformed(f"a row of {self._drop.name}: {problem.reason}") from None
        if facts.id != event.subject:
            raise NotFound("the row is about another record", about=event.subject)
        return facts

    def _taken(self) -> list[str]:
        self._shelf.take(self._clock(), self._drop.settle_seconds)
        return self._shelf.done()

    def _changes(self, mark: Mark) -> ChangePage:
        names = self._taken()
        read_up_to = self._clock() - timedelta(seconds=self._drop.settle_seconds)
        if self._was_changed(mark, names):
            mark = Mark(mark.file, digest=mark.digest, whole=False)
        elif mark.whole:
            following = next((name for name in names if name > mark.file), None)
            if following is None:
                return ChangePage(events=[], cursor=mark.text(), read_up_to=read_up_to)
            mark = Mark(following, whole=False)
        elif mark.file not in names:
            raise CursorExpired("the file that was being read is gone", about=mark.file)
        read = self._read(mark)
        self._report.note(self._shelf.path(mark.file), read.rejected)
        more = not read.mark.whole or read.mark.file != names[-1]
        if more:
            read_up_to = min(read_up_to, taken_at(mark.file))
        return ChangePage(
            events=read.events, cursor=read.mark.text(), read_up_to=read_up_to, more=more
        )

    def _was_changed(self, mark: Mark, names: list[str]) -> bool:
        """Whether the file that was read last has been written to since."""
        known = mark.whole and mark.digest and mark.file in names
        return bool(known) and self._shelf.digest(mark.file) != mark.digest

    def _read(self, mark: Mark) -> _Read:
        """The next rows of a file, from the beginning where it is not what it was."""
        now, path = self._clock(), self._shelf.path(mark.file)
        rejected: list[RejectedLine] = []
        whole = Mark(mark.file)
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                raise Problem("file_too_large", f"{FILE_BYTES_MAX} bytes are allowed")
            digest = self._shelf.digest(mark.file)
            if digest != (mark.digest or mark.file[23:55]):
                changed = Problem("changed_after_taken")
                rejected.append(self._report.rejected(mark.file, 0, changed, b"", now))
                mark = Mark(mark.file, whole=False)
            with path.open("rb") as file:
                events, end = self._page(file, mark, rejected, now)
        except Problem as problem:
            return _Read([], [self._report.rejected(mark.file, 0, problem, b"", now)], whole)
        if end is None:
            return _Read(events, rejected, Mark(mark.file, digest=digest))
        place = Mark(mark.file, end.next_line, end.next_offset, digest, whole=False)
        return _Read(events, rejected, place)

    def _page(
        self, file: BinaryIO, mark: Mark, rejected: list[RejectedLine], now: datetime
    ) -> tuple[list[InboundEvent], Raw | None]:
        table = table_of(file, mark.file, self._drop.format, needed_columns(self._drop))
        records = raw_records(file, line=mark.line, offset=mark.offset, quoted=table.quoted)
        if table.quoted and mark.offset == 0:
            next(records, None)  # the header
        events: list[InboundEvent] = []
        for count, raw in enumerate(records, 1):
            try:
                if raw.problem:
                    raise Problem(raw.problem)
                events.append(hint_of(self._drop, table.body(raw), now))
            except Problem as problem:
                rejected.append(self._report.rejected(mark.file, raw.line, problem, raw.body, now))
            if count == self._rows_max:
                return events, raw
        return events, None

    async def _with_files(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except PermissionError as error:
            raise Misconfigured(f"drop {self._drop.name}: {error.strerror}") from None
        except OSError as error:
            raise Unavailable(f"drop {self._drop.name}: {error.strerror}") from None
