"""The rows of a dropped file: what is understood of them, and what is refused line by line."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.files import shelf as shelf_module
from adapters.files.problem import CODES, Problem
from adapters.files.rows import facts_of, version_of
from canonical.connections import Environment
from canonical.facts import CaseFacts, ContractFacts, InvoiceFacts, InvoiceStatus, Kind
from canonical.inbound import Channel
from canonical.money import Money
from tests.adapters.drops import HEADER, NOW, Told, case, csv, drop_of, line, put


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "drop"
    made.mkdir()
    return made


async def test_a_row_is_an_event_that_says_all_there_is(folder: Path) -> None:
    """Account, amounts and dates are read from the event's own body."""
    put(folder, "invoices.csv", csv(line()))
    told = Told(drop_of(folder, environment="live"))

    (event,) = await told.poll()
    facts = await told.source.read(event)

    assert (event.source, event.kind, event.subject) == ("legacy", Kind.INVOICE, "INV-1")
    assert (event.channel, event.environment) == (Channel.FILE, Environment.LIVE)
    assert event.version == "00000000000000000001"
    assert event.occurred_at == datetime(2026, 11, 25, 8, 1, tzinfo=UTC)
    assert orjson.loads(event.body)["total"] == "12000.10"
    assert isinstance(facts, InvoiceFacts)
    assert facts.status is InvoiceStatus.OPEN
    assert (facts.total, facts.paid) == (Money.of("12000.10", "USD"), Money.of("0", "USD"))
    assert facts.remaining == Money.of("12000.10", "USD")
    assert (facts.due_on, facts.account_id) == (date(2026, 12, 25), "0015g00000Globex")
    assert facts.version == event.version


async def test_good_lines_are_told_and_bad_ones_reported(folder: Path) -> None:
    """With file, line, code and reason; nothing of the content is repeated."""
    bad = [
        line(2, status="odd"),
        line(3, total="12,000"),
        line(4, changed_at="yesterday"),
        line(5, kind="opportunity"),
        line(6, kind="unicorn"),
        line(7, id=""),
        line(8) + ",extra",
        "invoice,INV-9",
        line(10, total="1e99999"),
        line(11, total="Infinity"),
        line(12, total="1.005"),
        line(13, currency="XXX"),
        line(14, id="INV\x0014"),
        line(15, status=""),
        line(16, paid=""),
    ]
    put(folder, "invoices.csv", csv(line(1), *bad, line(99)))
    told = Told(drop_of(folder))

    found = await told.poll()

    assert [event.subject for event in found] == ["INV-1", "INV-99"]
    assert told.codes == [
        (3, "bad_value"), (4, "wrong_columns"), (5, "bad_time"), (6, "unknown_kind"),
        (7, "unknown_kind"), (8, "column_missing"), (9, "wrong_columns"), (10, "wrong_columns"),
        (11, "bad_value"), (12, "bad_value"), (13, "bad_value"), (14, "bad_value"),
        (15, "bad_value"), (16, "bad_value"), (17, "column_missing"),
    ]  # fmt: skip
    assert all(one.body_bytes and one.body_digest for one in told.rejected)
    assert not any("INV" in one.reason or "odd" in one.reason for one in told.rejected)


async def test_the_report_stands_beside_the_file_and_is_told_once(folder: Path) -> None:
    """However often the file is read."""
    put(folder, "invoices.csv", csv(line(1), line(2, status="odd")))
    told = Told(drop_of(folder))
    await told.poll()
    again = Told(drop_of(folder))
    await again.poll()

    (report,) = (folder / "done").glob("*.rejected")
    (row,) = map(orjson.loads, report.read_bytes().splitlines())
    assert (row["line"], row["code"], row["source"]) == (3, "bad_value", "legacy")
    assert row["reason"] == "a field cannot be understood: status"
    assert len(told.rejected) == 1
    assert again.rejected == []


async def test_a_byte_order_mark_is_no_part_of_the_first_column(folder: Path) -> None:
    """As Excel writes it."""
    put(folder, "invoices.csv", b"\xef\xbb\xbf" + csv(line()).encode())
    put(folder, "cases.jsonl", b"\xef\xbb\xbf" + case())

    found = await Told(drop_of(folder)).poll()

    assert {event.subject for event in found} == {"INV-1", "4711"}


async def test_quotes_hold_commas_quotes_and_line_breaks(folder: Path) -> None:
    """And lines are counted as an editor counts them."""
    header = "kind;id;changed_at;name;status"
    rows = [
        'task;1;2026-11-25T08:00:00Z;"Kick-off; ""remote""\r\nwith Initech";open',
        "task;2;2026-11-25T08:00:00Z;Go-live;odd;more",
        "task;3;2026-11-25T08:00:00Z;Go-live;done",
    ]
    put(folder, "tasks.csv", "\r\n".join([header, *rows]))
    told = Told(drop_of(folder))

    found = await told.poll()

    facts = [await told.source.read(event) for event in found]
    assert [getattr(one, "name", "") for one in facts] == [
        'Kick-off; "remote"\r\nwith Initech', "Go-live",
    ]  # fmt: skip
    assert told.codes == [(4, "wrong_columns")]


async def test_a_quote_that_is_never_closed_costs_its_line_alone(folder: Path) -> None:
    """The rest of the file is read as if it were not there."""
    put(folder, "invoices.csv", csv(line(1), line(2, account_id='"Globex'), line(3)))
    told = Told(drop_of(folder))

    found = await told.poll()

    assert [event.subject for event in found] == ["INV-1", "INV-3"]
    assert told.codes == [(3, "unclosed_quote")]


@pytest.mark.parametrize("quote", ["", '"'])
async def test_a_line_of_10_mb_costs_itself_alone(folder: Path, quote: str) -> None:
    """It is passed over without being held in memory, quoted or not."""
    huge = line(2, account_id=quote + "x" * 10_000_000 + quote)
    put(folder, "invoices.csv", csv(line(1), huge, line(3)))
    put(folder, "cases.jsonl", case() + b'{"id": "' + b"x" * 10_000_000 + b'"}\n' + case("2"))
    told = Told(drop_of(folder))

    found = await told.poll()

    assert [event.subject for event in found] == ["INV-1", "INV-3", "4711", "2"]
    assert told.codes == [(3, "line_too_long"), (2, "line_too_long")]
    assert all(one.body_bytes < 2 * 1024 * 1024 for one in told.rejected)


async def test_bytes_that_are_no_text_cost_their_line_alone(folder: Path) -> None:
    """An export in another encoding is not guessed at."""
    bad = line(2, account_id="Müller").encode("latin-1")
    content = b"\n".join([HEADER.encode(), line(1).encode(), bad, line(3).encode()])
    put(folder, "invoices.csv", content)
    put(folder, "cases.jsonl", b'{"id": "\xff"}\n' + case())
    told = Told(drop_of(folder))

    found = await told.poll()

    assert [event.subject for event in found] == ["INV-1", "INV-3", "4711"]
    assert told.codes == [(3, "not_utf8"), (1, "not_utf8")]


async def test_a_file_that_is_too_large_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set aside with its reason, and holds nothing up."""
    with (folder / "huge.csv").open("wb") as file:
        file.truncate(shelf_module.FILE_BYTES_MAX + 1)
    put(folder, "invoices.csv", csv(line()))
    told = Told(drop_of(folder))

    found = await told.poll()

    assert [event.subject for event in found] == ["INV-1"]
    assert told.codes == [(0, "file_too_large")]
    assert "268435456" in told.rejected[0].reason


async def test_duplicate_rows_have_one_id(folder: Path) -> None:
    """Within a file and across files; the inbox keeps one."""
    put(folder, "a.csv", csv(line(1), line(1)))
    put(folder, "b.csv", csv(line(2), line(1)))

    found = await Told(drop_of(folder)).poll()

    assert len(found) == 4
    assert len({event.event_id for event in found}) == 2


async def test_reordered_rows_are_told_apart_by_their_versions(folder: Path) -> None:
    """The tenth is newer than the ninth, wherever it stands."""
    put(folder, "a.csv", csv(line(1, version=10), line(1, version=9)))

    ten, nine = await Told(drop_of(folder)).poll()

    assert ten.version > nine.version


@pytest.mark.parametrize(
    ("stated", "version"),
    [
        ("7", "00000000000000000007"),
        ("", "2026-11-25T12:00:00.000000Z"),
        ("2026-11-25T13:00:00+01:00", "2026-11-25T12:00:00.000000Z"),
        ("2026-11-25", "2026-11-25"),
        ("rev-b", "rev-b"),
    ],
)
def test_versions_sort_as_text(stated: str, version: str) -> None:
    """Numbers by value, times in UTC; anything else as it stands."""
    assert version_of(stated, NOW) == version


async def test_a_column_that_is_gone_refuses_the_file(folder: Path) -> None:
    """Once, and by its name; guessing would book nonsense line by line."""
    put(folder, "invoices.csv", csv(line()).replace("changed_at", "modified"))
    told = Told(drop_of(folder))

    assert await told.poll() == []
    assert told.codes == [(0, "column_missing")]
    assert "changed_at" in told.rejected[0].reason


async def test_a_column_that_a_kind_needs_is_missed_in_the_header(folder: Path) -> None:
    """Where every row is an invoice; paid or remaining is enough."""
    put(folder, "a.csv", "id,changed_at,status,currency,total\n1,2026-11-25,open,USD,5\n")
    put(folder, "b.csv", "id,changed_at,status,currency,total,remaining\n2,2026-11-25,open,USD,5,1")
    told = Told(drop_of(folder, kind="invoice"))

    (event,) = await told.poll()

    facts = await told.source.read(event)
    assert isinstance(facts, InvoiceFacts)
    assert facts.paid == Money.of("4", "USD")
    assert told.codes == [(0, "column_missing")]
    assert "paid or remaining" in told.rejected[0].reason


async def test_a_column_that_is_new_is_kept_and_ignored(folder: Path) -> None:
    """It is in the body, for whoever wants it later."""
    put(folder, "invoices.csv", f"{HEADER},region\n{line()},EMEA\n")

    (event,) = await Told(drop_of(folder)).poll()

    assert orjson.loads(event.body)["region"] == "EMEA"


@pytest.mark.parametrize("header", ["id,id,kind,changed_at", "id,,kind,changed_at", '"id,kind'])
async def test_a_header_that_names_nothing_refuses_the_file(folder: Path, header: str) -> None:
    """Twice the same name, or none."""
    put(folder, "invoices.csv", f"{header}\n1,2,3,4\n")
    told = Told(drop_of(folder))

    assert await told.poll() == []
    assert told.codes == [(0, "bad_header")]


async def test_an_empty_file_is_nothing(folder: Path) -> None:
    """Neither an event nor an error."""
    put(folder, "empty.csv", "")
    put(folder, "header.csv", HEADER)
    told = Told(drop_of(folder))

    assert (await told.poll(), told.codes) == ([], [])


async def test_json_lines_keep_their_bytes_and_their_types(folder: Path) -> None:
    """Numbers stay exact; the body is the line as it was."""
    row = (
        b'{"kind":"invoice","id":17,"changed_at":"2026-11-25T08:00:00Z","status":"OPEN",'
        b'"currency":"usd","total":12000.10,"paid":0.1}'
    )
    put(folder, "a.jsonl", row + b"\n" + case())
    told = Told(drop_of(folder))

    found = await told.poll()

    invoice, support = [await told.source.read(event) for event in found]
    assert found[0].body == row
    assert isinstance(invoice, InvoiceFacts)
    assert (invoice.id, invoice.remaining) == ("17", Money.of("12000", "USD"))
    assert isinstance(support, CaseFacts)
    assert support.escalated


async def test_lines_that_are_no_objects_cost_themselves_alone(folder: Path) -> None:
    """Each with its number; blank lines are nothing."""
    lines = [b"[]", b"{", b"null", b"", b'{"id": NaN}', b'{"id": {"a": 1}}', b"[" * 5000]
    put(folder, "a.jsonl", b"\n".join([*lines, case()]))
    told = Told(drop_of(folder))

    found = await told.poll()

    assert [event.subject for event in found] == ["4711"]
    assert told.codes == [
        (1, "not_json"), (2, "not_json"), (3, "not_json"), (5, "not_json"),
        (6, "column_missing"), (7, "not_json"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wanted"), [("a.ndjson", "auto"), ("a.dat", "auto"), ("a.csv", "jsonl")]
)
async def test_the_format_follows_from_setting_name_or_first_byte(
    folder: Path, name: str, wanted: Any
) -> None:
    """In this order."""
    put(folder, name, case())

    assert len(await Told(drop_of(folder, format=wanted)).poll()) == 1


async def test_columns_may_have_names_of_their_own(folder: Path) -> None:
    """And times without a zone are in the drop's."""
    put(folder, "orders.txt", "AUFTRAG|STAND|ZUSTAND|WERT\n4711|2026-07-01 10:00:00|aktiv|5\n")
    columns = {"id": "AUFTRAG", "changed_at": "STAND", "status": "ZUSTAND"}
    told = Told(drop_of(folder, kind="contract", columns=columns, time_zone="Europe/Berlin"))

    (event,) = await told.poll()
    facts = await told.source.read(event)

    assert event.occurred_at == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    assert isinstance(facts, ContractFacts)
    assert facts.status == "aktiv"


async def test_a_contract_without_a_digest_is_what_its_row_says(folder: Path) -> None:
    """Another price is an amendment; another status or time is none."""
    rows = [
        ("2026-11-01", "active", "5"),
        ("2026-11-02", "ended", "5"),
        ("2026-11-03", "active", "6"),
    ]
    text = "".join(f"1,{at},{status},{price}\n" for at, status, price in rows)
    put(folder, "contracts.csv", "id,changed_at,status,price\n" + text)
    told = Told(drop_of(folder, kind="contract"))

    digests = []
    for event in await told.poll():
        facts = await told.source.read(event)
        assert isinstance(facts, ContractFacts)
        digests.append(facts.terms_digest)

    assert digests[0] == digests[1] != digests[2]


async def test_a_contract_is_worth_an_amount_with_its_currency(folder: Path) -> None:
    """Without one it is some other value, and not known to be money."""
    text = "1,2026-11-01,active,12000.00,usd\n1,2026-11-02,active,12000.00,\n"
    text += "1,2026-11-03,active,,USD\n"
    put(folder, "contracts.csv", "id,changed_at,status,value,currency\n" + text)
    told = Told(drop_of(folder, kind="contract"))

    facts = [await told.source.read(event) for event in await told.poll()]
    values = [one.value for one in facts if isinstance(one, ContractFacts)]

    assert values == [Money.of("12000", "USD"), None, None]


@pytest.mark.parametrize("value", ["much", "12.345", "NaN"])
def test_a_contract_that_is_worth_no_amount_is_refused(folder: Path, value: str) -> None:
    """By the column, which is named."""
    row = {"id": "1", "changed_at": "2026-11-01", "status": "active"}
    body = orjson.dumps(row | {"value": value, "currency": "USD"})

    with pytest.raises(Problem, match="value") as refused:
        facts_of(drop_of(folder, kind="contract"), body)
    assert refused.value.code == "bad_value"


def test_every_code_has_a_meaning() -> None:
    """In words that repeat nothing of a file."""
    assert all(CODES.values())
