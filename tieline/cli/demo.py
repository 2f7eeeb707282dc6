"""`tieline demo`: the main job on one machine, with what goes wrong and how it ends."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from canonical.connections import Role
from canonical.errors import Misconfigured
from canonical.money import Money
from canonical.ports import RecordSummary
from governance.catalogue import load_catalogue
from tieline.cli.bar import progress_bar
from tieline.cli.demo_receivables import live_through
from tieline.cli.output import context_of, err, out, print_json, print_table
from tieline.cli.signals import until_stopped
from tieline.rehearsal.backlog import Outcome, play_export
from tieline.rehearsal.chapters import play
from tieline.rehearsal.corrections import draft_products
from tieline.rehearsal.demo import SAMPLE, Stage, stage
from tieline.rehearsal.portfolio_file import DAYS_DEFAULT, DAYS_MAX
from tieline.rehearsal.survey import Survey

ID_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\ntieline demo\n\ntieline demo --crm-export ./export --keep\n\n"
        "tieline demo --receivables ar.csv"
    )(demo)


def demo(
    context: typer.Context,
    crm_export: Annotated[
        Path | None,
        typer.Option(
            help="Rehearse on a Salesforce data export: close all its won deals.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    receivables: Annotated[
        Path | None,
        typer.Option(help="Live through accounts receivable (a CSV file) in skipped time."),
    ] = None,
    receivables_as_of: Annotated[
        datetime | None,
        typer.Option(
            help="The file's day to begin with (default: so many days before its last).",
            formats=["%Y-%m-%d"],
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            help=f"How many days are lived through (default: to the file's last, {DAYS_DEFAULT} "
            "at most).",
            min=1,
            max=DAYS_MAX,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything up until Ctrl-C, to look around.")
    ] = False,
) -> None:
    """Run everything on this machine, close deals in the CRM and show what becomes of them.

    Without --crm-export seven deals are closed: billing refuses one, one is cancelled in flight,
    customer success is down for one, one is paid late, and one is near its renewal. Exits 0 when
    all five systems agree at the end. With --receivables nothing is closed: a file's invoices fall
    overdue and are paid day by day, and each day has to end as the definitions say.
    """
    shared = context_of(context)
    if receivables is not None:
        if crm_export is not None or keep:
            raise Misconfigured("--receivables goes with neither --crm-export nor --keep")
        as_of = receivables_as_of.date() if receivables_as_of else None
        report = asyncio.run(live_through(receivables, as_of, days, quiet=shared.as_json))
    elif receivables_as_of is not None or days is not None:
        raise Misconfigured("--receivables-as-of and --days go with --receivables")
    else:
        report = asyncio.run(_demo(crm_export, keep, quiet=shared.as_json))
    if shared.as_json:
        print_json(report)


async def _demo(crm_export: Path | None, keep: bool, *, quiet: bool) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="tieline-demo-"))
    catalogue = folder / "catalogue"
    catalogue.mkdir()
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        if crm_export is not None:
            drafted = draft_products(crm_export, load_catalogue(), catalogue)
            if drafted:
                _say(f"Drafted {drafted} products of the export into {catalogue}/products.toml")
        with err.status("Starting Temporal, five simulators, webhooks and a worker"):
            opened = stage(folder, crm_export=crm_export or SAMPLE, catalogue=catalogue)
            playing = await stack.enter_async_context(opened)
        _say(f"Up in {time.monotonic() - began:.1f} s. Web UI: {playing.house.ui_url}")
        if crm_export is None:
            seen = await play(playing, _say)
            if not quiet:
                _render(playing, seen)
            report: dict[str, Any] = {"deals": len(playing.deals), "won": seen.won}
        else:
            outcome = await _rehearse(playing, catalogue)
            if not quiet:
                _render_outcome(outcome)
            report = vars(outcome)
        _say(f"\nDone in {time.monotonic() - began:.1f} s. State and logs: {folder}")
        _say(f"Look at it: tieline --config {playing.house.config} renewals list")
        if keep:
            _say(f"Still up; Web UI {playing.house.ui_url}, settings {playing.house.config}.")
            _say("Ctrl-C stops everything.")
            await playing.house.watch(until_stopped())
    return report


def _say(text: str) -> None:
    err.print(text, soft_wrap=True)


def _render(playing: Stage, seen: Survey) -> None:
    names = {deal: account for account, deal in playing.deals.items()}
    crm, organizations = seen.of(Role.CRM, "write_back"), seen.of(Role.SUPPORT, "organization")
    subscriptions = seen.of(Role.BILLING, "subscription")
    orders, onboardings = seen.of(Role.ERP, "sales_order"), seen.of(Role.SUCCESS, "onboarding")
    rows = [
        (
            names.get(won.business_id, won.business_id),
            won.amount,
            _status(crm.get(won.business_id)),
            _id(subscriptions.get(won.business_id)),
            _id(orders.get(won.business_id)),
            _status(organizations.get(playing.accounts[won.business_id])),
            _id(onboardings.get(won.business_id)),
        )
        for won in seen.won
    ]
    columns = ["deal", ">won", "CRM", "billing", "ERP", "support", "success"]
    print_table(columns, rows, title="What stands where")


def _id(record: RecordSummary | None) -> str:
    if record is None:
        return "-"
    return record.id if len(record.id) <= ID_SHOWN else f"…{record.id[-ID_SHOWN + 1 :]}"


def _status(record: RecordSummary | None) -> str:
    return "-" if record is None else record.status or "none"


async def _rehearse(playing: Stage, catalogue: Path) -> Outcome:
    began = time.monotonic()
    deals = len((await playing.survey()).won)
    with progress_bar("Deals", deals) as bar:
        outcome = await play_export(playing, catalogue, _say, bar.reach)
    seconds = time.monotonic() - began
    _say(f"\n{outcome.deals} deals in {seconds:.0f} s, {outcome.deals / seconds:.1f} a second.")
    return outcome


def _render_outcome(outcome: Outcome) -> None:
    rows = [("CRM won", outcome.deals, _money(outcome.won))]
    rows += [
        (f"{role} booked", outcome.records[f"{role} {kind}"], _money(outcome.booked[role]))
        for role, kind in ((Role.BILLING, "subscription"), (Role.ERP, "sales_order"))
    ]
    rows += [(name, count, "") for name, count in outcome.records.items()]
    print_table(["", ">records", ">value"], rows, title="What stands where")
    for group in outcome.still_held:
        out.print(
            f"still held: {group.cause_key}  {group.count}  {', '.join(map(str, group.held))}"
        )
    out.print(f"Nothing twice. Audit: {outcome.audit_rows} rows, unbroken.")


def _money(value: dict[str, Money]) -> str:
    return ", ".join(map(str, value.values()))
