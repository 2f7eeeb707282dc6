"""`tieline definitions`: what words mean here, what follows for an account, what a change moves."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

import orjson
import typer

from canonical.definitions import VERSIONS
from canonical.errors import Misconfigured, NotFound
from canonical.subjects import AccountRecords
from domain.definitions.definition import Definition
from domain.definitions.registry import definition
from domain.explaining import Moved, compare, explain
from governance.catalogue import load_catalogue
from governance.definitions import Definitions
from ledger.database import Database
from ledger.views.explained import known_of, known_of_all
from ledger.views.subjects import ACCOUNTS_PER_PAGE, accounts
from tieline.cli.asking import asked
from tieline.cli.explanations import render_explanation, render_moves
from tieline.cli.moments import moment
from tieline.cli.output import Context, context_of, out, print_table, show

definitions_app = typer.Typer(
    help="Show what words mean here, why an account is what it is, and what a change would move.",
    no_args_is_help=True,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The definition's name.")]
_VERSION = re.compile(r"[vV]?(\d{1,9})")
OnOption = Annotated[str, typer.Option("--on", help="As of this day (default: today, UTC).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(definitions_app, name="definitions")


@definitions_app.command("list", epilog="Example: tieline definitions list")
def list_definitions(context: typer.Context) -> None:
    """List every definition: the version in force, the others there are, and who owns it."""
    shared = context_of(context)
    chosen = _in_force(shared)
    found = [_line(name, chosen) for name in VERSIONS]
    show(shared, found, lambda: _render_list(found))


@definitions_app.command(
    "show",
    epilog="Examples:\n\ntieline definitions show invoice_delinquent\n\n"
    "tieline definitions show invoice_delinquent --version 1",
)
def show_definition(
    context: typer.Context,
    name: NameArgument,
    version: Annotated[
        str, typer.Option("--version", help="This version, as 1 or v1 (default: in force).")
    ] = "",
) -> None:
    """Show one definition: its meaning, what it can say, its parameters and its examples."""
    shared = context_of(context)
    chosen = _in_force(shared)
    number = _version("--version", version, name) if version else chosen.versions.get(name)
    wanted = definition(name, number)
    shown = _line(name, chosen) | _detail(wanted, chosen)
    show(shared, shown, lambda: _render_detail(shown))


@definitions_app.command(
    "explain",
    epilog="Examples:\n\ntieline definitions explain --account 0010Y00000Globex\n\n"
    "tieline --json definitions explain --account 0010Y00000Globex "
    "--definition invoice_delinquent --on 2026-08-21",
)
def explain_account(
    context: typer.Context,
    account: Annotated[str, typer.Option(help="The account's id in the CRM.")],
    name: Annotated[str, typer.Option("--definition", help="Only this definition.")] = "",
    on: OnOption = "",
) -> None:
    """Show what the definitions in force say of an account, and which inputs led to it.

    By the newest read of each record, renewal and family in the ledger; no system is asked.
    """
    shared = context_of(context)
    names = [definition(name).name] if name else list(VERSIONS)
    chosen, day = _in_force(shared), _day(on)
    records = asked(shared.settings(), lambda db: known_of(db, account))
    if records.is_empty:
        raise NotFound(f"nothing is on record of account {account}", about=account)
    found = explain(records, chosen, day, names=names)
    body = {"account": account, "on": day, **dict(found)}
    show(shared, body, lambda: render_explanation(found, cut=records.cut))


@definitions_app.command("diff", epilog="Example: tieline definitions diff invoice_delinquent 1 2")
def compare_versions(
    context: typer.Context,
    name: NameArgument,
    before: Annotated[str, typer.Argument(metavar="V1", help="One version, as 1 or v1.")],
    after: Annotated[str, typer.Argument(metavar="V2", help="Another version.")],
    on: OnOption = "",
) -> None:
    """Show which accounts of the ledger would move if another version were in force."""
    shared = context_of(context)
    versions = (_version("V1", before, name), _version("V2", after, name))
    chosen, day = _in_force(shared), _day(on)

    async def ask(db: Database) -> tuple[int, list[Moved]]:
        return await _moves(db, name, versions, chosen, day)

    looked_at, moved = asked(shared.settings(), ask)
    body = {"definition": name, "from": versions[0], "to": versions[1], "on": day}
    body |= {"accounts": looked_at, "moved": moved}
    show(shared, body, lambda: render_moves(looked_at, moved))


async def _moves(
    db: Database, name: str, versions: tuple[int, int], chosen: Definitions, day: date
) -> tuple[int, list[Moved]]:
    """How many accounts were looked at, page by page, and what would move."""
    looked_at, moved, last = 0, list[Moved](), ""
    # Also where the ledger is empty, a definition that cannot be compared is said to be one.
    compare(name, versions, AccountRecords(account_id="", records=[]), chosen, day)
    while page := await accounts(db, last, ACCOUNTS_PER_PAGE):
        for records in await known_of_all(db, page):
            moved += compare(name, versions, records, chosen, day)
        looked_at, last = looked_at + len(page), page[-1]
    return looked_at, moved


def _in_force(shared: Context) -> Definitions:
    return load_catalogue(shared.settings().catalogue).definitions


def _version(argument: str, text: str, name: str) -> int:
    """A version as it is typed, `2` or `v2`; raises NotFound for one that is not there."""
    found = _VERSION.fullmatch(text)
    if found is None:
        there = ", ".join(str(one) for one in VERSIONS[definition(name).name])
        raise Misconfigured(
            f"{argument}: {text!r} is no version; give a number, as 1 or v1: {name} has {there}"
        )
    return definition(name, int(found[1])).version


def _day(on: str) -> date:
    found = moment("--on", on)
    return (found or datetime.now(UTC)).date()


def _line(name: str, chosen: Definitions) -> dict[str, Any]:
    rule = chosen.definitions[name]
    meaning = definition(name, rule.version).meaning
    versions = {"version": rule.version, "versions": list(VERSIONS[name])}
    return {"name": name, **versions, "owner": rule.owner, "meaning": meaning}


def _detail(wanted: Definition[Any], chosen: Definitions) -> dict[str, Any]:
    settings = chosen.model_dump(mode="json")
    examples = [wanted.evaluate(one.inputs) for one in wanted.examples]
    return {
        "version": wanted.version,
        "in_force": chosen.versions[wanted.name] == wanted.version,
        "meaning": wanted.meaning,
        "requirements": [f"R{number}" for number in wanted.requirements],
        "outcomes": [outcome.value for outcome in wanted.outcomes],
        "parameters": {key: _value(settings, key) for key in wanted.parameters},
        "examples": [
            {"name": one.name, "value": said.value, "reasons": said.reasons, "inputs": said.inputs}
            for one, said in zip(wanted.examples, examples, strict=True)
        ],
    }


def _value(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = settings[part]
    return settings


def _render_list(found: list[dict[str, Any]]) -> None:
    print_table(
        ["definition", ">in force", "versions", "owner", "meaning"],
        [
            (one["name"], one["version"], _listed(one["versions"]), one["owner"], one["meaning"])
            for one in found
        ],
    )


def _render_detail(shown: dict[str, Any]) -> None:
    state = "in force" if shown["in_force"] else "not in force"
    out.print(f"{shown['name']}@{shown['version']}, {state}, {shown['owner']}")
    out.print(shown["meaning"])
    out.print(f"says: {_listed(shown['outcomes'])}")
    for key, value in shown["parameters"].items():
        out.print(f"{key}: {_plain(value)}")
    print_table(
        ["example", "outcome", "because"],
        [(one["name"], one["value"], "; ".join(one["reasons"])) for one in shown["examples"]],
    )


def _listed(values: list[Any]) -> str:
    return ", ".join(map(str, values))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
