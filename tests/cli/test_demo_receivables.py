"""What `tieline demo --receivables` refuses, before anything is started."""

from pathlib import Path

import pytest

from tests.cli.terminal import tieline
from tieline.rehearsal import skipping


@pytest.fixture
def file(nowhere: Path) -> Path:
    """One invoice of March 2013, paid in May, and a line that is none."""
    lines = ["invoice,customer,invoice date,due date,amount,settled date"]
    lines += ["G-1,Globex,2013-03-01,2013-04-01,55.94,2013-05-02", "G-2,Globex,2013-03-01,x,1,"]
    written = nowhere / "ar.csv"
    written.write_text("\n".join(lines))
    return written


def test_a_file_that_cannot_be_read_is_refused(nowhere: Path) -> None:
    """Not there, of something else, or without one invoice."""
    other, empty = nowhere / "other.csv", nowhere / "empty.csv"
    other.write_text("a,b\n1,2\n")
    empty.write_text("invoice,customer,invoice date,due date,amount\nG-1,Globex,later,x,1\n")

    missing = tieline("demo", "--receivables", "no.csv")

    assert missing.code == 2
    assert missing.refusal.startswith("Misconfigured: --receivables: ")
    assert "no column for invoice" in tieline("demo", "--receivables", other).refusal
    assert "line 2: 'later' is no invoiced date" in tieline("demo", "--receivables", empty).refusal


@pytest.mark.parametrize("day", ["2013-02-28", "2013-05-03"])
def test_a_day_that_the_file_does_not_have_is_refused(file: Path, day: str) -> None:
    """Nothing could be open then, or nothing is known of what was paid since."""
    refused = tieline("demo", "--receivables", file, "--receivables-as-of", day)

    assert refused.code == 2
    assert "2013-03-01 to 2013-05-02" in refused.refusal


@pytest.mark.parametrize("given", [["--receivables-as-of", "yesterday"], ["--days", "0"]])
def test_what_is_no_day_or_no_number_of_days_is_wrong_use(file: Path, given: list[str]) -> None:
    """As with every other option."""
    refused = tieline("demo", "--receivables", file, *given)

    assert refused.code == 2
    assert given[0] in refused.err


def test_a_file_goes_with_no_export_and_its_options_with_nothing_else(
    file: Path, nowhere: Path
) -> None:
    """What was asked for is then not clear."""
    both = tieline("demo", "--receivables", file, "--crm-export", nowhere)
    kept = tieline("demo", "--receivables", file, "--keep")
    alone = tieline("demo", "--days", "30")

    assert both.code == kept.code == alone.code == 2
    assert "neither --crm-export nor --keep" in both.refusal
    assert "neither --crm-export nor --keep" in kept.refusal
    assert "go with --receivables" in alone.refusal


def test_without_the_test_server_it_says_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra, since nothing else needs it."""
    monkeypatch.setattr(skipping.sys, "executable", str(file))
    monkeypatch.setattr(skipping.shutil, "which", lambda _: None)

    refused = tieline("demo", "--receivables", file)

    assert refused.code == 2
    assert "pip install 'tieline[rehearsal]'" in refused.refusal
