"""`tieline accounts`: everything that is on record of one account, in one view."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from canonical.money import Money
from domain.reports.account_view import AccountView, account_view
from domain.reports.blocks import Block, Completeness
from governance.catalogue import load_catalogue
from ledger.views.accounts import account_file
from tieline.cli.asking import asked
from tieline.cli.freshness import CONTRACTS, INVOICES, owners
from tieline.cli.moments import shown
from tieline.cli.output import context_of, out, print_table, show

accounts_app = typer.Typer(
    help="Show one account: value, payment, consumption, implementation, hierarchy.",
    no_args_is_help=True,
)
STYLES = {Completeness.KNOWN: "", Completeness.UNKNOWN: "yellow", Completeness.NEVER_READ: "red"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(accounts_app, name="accounts")


# With a callback, so that the group stays one while it has a single command.
@accounts_app.callback()
def accounts() -> None:
    """Show one account: value, payment, consumption, implementation, hierarchy."""


@accounts_app.command(
    "show",
    epilog="Examples:\n\ntieline accounts show 0015g00000Glob1AAB\n\n"
    "tieline --json accounts show 0015g00000Glob1AAB",
)
def show_one(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id in the CRM.")],
) -> None:
    """Show what is on record of an account, and of each part from whom, as of when, by what rule.

    By the newest reads in the ledger; no system is asked.
    """
    shared = context_of(context)
    settings = shared.settings()
    catalogue = load_catalogue(settings.catalogue)
    contract_owners = owners(settings, catalogue, CONTRACTS)
    invoice_owners = owners(settings, catalogue, INVOICES)
    file = asked(
        settings,
        lambda db: account_file(
            db, account, contract_owners=contract_owners, invoice_owners=invoice_owners
        ),
    )
    view = account_view(file, catalogue.definitions, datetime.now(UTC))
    show(shared, view, lambda: _render(view))


def _render(view: AccountView) -> None:
    name = (view.account_name or view.account_id, "bold")
    out.print(Text.assemble(name, f"  {view.account_id}, as of {shown(view.as_of)}"))
    print_table(
        ["block", "says", "completeness", "source", "as of", "definition"],
        [
            (
                one.name.replace("_", " "),
                one.says,
                Text(one.completeness.value.replace("_", " "), style=STYLES[one.completeness]),
                ", ".join(one.sources) or "none",
                shown(one.as_of) or "not known",
                " ".join(one.definitions),
            )
            for one in view.blocks
        ],
    )
    for block in view.blocks:
        _render_block(block)
    if view.cut:
        out.print("There are more records than these.")


def _render_block(block: Block) -> None:
    out.print(Text(block.name.replace("_", " "), style="bold"))
    for name, value in block.facts.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                told = [f"{k.replace('_', ' ')} {_plain(v)}" for k, v in one.items() if v]
                out.print(f"  {', '.join(told)}", soft_wrap=True)
        else:
            said = _plain(value) or "none"
            out.print(f"  {name.replace('_', ' ')}: {said}", soft_wrap=True)
    for reason in block.reasons:
        out.print(f"  because {reason}", soft_wrap=True)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value)
    if isinstance(value, datetime):
        return shown(value)
    return str(value) if isinstance(value, Money | date | int | str) else repr(value)
