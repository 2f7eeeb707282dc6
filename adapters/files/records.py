"""From bytes to records, one at a time: a bad one costs itself and no other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LINE_BYTES_MAX = 1024 * 1024
# A quoted field may hold line breaks; one that never ends must not swallow the file.
LINES_PER_RECORD_MAX = 1000
CHUNK_BYTES = 64 * 1024
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Raw:
    """A record as it stands in the file: its first line's number from 1, and where the next record
    begins. `problem` is the code of one that cannot be used; `body` then is what was read of it."""

    line: int
    body: bytes
    next_line: int
    next_offset: int
    problem: str = ""


def raw_records(file: BinaryIO, *, line: int = 1, offset: int = 0, quoted: bool) -> Iterator[Raw]:
    """The records from a place on, blank lines left out; with `quoted`, a line break within double
    quotes does not end a record."""
    file.seek(offset)
    if offset == 0 and file.read(len(BOM)) != BOM:
        file.seek(0)
    while True:
        found = _next(file, line, quoted)
        if found is None:
            return
        line = found.next_line
        if found.problem or found.body.strip():
            yield found


def _next(file: BinaryIO, line: int, quoted: bool) -> Raw | None:
    first = file.readline(LINE_BYTES_MAX + 1)
    if not first:
        return None
    too_long = len(first) > LINE_BYTES_MAX and not first.endswith(b"\n")
    quotes = first.count(b'"')
    if too_long:
        quotes += _skip_line(file)
    after_first = file.tell()
    body, lines = first, 1
    while quoted and quotes % 2 and lines < LINES_PER_RECORD_MAX:
        more = file.readline(LINE_BYTES_MAX + 1)
        if not more or (not too_long and len(body) + len(more) > LINE_BYTES_MAX):
            break
        quotes += more.count(b'"')
        body, lines = (body if too_long else body + more), lines + 1
    if quoted and quotes % 2:
        # Nothing after the first line is given up: what follows is read on its own.
        file.seek(after_first)
        code = "line_too_long" if too_long else "unclosed_quote"
        return Raw(line, first, line + 1, after_first, code)
    problem = "line_too_long" if too_long else ""
    return Raw(line, body, line + lines, file.tell(), problem)


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of a line that is too long; how many quotes it has."""
    quotes = 0
    while chunk := file.readline(CHUNK_BYTES):
        quotes += chunk.count(b'"')
        if chunk.endswith(b"\n"):
            break
    return quotes
