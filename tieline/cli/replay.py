"""`tieline inbox replay`: what would be replayed and what that does; with --yes, it is."""

import asyncio
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import ValidationError

from canonical.errors import Misconfigured
from canonical.facts import Kind
from ledger.edits import Correction, Edit, problems
from ledger.inbox import InboxState
from ledger.replays import RATE_DEFAULT, ReplayMode, ReplayOrder
from ledger.views.inbox import EventFilter
from tieline.cli.decisions import decider, reasoned
from tieline.cli.moments import moment
from tieline.cli.output import context_of, err, out, print_table, show
from tieline.cli.replaying import (
    SHOWN_MAX,
    Outcome,
    Preview,
    preview_of,
    replay_all,
    replay_edited,
)

INPUT_BYTES_MAX = 1_048_576
RATE_MAX = 100.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "replay",
        epilog="Examples:\n\ntieline inbox replay --mode redeliver --cause Malformed\n\n"
        "tieline inbox replay --mode redeliver --cause Malformed --yes --reason repaired\n\n"
        "tieline inbox replay --mode failed-step --kind opportunity --since 2026-11-20\n\n"
        "tieline inbox replay --mode start --id 4711 --state recorded\n\n"
        "tieline inbox replay --mode edited --id 4711 --input corrected.json",
    )(replay)


def replay(
    context: typer.Context,
    mode: Annotated[ReplayMode, typer.Option(help="From where it is replayed.")],
    ids: Annotated[
        list[int] | None, typer.Option("--id", help="One event; repeat for several.")
    ] = None,
    cause: Annotated[str, typer.Option(help="Events that failed for this cause.")] = "",
    source: Annotated[str, typer.Option(help="Events of one connection.")] = "",
    kind: Annotated[Kind | None, typer.Option(help="Events about such records.")] = None,
    subject: Annotated[str, typer.Option(help="Events about one record.")] = "",
    account: Annotated[str, typer.Option(help="Events of one account.")] = "",
    since: Annotated[str, typer.Option(help="Received at or after this time (UTC).")] = "",
    until: Annotated[str, typer.Option(help="Received before this time (UTC).")] = "",
    state: Annotated[InboxState, typer.Option(help="Events in this state.")] = InboxState.DEAD,
    corrected: Annotated[
        Path | None, typer.Option("--input", help="For edited: the corrections, as JSON.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only shown.")] = False,
    by: Annotated[str, typer.Option(help="Who asks for it (default: the user logged in).")] = "",
    reason: Annotated[str, typer.Option(help="Why; needed with --yes.")] = "",
    rate: Annotated[
        float, typer.Option(help="How many a second.", min=0.1, max=RATE_MAX)
    ] = RATE_DEFAULT,
) -> None:
    """Show what a replay would do to each event; with --yes, do it. Exit 1 if one is left alone."""
    shared = context_of(context)
    selection = EventFilter(
        ids=ids or [],
        cause=cause,
        source=source,
        kind=kind or "",
        subject=subject,
        account=account,
        since=moment("--since", since),
        until=moment("--until", until),
        state=state,
    )
    if not selection.names_something:
        raise Misconfigured(
            "say what to replay: --id, --cause, --source, --kind, --subject, --account, "
            "--since or --until"
        )
    if yes and not reason.strip():
        raise Misconfigured("a replay needs --reason")
    order = ReplayOrder(
        mode=mode,
        actor=decider(by),
        reason=reasoned(reason) or "preview",
        selection=selection,
        rate=rate,
    )
    if (mode is ReplayMode.EDITED) != (corrected is not None):
        raise Misconfigured("--mode edited and --input go together")
    settings = shared.settings()
    if corrected is not None:
        correction = asyncio.run(replay_edited(settings, order, _read(corrected), yes))
        show(shared, correction, lambda: _render_correction(correction, yes))
    elif yes:
        outcome = asyncio.run(replay_all(settings, order))
        show(shared, outcome, lambda: _render_outcome(outcome))
        if outcome.left_alone:
            raise typer.Exit(1)
    else:
        preview = asyncio.run(preview_of(settings, order))
        show(shared, preview, lambda: _render_preview(preview))


def _read(file: Path) -> Edit:
    try:
        raw = file.read_bytes()
        if len(raw) > INPUT_BYTES_MAX:
            raise Misconfigured(f"--input: {file} has {len(raw)} bytes; at most {INPUT_BYTES_MAX}")
        return Edit.model_validate(orjson.loads(raw))
    except OSError as error:
        raise Misconfigured(f"--input: {file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise Misconfigured(f"--input: {file} is not JSON: {error}") from error
    except ValidationError as error:
        raise Misconfigured(f"--input: {file}: {problems(error)}") from None


def _render_preview(preview: Preview) -> None:
    print_table(
        [">id", "event", "record", "cause", "would"],
        [(li.id, li.event, li.record, li.cause, li.would) for li in preview.lines],
    )
    if preview.total > len(preview.lines):
        out.print(f"and {preview.total - len(preview.lines)} more")
    print_table(
        ["cause", ">events"],
        [(cause or "-", number) for cause, number in preview.by_cause.items()],
    )
    if preview.total > preview.replayed_max:
        out.print(f"{preview.total} match: the oldest {preview.replayed_max} go first")
    out.print("Nothing was changed. To replay: the same with --yes --reason '...'")


def _render_correction(correction: Correction, done: bool) -> None:
    print_table(
        ["field", "was", "becomes"],
        [(name, was or "-", now or "-") for name, (was, now) in correction.changes.items()],
        empty="Nothing differs.",
    )
    if done:
        out.print(f"{correction.event_id} is stored as {correction.stored_id} and due now.")
    else:
        out.print(f"{correction.event_id} would be stored; {correction.replaces} stays dead.")
        out.print("Nothing was changed. To replay: the same with --yes --reason '...'")


def _render_outcome(outcome: Outcome) -> None:
    for deal in outcome.deals[:SHOWN_MAX]:
        where = out if deal.done else err
        where.print(f"{deal.workflow_id}  {deal.outcome}", soft_wrap=True)
    if outcome.due:
        out.print(f"{outcome.due} due again, the last in {outcome.seconds:.0f} s.")
    moved = sum(deal.done for deal in outcome.deals)
    out.print(f"{outcome.due} events and {moved} deals replayed, {outcome.left_alone} left alone.")
