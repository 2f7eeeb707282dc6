"""What was not taken of a file: a `.rejected` file beside it, and a list for whoever asks."""

import hashlib
from collections import deque
from datetime import datetime
from pathlib import Path

import orjson

from adapters.files.problem import Problem
from adapters.files.shelf import REJECTED
from canonical.orders import Fact

REPORTED_MAX = 10_000


class RejectedLine(Fact):
    """A line that was not let in: of its content only digest and size. Line 0 is the file."""

    source: str
    file: str
    line: int
    code: str
    reason: str
    body_digest: str
    body_bytes: int
    at: datetime


class Report:
    """Notes each rejected line once, however often its file is read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._fresh: deque[RejectedLine] = deque(maxlen=REPORTED_MAX)

    def drain(self) -> list[RejectedLine]:
        """What was noted since the last call."""
        drained = list(self._fresh)
        self._fresh.clear()
        return drained

    def rejected(
        self, name: str, line: int, problem: Problem, body: bytes, now: datetime
    ) -> RejectedLine:
        """A line of a file that is not taken."""
        return RejectedLine(
            source=self._source, file=name, line=line, code=problem.code, reason=problem.reason,
            body_digest=hashlib.sha256(body).hexdigest() if body else "", body_bytes=len(body),
            at=now,
        )  # fmt: skip

    def note(self, path: Path, lines: list[RejectedLine]) -> None:
        """Add to the report beside a file what it does not have yet; raises OSError."""
        if not lines:
            return
        beside = path.with_name(path.name + REJECTED)
        known = beside.read_bytes().splitlines() if beside.exists() else []
        told = {(row["line"], row["code"]) for row in map(orjson.loads, known)}
        new = [line for line in lines if (line.line, line.code) not in told]
        room = max(0, REPORTED_MAX - len(known))
        if not new or not room:
            return
        text = [*known, *(orjson.dumps(line.model_dump(mode="json")) for line in new[:room])]
        # Under another name first: a report that was cut off could not be read again.
        temporary = beside.with_name(f".{beside.name}")
        temporary.write_bytes(b"\n".join(text) + b"\n")
        temporary.replace(beside)
        self._fresh.extend(new[:room])
