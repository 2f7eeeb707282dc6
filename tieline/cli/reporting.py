"""What the commands of reports print alike: the head that says how current, and sums."""

from typing import Any

from domain.reports.figures import Sums
from ledger.views.reports import Report
from tieline.cli.freshness import render_freshness
from tieline.cli.output import out


def render_head(report: Report[Any]) -> None:
    """Print how current a report is, and the definitions that it goes by."""
    render_freshness(report.name, report.freshness)
    out.print(f"definitions: {' '.join(report.definitions)}")


def said_sums(sums: Sums) -> str:
    """The amounts, and of how many renewals none is known."""
    said = ", ".join(map(str, sums.amounts))
    unknown = f"{sums.unknown} not known" if sums.unknown else ""
    return " + ".join(part for part in (said, unknown) if part)
