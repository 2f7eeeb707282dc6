"""`tieline start`, `progress` and `cancel`: one process, by its business."""

import asyncio
from typing import Annotated, Any

import typer
from rich.text import Text
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

from adapters.registry import deal_id
from canonical.connections import Connection, Role
from canonical.desk import ResolutionOutcome
from canonical.errors import Misconfigured, NotBegun
from canonical.ids import PROCESS_QUEUE, quote_to_cash_id
from canonical.messages import CancelRequest, CompensationPlan, Progress, QuoteToCashInput
from ledger.database import Database
from ledger.views import processes as views
from starters.launch import Started, start_process
from starters.talk import ask, tell
from tieline.cli.decisions import decider, reasoned
from tieline.cli.output import context_of, out, print_table, show
from tieline.settings import Settings
from tieline.temporal import connect

start_app = typer.Typer(help="Start a process, once, whoever asks.", no_args_is_help=True)
Actor = Annotated[str, typer.Option("--by", help="Who decides (default: the user logged in).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(start_app, name="start")
    app.command(
        epilog="Examples:\n\ntieline progress quote-to-cash/crm/0065g000KlPpzeOAIR\n\n"
        "tieline progress --stage exception"
    )(progress)
    app.command(
        epilog="Examples:\n\ntieline cancel quote-to-cash/crm/0065g000KlPpzeOAIR\n\n"
        "tieline cancel quote-to-cash/crm/0065g000KlPpzeOAIR --plan DIGEST --reason duplicate"
    )(cancel)


@start_app.command(
    "quote-to-cash",
    epilog="Example: tieline start quote-to-cash --opportunity 0065g000KlPpzeOAIR",
)
def start_quote_to_cash(
    context: typer.Context,
    opportunity: Annotated[
        list[str], typer.Option(help="The CRM's id of the deal; repeat for several.")
    ],
    crm: Annotated[str, typer.Option(help="The CRM connection (default: the only one).")] = "",
) -> None:
    """Start quote-to-cash for closed-won opportunities; a second start changes nothing."""
    shared = context_of(context)
    settings = shared.settings()
    source = crm_connection(settings, crm)
    deals = [deal_id(source, written) for written in opportunity]
    started = asyncio.run(_start(settings, source.name, deals))

    def render() -> None:
        for one in started:
            out.print(f"{one.workflow_id}  {'started' if one.new else 'stands already'}")

    show(shared, [vars(one) for one in started], render)


def crm_connection(settings: Settings, name: str = "") -> Connection:
    """The CRM connection of this name, or the only one; raises Misconfigured."""
    known = {connection.name: connection for connection in settings.connections_of(Role.CRM)}
    if not known:
        raise Misconfigured("there is no CRM connection; add one to tieline.toml")
    if not name and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        wrong = f"there is no CRM connection {name}" if name else "there are several CRMs"
        raise Misconfigured(f"{wrong}; name one with --crm: {', '.join(known)}")
    return known[name]


async def _start(settings: Settings, crm: str, opportunities: list[str]) -> list[Started]:
    client = await connect(settings)
    return [
        await start_process(
            client,
            "quote-to-cash",
            QuoteToCashInput(crm=crm, opportunity_id=opportunity),
            workflow_id=quote_to_cash_id(crm, opportunity),
            task_queue=PROCESS_QUEUE,
            stage="accepting",
            summary=f"Quote-to-cash of {opportunity}",
        )
        for opportunity in opportunities
    ]


def progress(
    context: typer.Context,
    workflow_id: Annotated[
        str, typer.Argument(metavar="WORKFLOW_ID", help="One process (default: list all).")
    ] = "",
    stage: Annotated[str, typer.Option(help="List only processes at this stage.")] = "",
    limit: Annotated[int, typer.Option(help="List at most so many.", min=1, max=10_000)] = 50,
) -> None:
    """Show where a process stands, step by step; or count and list all of them."""
    shared = context_of(context)
    settings = shared.settings()
    if workflow_id:
        try:
            state, retrying = asyncio.run(_progress(settings, workflow_id))
        except NotBegun as put_off:
            said, later = str(put_off), {"stage": "not_begun", **put_off.details}
            later["workflow_id"] = workflow_id
            show(shared, later, lambda: out.print(said, soft_wrap=True))
            return
        show(
            shared,
            {**state.model_dump(mode="json"), "retrying": retrying},
            lambda: _render(state, retrying),
        )
        return
    overview = asyncio.run(_overview(settings, stage, limit))
    show(shared, overview, lambda: _render_overview(overview))


async def _progress(settings: Settings, workflow_id: str) -> tuple[Progress, list[str]]:
    handle = (await connect(settings)).get_workflow_handle(workflow_id)
    state: Progress = await ask(handle, "progress", Progress)
    return state, _retrying(await handle.describe())


def _retrying(described: WorkflowExecutionDescription) -> list[str]:
    """The steps that Temporal is retrying, which the process itself does not see."""
    return [
        f"{one.activity_type.name}: attempt {one.attempt}, {one.last_failure.message}"
        for one in described.raw_description.pending_activities
        if one.HasField("last_failure")
    ]


def _render(state: Progress, retrying: list[str]) -> None:
    name = (state.account_name or state.business_id, "bold")
    out.print(Text.assemble(name, f"  {state.value or ''}"))
    out.print(f"{state.process}  {state.stage}  {state.legal_entity}")
    print_table(
        ["step", "state", "reference"],
        [(s.name.replace("_", " "), s.state, s.reference) for s in state.steps],
        empty="No step has begun.",
    )
    for milestone, at in state.milestones.items():
        out.print(f"{milestone:<24} {at:%Y-%m-%d %H:%M:%S}Z")
    for line in retrying:
        out.print(f"retrying  {line}")
    for case in state.cases:
        cause = (case.failure.cause_key, "red")
        out.print(Text.assemble(cause, f" at {case.step}: {case.failure.message}"))
        out.print(f"  tieline exceptions show {case.case_id}")


async def _overview(settings: Settings, stage: str, limit: int) -> dict[str, Any]:
    database = Database.open(settings.ledger_url)
    try:
        return {
            "stages": await views.count_stages(database),
            "milestones": await views.funnel(database),
            "processes": await views.list_processes(database, stage=stage or None, limit=limit),
        }
    finally:
        await database.close()


def _render_overview(overview: dict[str, Any]) -> None:
    print_table(
        ["process", "stage", ">count", ">value"],
        [
            (one.process, one.stage, one.count, ", ".join(map(str, one.value)))
            for one in overview["stages"]
        ],
        empty="No process has been started.",
    )
    print_table(
        ["milestone", ">processes"],
        [(step.milestone.replace("_", " "), step.count) for step in overview["milestones"]],
    )
    print_table(
        ["process", "account", ">value", "stage"],
        [
            (one.process.workflow_id, one.account_name, one.value or "", one.stage)
            for one in overview["processes"]
        ],
    )


def cancel(
    context: typer.Context,
    workflow_id: Annotated[
        str, typer.Argument(metavar="WORKFLOW_ID", help="The process to cancel.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "",
    plan: Annotated[
        str, typer.Option(help="The digest of the plan you agree to; without it, it is shown.")
    ] = "",
    by: Actor = "",
) -> None:
    """Show what a cancellation would undo and release; with --plan, ask for it.

    Above the catalogue's threshold a second person approves on the exception desk.
    """
    shared = context_of(context)
    settings = shared.settings()
    if not plan:
        shown = asyncio.run(_plan(settings, workflow_id))
        show(shared, shown, lambda: _render_plan(workflow_id, shown))
        return
    if not reason:
        raise Misconfigured("a cancellation needs --reason")
    request = CancelRequest(actor=decider(by), reason=reasoned(reason), plan_digest=plan)
    outcome = asyncio.run(_cancel(settings, workflow_id, request))
    show(shared, outcome, lambda: out.print(outcome.outcome))
    if not outcome.accepted:
        raise typer.Exit(1)


async def _handle(settings: Settings, workflow_id: str) -> WorkflowHandle[Any, Any]:
    client: Client = await connect(settings)
    return client.get_workflow_handle(workflow_id)


async def _plan(settings: Settings, workflow_id: str) -> CompensationPlan:
    return await ask(await _handle(settings, workflow_id), "compensation_plan", CompensationPlan)


async def _cancel(
    settings: Settings, workflow_id: str, request: CancelRequest
) -> ResolutionOutcome:
    handle = await _handle(settings, workflow_id)
    return await tell(handle, "request_cancellation", request, ResolutionOutcome)


def _render_plan(workflow_id: str, plan: CompensationPlan) -> None:
    print_table(
        ["step", "undo", "record", ">releases"],
        [
            (li.step.replace("_", " "), li.undo, li.reference, li.releases or "")
            for li in plan.lines
        ],
        empty="Nothing has been done yet; cancelling only ends the process.",
    )
    if any(line.point_of_no_return for line in plan.lines):
        out.print("An invoice is posted: credit it instead of cancelling the order.")
        return
    out.print(f"Releases {plan.releases or 'nothing'}. To go ahead:")
    out.print(f"  tieline cancel {workflow_id} --reason '...' --plan {plan.digest}", soft_wrap=True)
