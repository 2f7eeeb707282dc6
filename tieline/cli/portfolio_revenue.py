"""`tieline portfolio revenue`: orders by how far their revenue has come, with their values."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from domain.reports.revenue import RevenueReport
from ledger.views import reports
from ledger.views.reports import Report
from tieline.cli.freshness import INVOICES, made
from tieline.cli.moments import moment
from tieline.cli.output import context_of, out, print_table, show
from tieline.cli.reporting import render_head, said_sums

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def register(app: typer.Typer) -> None:
    """Add the command to the portfolio's."""
    app.command(
        "revenue",
        epilog="Examples:\n\ntieline portfolio revenue\n\n"
        "tieline --json portfolio revenue --since 2026-01-01",
    )(show_revenue)


def show_revenue(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="Orders begun since (default: all).")] = "",
) -> None:
    """Show orders by revenue status: booked, activated, invoiced, recognized, paid."""
    shared, now = context_of(context), datetime.now(UTC)
    begins = moment("--since", since, now) or BEGINNING
    found = made(
        shared,
        (INVOICES,),
        lambda db, catalogue, sources: reports.revenue(db, catalogue, sources, begins, now),
    )
    show(shared, found, lambda: _render(found))


def _render(report: Report[RevenueReport]) -> None:
    render_head(report)
    out.print(f"orders {report.body.orders}")
    print_table(
        ["furthest proven", ">orders", ">order value", "steps before it"],
        [
            (
                one.status.value,
                one.orders,
                said_sums(one.value),
                ", ".join(f"{step} {number}" for step, number in one.not_proven.items()),
            )
            for one in report.body.by_status
        ],
        empty="No order is on record.",
    )
    if report.body.orders:
        out.print("invoiced and paid: by the order's first invoice; the value is the whole order's")
