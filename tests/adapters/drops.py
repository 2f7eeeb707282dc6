"""A folder that files are dropped into, and a poll of it to its end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from adapters.files import FileDrop, RejectedLine
from canonical.drops import Drop
from canonical.inbound import InboundEvent
from tests.adapters.contracts.events import LONG_AGO

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HEADER = "kind,id,version,changed_at,status,currency,total,paid,due_on,account_id"
STREAM = "files"


def line(number: int = 1, version: int = 1, **other: str) -> str:
    """An invoice of Globex from a system older than most of us."""
    fields = {
        "kind": "invoice", "id": f"INV-{number}", "version": str(version),
        "changed_at": f"2026-11-25T08:{version:02d}:00Z", "status": "open", "currency": "USD",
        "total": "12000.10", "paid": "0", "due_on": "2026-12-25",
        "account_id": "0015g00000Globex",
    } | other  # fmt: skip
    return ",".join(fields.values())


def csv(*lines: str) -> str:
    """A CSV file of these lines."""
    return "\n".join([HEADER, *lines]) + "\n"


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Write elsewhere and rename into place, as a careful sender does."""
    beside = folder.parent / f"writing-{name}"
    beside.write_bytes(content if isinstance(content, bytes) else content.encode())
    target = folder / name
    beside.rename(target)
    return target


def drop_of(folder: Path, **settings: Any) -> Drop:
    """The settings of a drop whose files are complete as soon as they are there."""
    given: dict[str, Any] = {"name": "legacy", "folder": folder, "settle_seconds": 0}
    return Drop(**{**given, **settings})


def case(number: str = "4711", **other: Any) -> bytes:
    """A support case as a line of JSON."""
    row = {"kind": "case", "id": number, "changed_at": "2026-11-25T08:00:00Z", "status": "open"}
    return orjson.dumps({**row, "escalated": True, **other}) + b"\n"


class Told:
    """A drop that is polled to its end, page by page."""

    def __init__(self, drop: Drop, *, now: datetime = NOW, rows_max: int = 500) -> None:
        self.now = now
        self.source = FileDrop(drop, rows_max=rows_max, clock=lambda: self.now)
        self.cursor = self.source.start(STREAM, now - LONG_AGO)
        self.rejected: list[RejectedLine] = []

    async def poll(self) -> list[InboundEvent]:
        """Everything that is new."""
        found: list[InboundEvent] = []
        for _ in range(200):
            page = await self.source.changes(STREAM, self.cursor)
            found += page.events
            self.cursor = page.cursor
            self.rejected += self.source.drain_rejected()
            if not page.more:
                return found
        raise AssertionError("the feed does not end")

    @property
    def codes(self) -> list[tuple[int, str]]:
        """Line and code of everything that was not let in."""
        return [(one.line, one.code) for one in self.rejected]
