"""`tieline exceptions`: what waits for a person, what it holds, and deciding it."""

import asyncio
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from canonical.desk import Action, CaseState, ExceptionCase
from canonical.errors import Misconfigured, NotFound
from domain.resolution import REASONED
from ledger.case_records import FiledCase
from ledger.database import Database
from ledger.views.cases import CaseDetail, CaseGroup, group_cases, list_cases, show_case
from starters.decide import Decided, decide
from tieline.cli.bar import progress_bar
from tieline.cli.decisions import decider, reasoned
from tieline.cli.output import context_of, err, out, print_table, show
from tieline.settings import Settings
from tieline.temporal import connect

exceptions_app = typer.Typer(
    help="List, show and decide what waits for a person.", no_args_is_help=True
)
CASES_MAX = 1000
CAUSES_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(exceptions_app, name="exceptions")


@exceptions_app.command("list", epilog="Example: tieline exceptions list --owner finance-ops")
def list_exceptions(
    context: typer.Context,
    cause: Annotated[str, typer.Option(help="List the cases of one cause.")] = "",
    owner: Annotated[str, typer.Option(help="List the cases of one owner.")] = "",
    account: Annotated[str, typer.Option(help="List the cases of one account.")] = "",
    each: Annotated[bool, typer.Option("--each", help="List each case, not each cause.")] = False,
) -> None:
    """Show open exceptions: by cause with count and amount held, or each of them."""
    shared = context_of(context)
    settings = shared.settings()
    if each or cause or owner or account:
        found = asyncio.run(_cases(settings, cause=cause, owner=owner, account_id=account))
        show(shared, found, lambda: _render_cases(found))
    else:
        groups = asyncio.run(_groups(settings))
        show(shared, groups, lambda: _render_groups(groups))


def _render_groups(groups: list[CaseGroup]) -> None:
    print_table(
        ["cause", ">count", ">held", "oldest", "next deadline"],
        [
            (
                group.cause_key,
                group.count,
                ", ".join(map(str, group.held)),
                f"{group.oldest:%Y-%m-%d %H:%M}Z",
                f"{group.next_deadline:%Y-%m-%d %H:%M}Z",
            )
            for group in groups[:CAUSES_SHOWN]
        ],
        empty="No open exceptions.",
    )


def _render_cases(cases: list[FiledCase]) -> None:
    print_table(
        ["case", "cause", "account", ">held", "owner", "deadline", "state"],
        [
            (
                one.case.case_id,
                one.case.failure.cause_key,
                one.case.account_name,
                one.case.held or "",
                one.case.owner,
                f"{one.case.deadline:%Y-%m-%d %H:%M}Z",
                one.state,
            )
            for one in cases
        ],
        empty="No open exceptions.",
    )


@exceptions_app.command("show", epilog="Example: tieline exceptions show CASE")
def show_exception(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")],
) -> None:
    """Show one case: evidence, what may be decided, and every decision so far."""
    shared = context_of(context)
    detail = asyncio.run(_detail(shared.settings(), case_id))
    show(shared, detail, lambda: _render_detail(detail))


def _render_detail(detail: CaseDetail) -> None:
    case = detail.case
    out.print(Text.assemble((case.failure.cause_key, "bold"), f"  {detail.state}"))
    out.print(case.failure.message)
    facts = {
        "account": f"{case.account_name} {case.account_id}",
        "process": case.process.workflow_id,
        "step": case.step + (" (holds what follows)" if case.gates else ""),
        "held": case.held or "nothing",
        "owner": case.owner,
        "deadline": f"{case.deadline:%Y-%m-%d %H:%M}Z",
        "may be decided": ", ".join(case.actions),
        "approvals": case.approvals_required,
        "evidence": case.evidence_digest,
    }
    print_table(["", ""], list(facts.items()))
    for name, value in case.failure.details.items():
        out.print(f"  {name}: {value}")
    print_table(
        ["when", "who", "decision", "outcome"],
        [(f"{a.at:%Y-%m-%d %H:%M}Z", a.actor, a.action, a.outcome) for a in detail.attempts],
        empty="Nobody has decided yet.",
    )


@exceptions_app.command(
    "resolve",
    epilog="Examples:\n\ntieline exceptions resolve CASE --action retry\n\n"
    "tieline exceptions resolve --cause UnmappedProduct:GTXPRO --action retry\n\n"
    "tieline exceptions resolve CASE --action amend --reason typo "
    '--amendment \'{"country": "South Korea"}\'',
)
def resolve_exceptions(
    context: typer.Context,
    action: Annotated[Action, typer.Option(help="What is decided.")],
    case_ids: Annotated[
        list[str] | None, typer.Argument(metavar="CASE", help="Cases by id.")
    ] = None,
    cause: Annotated[str, typer.Option(help="All open cases of one cause.")] = "",
    reason: Annotated[str, typer.Option(help="Why; needed unless the action is retry.")] = "",
    amendment: Annotated[str, typer.Option(help="For amend: the corrections as JSON.")] = "",
    by: Annotated[str, typer.Option(help="Who decides (default: the user logged in).")] = "",
) -> None:
    """Decide cases; exit 1 if one decision was refused. Refused decisions are on record too."""
    shared = context_of(context)
    if bool(case_ids) == bool(cause):
        raise Misconfigured("name cases, or a cause with --cause, and not both")
    if action in REASONED and not reason.strip():
        raise Misconfigured(f"--action {action} needs --reason")
    if bool(amendment) != (action is Action.AMEND):
        raise Misconfigured("--action amend and --amendment go together")
    corrections = _json(amendment)
    decided = asyncio.run(
        _resolve(
            shared.settings(),
            case_ids or [],
            cause,
            action,
            actor=decider(by),
            reason=reasoned(reason),
            amendment=corrections,
        )
    )
    if not decided:
        raise NotFound(f"there is no open case of the cause {cause}; `tieline exceptions list`")
    show(shared, decided, lambda: _render_decided(decided))
    if not all(one.accepted for one in decided):
        raise typer.Exit(1)


def _json(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError as error:
        raise Misconfigured(f"--amendment is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Misconfigured('--amendment is a JSON object, such as {"country": "South Korea"}')
    return value


def _render_decided(decided: list[Decided]) -> None:
    refused = [one for one in decided if not one.accepted]
    for one in refused[:CAUSES_SHOWN]:
        line = Text.assemble(("refused", "red"), f" {one.case_id}: {one.outcome}")
        err.print(line, soft_wrap=True)
    if len(decided) == 1 and not refused:
        out.print(decided[0].outcome)
    else:
        out.print(f"{len(decided) - len(refused)} decided, {len(refused)} refused.")


async def _resolve(
    settings: Settings,
    case_ids: list[str],
    cause: str,
    action: Action,
    *,
    actor: str,
    reason: str,
    amendment: dict[str, Any],
) -> list[Decided]:
    client = await connect(settings)
    decided: list[Decided] = []
    seen: set[str] = set()
    with progress_bar("Deciding") as bar:
        # The desk is asked again until it shows nothing new: one listing is bounded.
        while cases := [
            c for c in await _wanted(settings, case_ids, cause) if c.case_id not in seen
        ]:
            bar.grow(len(cases))
            seen.update(case.case_id for case in cases)
            async for one in decide(
                client, cases, action, actor=actor, reason=reason, amendment=amendment
            ):
                decided.append(one)
                bar.advance()
            if case_ids:
                break
    return decided


async def _wanted(settings: Settings, case_ids: list[str], cause: str) -> list[ExceptionCase]:
    if cause:
        return [one.case for one in await _cases(settings, cause=cause)]
    return [(await _detail(settings, case_id)).case for case_id in case_ids]


async def _cases(
    settings: Settings, *, cause: str = "", owner: str = "", account_id: str = ""
) -> list[FiledCase]:
    database = Database.open(settings.ledger_url)
    try:
        found = [
            one
            for state in (CaseState.OPEN, CaseState.AWAITING_APPROVAL)
            for one in await list_cases(
                database,
                state=state,
                cause_key=cause or None,
                owner=owner or None,
                account_id=account_id or None,
                limit=CASES_MAX,
            )
        ]
    finally:
        await database.close()
    return found


async def _groups(settings: Settings) -> list[CaseGroup]:
    database = Database.open(settings.ledger_url)
    try:
        return await group_cases(database)
    finally:
        await database.close()


async def _detail(settings: Settings, case_id: str) -> CaseDetail:
    database = Database.open(settings.ledger_url)
    try:
        detail = await show_case(database, case_id)
    finally:
        await database.close()
    if detail is None:
        raise NotFound(f"there is no case {case_id}; `tieline exceptions list --each` shows all")
    return detail
