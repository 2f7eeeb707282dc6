"""Records in bytes: whatever a CSV writer can write comes back whole, from any record on."""

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.files.records import raw_records
from adapters.files.tables import Csv, row_of

CELLS = st.text(st.sampled_from('ab,;"\n\r \té'), max_size=8)
TABLES = st.lists(st.tuples(CELLS.filter(str.strip), CELLS), min_size=1, max_size=12)


def written(rows: list[tuple[str, str]], ending: str) -> bytes:
    """The rows as Python's own writer writes them, every field quoted."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


@settings(deadline=None, max_examples=200)
@given(rows=TABLES, ending=st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(rows: list[tuple[str, str]], ending: str) -> None:
    """Quotes, delimiters and line breaks within fields included."""
    table = Csv(["one", "two"], ",")

    found = [
        row_of(table.body(raw))
        for raw in raw_records(io.BytesIO(written(rows, ending)), quoted=True)
    ]

    assert [(row["one"], row["two"]) for row in found] == rows


@settings(deadline=None, max_examples=200)
@given(rows=TABLES, data=st.data())
def test_reading_goes_on_where_it_ended(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    """A page that begins at any record tells what the whole file tells from there."""
    file = io.BytesIO(written(rows, "\n"))
    whole = list(raw_records(file, quoted=True))
    last = data.draw(st.sampled_from(whole))

    rest = list(raw_records(file, line=last.next_line, offset=last.next_offset, quoted=True))

    assert rest == whole[whole.index(last) + 1 :]


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=200).map(lambda b: b.replace(b"x", b'"\n')))
def test_any_bytes_come_to_an_end(content: bytes) -> None:
    """Each line is read once, and lines are counted as they are in the file."""
    for quoted in (True, False):
        found = list(raw_records(io.BytesIO(content), quoted=quoted))

        ends = [raw.next_offset for raw in found]
        assert ends == sorted(set(ends))
        assert all(raw.line < raw.next_line for raw in found)
        assert not found or found[-1].next_line - 1 <= content.count(b"\n") + 1
