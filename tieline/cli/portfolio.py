"""`tieline portfolio`: the reports on all accounts and contracts, and the indicators."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from canonical.errors import Misconfigured
from domain.reports.expansion import ExpansionReport
from domain.reports.forecast import ForecastReport, UpcomingGroup
from domain.reports.receivables import ReceivablesGroup, ReceivablesReport
from domain.reports.renewal_history import RenewalGroup
from domain.reports.retention import RetentionReport
from governance.catalogue import Catalogue
from ledger.database import Database
from ledger.views import reports
from ledger.views.reports import Report
from tieline.cli import portfolio_indicators, portfolio_revenue, portfolio_workflows
from tieline.cli.freshness import CONTRACTS, DEALS, INVOICES, made, owners
from tieline.cli.moments import moment
from tieline.cli.output import Context, context_of, out, print_table, show
from tieline.cli.reporting import render_head, said_sums

T = TypeVar("T")
portfolio_app = typer.Typer(
    help="Report on all accounts and renewals, each report with how current it is.",
    no_args_is_help=True,
)
SinceOption = Annotated[
    str, typer.Option("--since", help="First day (default: reports.toml, indicators.since_days).")
]
UntilOption = Annotated[str, typer.Option("--until", help="Last day (default: today, UTC).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    portfolio_indicators.register(portfolio_app)
    portfolio_revenue.register(portfolio_app)
    portfolio_workflows.register(portfolio_app)
    app.add_typer(portfolio_app, name="portfolio")


@portfolio_app.command(
    "forecast",
    epilog="Examples:\n\ntieline portfolio forecast\n\n"
    "tieline --json portfolio forecast --within-days 180",
)
def forecast(
    context: typer.Context,
    within_days: Annotated[
        int, typer.Option(min=0, max=36_500, help="What renews within so many days, or should.")
    ] = 90,
) -> None:
    """Show the renewal forecast: what has no outcome yet, by state and by forecast category."""
    shared, now = context_of(context), datetime.now(UTC)
    until = now.date() + timedelta(days=within_days)
    found = made(
        shared,
        (CONTRACTS, DEALS),
        lambda db, catalogue, sources: reports.forecast(db, catalogue, sources, until, now),
    )
    show(shared, found, lambda: _render_forecast(found))


@portfolio_app.command(
    "billing",
    epilog="Examples:\n\ntieline portfolio billing\n\ntieline --json portfolio billing",
)
def billing(context: typer.Context) -> None:
    """Show billing status: accounts by risk level and financial status, overdue and disputed."""
    shared, now = context_of(context), datetime.now(UTC)
    found = made(
        shared,
        (INVOICES,),
        lambda db, catalogue, sources: reports.billing(db, catalogue, sources, now),
    )
    show(shared, found, lambda: _render_billing(found))


@portfolio_app.command(
    "expansion",
    epilog="Examples:\n\ntieline portfolio expansion\n\n"
    "tieline --json portfolio expansion --since 2026-01-01 --until 2026-03-31",
)
def expansion(context: typer.Context, since: SinceOption = "", until: UntilOption = "") -> None:
    """Show expansion timing: amendments by month, and how large renewals came out."""
    shared = context_of(context)
    settings = shared.settings()

    def report(
        db: Database, catalogue: Catalogue, sources: list[str], *when: Any
    ) -> Awaitable[Report[ExpansionReport]]:
        contracts = owners(settings, catalogue, CONTRACTS)
        return reports.expansion(db, catalogue, sources, *when, owners=contracts)

    found = _of_period(shared, since, until, report)
    show(shared, found, lambda: _render_expansion(found))


@portfolio_app.command(
    "retention",
    epilog="Examples:\n\ntieline portfolio retention\n\n"
    "tieline --json portfolio retention --since 2026-01-01 --until 2026-03-31",
)
def retention(context: typer.Context, since: SinceOption = "", until: UntilOption = "") -> None:
    """Show retention: what became of the renewals of a period, by number and value."""
    shared = context_of(context)
    found = _of_period(shared, since, until, reports.retention)
    show(shared, found, lambda: _render_retention(found))


def period(catalogue: Catalogue, since: str, until: str, now: datetime) -> tuple[date, date]:
    """The first and last day asked for; raises Misconfigured for what is no period."""
    last = (moment("--until", until, now) or now).date()
    first = moment("--since", since, now)
    begins = first.date() if first else last - timedelta(catalogue.reports.indicators.since_days)
    if begins > last:
        raise Misconfigured(f"--since {begins} is after --until {last}; exchange them")
    return begins, last


def _of_period(
    shared: Context,
    since: str,
    until: str,
    report: Callable[[Database, Catalogue, list[str], date, date, datetime], Awaitable[T]],
) -> T:
    """A report on the contracts and deals of a period."""
    now = datetime.now(UTC)

    def ask(db: Database, catalogue: Catalogue, sources: list[str]) -> Awaitable[T]:
        return report(db, catalogue, sources, *period(catalogue, since, until, now), now)

    return made(shared, (CONTRACTS, DEALS), ask)


def _render_forecast(report: Report[ForecastReport]) -> None:
    render_head(report)
    body = report.body
    out.print(
        f"until {body.until}: renewals {body.renewals}, past their date {body.past_their_date}"
    )
    _render_upcoming("state", body.by_state)
    _render_upcoming("forecast", body.by_forecast)


def _render_billing(report: Report[ReceivablesReport]) -> None:
    render_head(report)
    body = report.body
    out.print(f"accounts {body.accounts}, not known {body.unknown}")
    for title, groups in (("level", body.by_level), ("status", body.by_status)):
        print_table([title, ">accounts", ">overdue", ">disputed"], list(map(_line, groups)))


def _line(group: ReceivablesGroup) -> tuple[Any, ...]:
    overdue, disputed = (", ".join(map(str, m)) for m in (group.overdue, group.disputed))
    return group.name, group.accounts, overdue, disputed


def _render_expansion(report: Report[ExpansionReport]) -> None:
    render_head(report)
    body = report.body
    out.print(
        f"{body.since} to {body.until}: amendments {body.amendments}, "
        f"contracts amended {body.amended_contracts}, contracts ended {body.ended_contracts}"
    )
    if body.amendments:
        out.print(f"amendments changed contracts' values by: {said_sums(body.change)}")
    print_table(
        ["month", ">amendments", ">contracts", ">change of value", "left them", ">ended"],
        [
            (
                one.month,
                one.amendments,
                one.contracts,
                said_sums(one.change),
                ", ".join(f"{status} {number}" for status, number in one.by_status.items()),
                one.ended,
            )
            for one in body.months
        ],
        empty="No amendment or end is on record.",
    )
    _render_groups("renewed", body.renewals_by_size)


def _render_retention(report: Report[RetentionReport]) -> None:
    render_head(report)
    body = report.body
    kept = body.kept
    rate = "no data" if kept.percent is None else f"{kept.percent} %"
    out.print(
        f"{body.since} to {body.until}: renewals {body.renewals}, "
        f"kept {kept.met} of {kept.of} decided ({rate})"
    )
    if body.change.known or body.change.unknown:
        out.print(f"the deals that renew, less what they renew: {said_sums(body.change)}")
    _render_groups("outcome", body.by_outcome)
    for state, number in body.ended_before_window.items():
        out.print(f"contracts {state} before their window opened: {number}")


def _render_upcoming(title: str, groups: list[UpcomingGroup]) -> None:
    print_table(
        [title, ">renewals", ">contract value", ">renewal amount"],
        [
            (
                one.name,
                one.renewals,
                said_sums(one.contract_value),
                said_sums(one.renewal_amount),
            )
            for one in groups
        ],
        empty="No renewal is on record.",
    )


def _render_groups(title: str, groups: list[RenewalGroup]) -> None:
    print_table(
        [title, ">renewals", ">value", ">by order", ">renewal amount"],
        [
            (
                one.name,
                one.renewals,
                said_sums(one.value),
                one.by_order,
                said_sums(one.renewal_amount),
            )
            for one in groups
        ],
        empty="No renewal is on record.",
    )
