"""`tieline renewals`: which contracts come up for renewal, and what is known of one."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from canonical.renewal import ReadinessSnapshot
from ledger.views.listings import Listing, renewal_listing
from ledger.views.renewals import RenewalDetail, RenewalLine, show_renewal
from tieline.cli.asking import asked
from tieline.cli.freshness import CONTRACTS, DEALS, FreshnessOption, made, render_freshness
from tieline.cli.moments import shown
from tieline.cli.output import context_of, out, print_table, show

renewals_app = typer.Typer(
    help="List and show contracts' renewals: their clocks, readiness and forecast.",
    no_args_is_help=True,
)


class Standing(StrEnum):
    """Where a renewal stands: waiting for its window, as its newest view says, or why there is
    nothing to renew."""

    WAITING = "waiting"
    READY = "ready"
    AT_RISK = "at_risk"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    CLOSED = "closed"
    EXCLUDED = "excluded"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(renewals_app, name="renewals")


@renewals_app.command(
    "list",
    epilog="Examples:\n\ntieline renewals list --within-days 90\n\n"
    "tieline renewals list --state blocked\n\n"
    "tieline --json renewals list --account 0015g00000Glob1AAB",
)
def list_all(
    context: typer.Context,
    state: Annotated[
        Standing | None,
        typer.Option(help="Only this state; the last three say why there is nothing to renew."),
    ] = None,
    account: Annotated[str, typer.Option(help="Only this account, by its id in the CRM.")] = "",
    within_days: Annotated[
        int | None,
        typer.Option(min=0, max=36_500, help="Only what is undecided and renews by then."),
    ] = None,
    limit: Annotated[int, typer.Option(help="List at most so many.", min=1, max=1000)] = 100,
    freshness: FreshnessOption = False,
) -> None:
    """List renewals, the next one first: value, day, state, forecast, outcome and next look."""
    shared, now = context_of(context), datetime.now(UTC)
    until = None if within_days is None else now.date() + timedelta(days=within_days)
    found = made(
        shared,
        (CONTRACTS, DEALS),
        lambda db, catalogue, sources: renewal_listing(
            db,
            catalogue,
            sources,
            now,
            state=state or "",
            account_id=account,
            until=until,
            limit=limit,
        ),
    )
    show(shared, found if freshness else found.rows, lambda: _render_list(found))


@renewals_app.command(
    "show",
    epilog="Examples:\n\ntieline renewals show sub_1QGlobex\n\n"
    "tieline --json renewals show billing/sub_1QGlobex",
)
def show_one(
    context: typer.Context,
    contract: Annotated[
        str,
        typer.Argument(metavar="CONTRACT", help="The contract's id, or CONNECTION/ID."),
    ],
) -> None:
    """Show one renewal: value, dates, which decided, forecast, what blocks it, and each signal."""
    shared = context_of(context)
    detail = asked(shared.settings(), lambda db: show_renewal(db, contract))
    show(shared, detail, lambda: _render(detail))


def _render_list(found: Listing[RenewalLine]) -> None:
    render_freshness("renewals", found.freshness)
    print_table(
        ["contract", "account", ">value", "renews", "state", "forecast", "outcome", "next look",
         "as of", "not known"],
        [
            (
                f"{one.connection}/{one.contract_id}",
                one.account_name or one.account_id,
                one.value or "not known",
                one.renews_on or "",
                one.state,
                one.forecast,
                one.outcome,
                "" if one.outcome else one.next_look or "",
                shown(one.as_of),
                ", ".join(one.unknown),
            )
            for one in found.rows
        ],
        empty="No renewal is on record that matches.",
    )  # fmt: skip


def _render(detail: RenewalDetail) -> None:
    line = detail.line
    out.print(Text.assemble((f"{line.connection}/{line.contract_id}", "bold"), f"  {line.state}"))
    facts = {
        "account": f"{line.account_name or ''} {line.account_id}".strip(),
        "opportunity": line.opportunity_id,
        "legal entity": detail.legal_entity,
        "value": line.value or "not known",
        "renews on": f"{line.renews_on} ({detail.decided_by})" if line.renews_on else "never",
        "notice until": detail.notice_on or "",
        "follows the renewal of": detail.renewed_on or "",
        "next look": "" if line.outcome else line.next_look or "",
        "forecast": line.forecast,
        "outcome": line.outcome,
        "window opened": shown(detail.opened_at),
        "decided": shown(detail.closed_at),
        "terms": f"{detail.terms_version}, read {shown(detail.terms_read_at)}",
        "snapshot": line.snapshot_id,
        "process": f"{detail.workflow_id} {detail.stage}".strip(),
    }
    print_table(["", ""], [(name, value) for name, value in facts.items() if value])
    if detail.snapshot is not None:
        _render_snapshot(detail.snapshot)


def _render_snapshot(taken: ReadinessSnapshot) -> None:
    for reason in taken.blocking:
        out.print(Text.assemble(("blocks", "red"), f"  {reason}"), soft_wrap=True)
    print_table(
        ["signal", "says", "source", "as of", "owner", "definition", "because"],
        [
            (
                one.name,
                one.state,
                one.source,
                shown(one.as_of) or "not known",
                one.owner,
                one.definition,
                "; ".join(one.reasons),
            )
            for one in taken.signals
        ],
    )
    out.print(f"seen {shown(taken.taken_at)} by {taken.version}")
