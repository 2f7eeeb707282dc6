"""`tieline risk`: whose unpaid invoices endanger the relationship, and why."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from canonical.risk import RiskAssessment, RiskLevel
from ledger.views.listings import Listing, risk_listing
from ledger.views.risks import RiskDetail, RiskLine, show_risk
from tieline.cli.asking import asked
from tieline.cli.freshness import INVOICES, FreshnessOption, made, render_freshness
from tieline.cli.moments import shown
from tieline.cli.output import context_of, out, print_table, show

risk_app = typer.Typer(
    help="List and show the risk that accounts' unpaid invoices are.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(risk_app, name="risk")


@risk_app.command(
    "list", epilog="Examples:\n\ntieline risk list\n\ntieline --json risk list --level critical"
)
def list_all(
    context: typer.Context,
    level: Annotated[
        RiskLevel | None, typer.Option(help="Only this level (default: all but none).")
    ] = None,
    limit: Annotated[int, typer.Option(help="List at most so many.", min=1, max=1000)] = 100,
    freshness: FreshnessOption = False,
) -> None:
    """List accounts at risk, the worst first: level, score, what is overdue and for how long."""
    shared, now = context_of(context), datetime.now(UTC)
    found = made(
        shared,
        (INVOICES,),
        lambda db, catalogue, sources: risk_listing(
            db, catalogue, sources, now, level=level, limit=limit
        ),
    )
    show(shared, found if freshness else found.rows, lambda: _render_list(found))


@risk_app.command(
    "show",
    epilog="Examples:\n\ntieline risk show 0015g00000Glob1AAB\n\n"
    "tieline --json risk show 0015g00000Glob1AAB",
)
def show_one(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id in the CRM.")],
) -> None:
    """Show one account's newest assessment: reasons, sums, each invoice, late subsidiaries."""
    shared = context_of(context)
    detail = asked(shared.settings(), lambda db: show_risk(db, account))
    show(shared, detail, lambda: _render(detail))


def _render_list(found: Listing[RiskLine]) -> None:
    render_freshness("risk", found.freshness)
    print_table(
        [
            "account",
            "name",
            "level",
            ">score",
            "status",
            ">overdue",
            ">oldest",
            "priority",
            "as of",
            "not known",
        ],
        [
            (
                one.account_id,
                one.account_name,
                one.level,
                one.score,
                one.status,
                ", ".join(map(str, one.overdue)),
                f"{one.oldest_days} d",
                one.renewal_priority,
                shown(one.as_of),
                ", ".join(one.unknown),
            )
            for one in found.rows
        ],
        empty="No account is at risk.",
    )


def _render(detail: RiskDetail) -> None:
    found = detail.assessment
    name = (detail.account_name or found.account_id, "bold")
    out.print(Text.assemble(name, f"  {found.level}, score {found.score}"))
    late = [account for account in found.late_accounts if account != found.account_id]
    facts = {
        "account": found.account_id,
        "parent": detail.parent_id,
        "status": found.status,
        "renewal priority": found.renewal_priority,
        "overdue": ", ".join(map(str, found.overdue)) or "nothing",
        "disputed": ", ".join(map(str, found.disputed)),
        "oldest": f"{found.oldest_days} days overdue" if found.oldest_days else "",
        "late subsidiaries": ", ".join(late),
        "assessed on": found.as_of,
        "changes on": found.changes_on or "no day of itself",
        "definitions": found.version,
        "process": f"{detail.workflow_id} {detail.stage}".strip(),
        "kept": shown(detail.updated_at),
    }
    print_table(["", ""], [(name, value) for name, value in facts.items() if value])
    for reason in found.reasons:
        out.print(f"because  {reason}", soft_wrap=True)
    _render_invoices(found)


def _render_invoices(found: RiskAssessment) -> None:
    print_table(
        ["invoice", "connection", "status", ">remaining", "due", ">overdue", "because"],
        [
            (
                one.number or one.invoice_id,
                one.connection,
                one.status,
                one.remaining,
                one.due_on or "",
                f"{one.days_overdue} d",
                one.reason,
            )
            for one in found.invoices
        ],
        empty="No invoice of its own is open.",
    )
