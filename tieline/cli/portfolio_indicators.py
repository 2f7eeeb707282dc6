"""`tieline portfolio indicators`: what has been measured, with how many cases it rests on."""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from canonical.errors import Misconfigured
from canonical.money import Money
from domain.reports.figures import Lead, Share, Spread
from governance.catalogue import Catalogue
from ledger.database import Database
from ledger.views.indicators import IndicatorsReport, indicators
from tieline.cli.freshness import INVOICES, made
from tieline.cli.moments import lasting, moment, shown
from tieline.cli.output import context_of, out, print_table, show

NO_DATA = "no data"
Row = tuple[str, str, int, str]


def register(app: typer.Typer) -> None:
    """Add the command to the portfolio's."""
    app.command(
        "indicators",
        epilog="Examples:\n\ntieline portfolio indicators\n\n"
        "tieline --json portfolio indicators --since 2026-01-01",
    )(show_indicators)


def show_indicators(
    context: typer.Context,
    since: Annotated[
        str,
        typer.Option(help="First day (default: reports.toml, indicators.since_days)."),
    ] = "",
) -> None:
    """Show the indicators: reaction, foresight, leadership's three, leakage and disputes.

    One for which nothing is on record says "no data".
    """
    shared, now = context_of(context), datetime.now(UTC)

    def ask(db: Database, catalogue: Catalogue, owners: list[str]) -> Awaitable[IndicatorsReport]:
        first = moment("--since", since, now)
        begins = (first or now - timedelta(catalogue.reports.indicators.since_days)).date()
        if begins > now.date():
            raise Misconfigured(f"--since {begins} lies ahead; give a day that has passed")
        return indicators(db, catalogue, owners, begins, now)

    found = made(shared, (INVOICES,), ask)
    show(shared, found, lambda: _render(found))


def _render(found: IndicatorsReport) -> None:
    out.print(f"since {found.since}, as of {shown(found.as_of)}, by {' '.join(found.definitions)}")
    rows = [*_reaction(found), *_forecast(found), *_warning(found), *_leadership(found)]
    rows += [*_activation(found), *_leakage(found), *_disputes(found)]
    print_table(["indicator", "says", ">cases"], [row[:3] for row in rows])
    # Whole sentences would wrap in a column of the table.
    out.print(Text("of these", style="bold"))
    for name, _, _, of_these in rows:
        if of_these:
            out.print(f"  {name}: {of_these}", soft_wrap=True)


def _reaction(found: IndicatorsReport) -> list[Row]:
    seen = found.overdue_to_action
    rest = (
        f"{seen.call_was_open} with a call open already, {seen.settled_first} settled first, "
        f"{seen.without_call} without a call"
    )
    return [("overdue to the CSM's call", _spread(seen.to_call), seen.overdue, rest)]


def _forecast(found: IndicatorsReport) -> list[Row]:
    rows: list[Row] = []
    for window in found.forecast.windows:
        told = [
            f"{one.forecast} {one.renewed.met} of {one.renewed.of} renewed"
            for one in window.by_forecast
        ]
        name = f"T-{window.window_days}"
        complete, accurate = window.complete, window.accurate
        rows.append((f"complete view at {name}", _share(complete), complete.of, ""))
        rows.append((f"forecast right at {name}", _share(accurate), accurate.of, ", ".join(told)))
    return rows


def _warning(found: IndicatorsReport) -> list[Row]:
    warned, cases = found.renewal_warning, found.cases_before_due
    blocked, ended = warned.blocked_before, warned.ended_with_warning
    before = f"opened {_spread(cases.before_due)} before" if cases.before_due.count else ""
    return [
        ("blocked before the renewal's date", _lead(blocked), blocked.count, ""),
        ("ended renewals that were warned of", _share(ended), ended.of, ""),
        ("cases before their process was due", _share(cases.in_time), cases.cases, before),
    ]


def _leadership(found: IndicatorsReport) -> list[Row]:
    launch, active = found.onboarding_launch, found.billing_activation
    shown_ = found.renewals_reflect_payments
    launched = (
        f"{launch.late} late, {launch.not_launched} not launched, {launch.not_due} not due; "
        f"within {launch.limit_hours} h"
    )
    limit = "no limit" if active.limit_minutes is None else f"within {active.limit_minutes} min"
    activated = (
        f"{active.late} late, {active.not_activated} not activated, "
        f"{active.booked_before} booked before, {active.not_due} not due; {limit}"
    )
    differ = f"{shown_.differ} differ, {shown_.unknown} not known"
    return [
        ("onboardings launched on time", _share(launch.on_time), launch.on_time.of, launched),
        (
            "billing activated by the rules",
            _share(active.by_the_rules),
            active.by_the_rules.of,
            activated,
        ),
        ("renewals show today's payments", _share(shown_.reflected), shown_.reflected.of, differ),
    ]


def _activation(found: IndicatorsReport) -> list[Row]:
    seen = found.closed_won_to_activation
    waits = f"{seen.not_accepted} not accepted, {seen.not_activated} not activated"
    if seen.oldest_seconds is not None:
        waits += f", the oldest since {lasting(seen.oldest_seconds)}"
    if seen.from_acceptance.count:
        waits += f"; from the acceptance {_spread(seen.from_acceptance)}"
    return [("closed-won to activation", _spread(seen.to_activation), seen.orders, waits)]


def _leakage(found: IndicatorsReport) -> list[Row]:
    billed, leaks = found.billed_after_delivery, found.leakage
    timing = (
        f"{billed.late} late, {billed.not_billed} not billed, {billed.not_due} not due, "
        f"{billed.unknown} not known; within {billed.limit_days} d"
    )
    rest = (
        f"{leaks.unknown} not known, {leaks.nameless_implementations} implementations of no order, "
        f"{leaks.nameless_invoices} invoices of no account"
    )
    if leaks.oldest_days is not None:
        rest = f"{_amounts(leaks.leaked)}, the oldest since {leaks.oldest_days} d; {rest}"
    return [
        ("billed after implementation", _share(billed.in_time), billed.completed, timing),
        ("delivered and not billed", _share(leaks.leaking), leaks.delivered, rest),
    ]


def _disputes(found: IndicatorsReport) -> list[Row]:
    seen = found.disputes
    rest = f"{seen.open_now} open now"
    rest += f", {_amounts(seen.open_money)}" if seen.open_money else ""
    settled = f"{seen.settled} settled, of {seen.untimed} it is not known when"
    return [
        ("invoices disputed", _share(seen.disputed), seen.invoices, rest),
        ("dispute to its settlement", _spread(seen.to_settle), seen.settled, settled),
    ]


def _amounts(money: list[Money]) -> str:
    return ", ".join(map(str, money))


def _share(share: Share) -> str:
    return NO_DATA if share.percent is None else f"{share.percent} % ({share.met} of {share.of})"


def _spread(spread: Spread) -> str:
    if not spread.count:
        return NO_DATA
    median, most = lasting(spread.median_seconds), lasting(spread.p90_seconds)
    return f"median {median}, 90th percentile {most}"


def _lead(lead: Lead) -> str:
    if not lead.count:
        return NO_DATA
    return f"median {lead.median_days} d, nine of ten at least {lead.p10_days} d"
