"""An accounts receivable file in the ERP simulator of a rehearsal, and what is said of it."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from canonical.errors import Misconfigured
from simulators.kernel import Simulator
from simulators.netsuite import NetSuiteSimulator, ReceivablesError, Report

BYTES_MAX = 64 * 1024 * 1024
BAD_LINES_SHOWN = 10


def load_receivables(
    simulators: Mapping[str, Simulator], file: Path, as_of: date | None = None
) -> Report:
    """Load the file; its day `as_of`, or that of its newest invoice, is taken for today.

    Raises Misconfigured for a file that cannot be read.
    """
    erp = simulators["netsuite"]
    assert isinstance(erp, NetSuiteSimulator)
    try:
        if file.stat().st_size > BYTES_MAX:
            raise ReceivablesError(f"larger than {BYTES_MAX} bytes")
        return erp.load_receivables(file.read_text(encoding="utf-8-sig"), as_of)
    except (OSError, UnicodeDecodeError, ReceivablesError) as error:
        raise Misconfigured(f"--receivables: {error}", about="receivables") from error


def described(report: Report) -> Iterator[str]:
    """How the portfolio stands, and the first lines that were left out."""
    yield (
        f"receivables {report.invoices} invoices of {report.customers} customers, "
        f"{report.as_of or 'none'} taken for today: {report.open} open ({report.overdue} overdue, "
        f"{report.disputed} disputed), {report.paid} paid, {report.ahead} ahead"
    )
    for bad in report.bad[:BAD_LINES_SHOWN]:
        yield f"  line {bad.line} left out: {bad.why}"
    if report.bad_count > BAD_LINES_SHOWN:
        yield f"  and {report.bad_count - BAD_LINES_SHOWN} more lines left out"
