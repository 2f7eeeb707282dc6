"""`tieline events replay`: a preview first, and nothing is sent without --yes."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from canonical.errors import Misconfigured
from ledger.database import Database
from ledger.views.outbox import Selection, Summary, summarize
from tieline.cli.decisions import decider, reasoned
from tieline.cli.moments import moment
from tieline.cli.output import context_of, out, show
from tieline.settings import STREAM_TARGET, Settings
from workers.replay import Order, Replayed, replay, selection_for

RATE_MAX = 1000.0


def replay_events(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="The target: nats or a subscriber.")],
    event_id: Annotated[
        list[str] | None, typer.Option("--id", help="This event; repeat for several.")
    ] = None,
    event_type: Annotated[
        list[str] | None, typer.Option("--type", help="Of this type; a pattern such as invoice.*.")
    ] = None,
    subject: Annotated[str, typer.Option(help="About this subject, KIND/ID.")] = "",
    since: Annotated[str, typer.Option(help="Not older than this time, or age (36h).")] = "",
    until: Annotated[str, typer.Option(help="Older than this time, or age.")] = "",
    dead: Annotated[bool, typer.Option("--dead", help="What the target was given up on.")] = False,
    cause: Annotated[
        str, typer.Option(help="What the target did not take for this cause, say http_500.")
    ] = "",
    rate: Annotated[
        float, typer.Option(min=0.1, max=RATE_MAX, help="At most so many a second.")
    ] = 50.0,
    by: Annotated[str, typer.Option(help="Who asks for it (default: the login user).")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the record; needed with --yes.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Send; otherwise only say what.")] = False,
    force_new_id: Annotated[
        bool,
        typer.Option(
            "--force-new-id",
            help="Under another Nats-Msg-Id, for events inside NATS's duplicate window.",
        ),
    ] = False,
) -> None:
    """Send events once more to one target; without --yes only show which.

    They keep their ids, so that consumers drop what they have. What fails is parked like any other.
    """
    shared = context_of(context)
    settings, now = shared.settings(), datetime.now(UTC)
    asked = Selection(
        ids=event_id or [],
        types=event_type or [],
        subject=subject,
        since=moment("--since", since, now),
        until=moment("--until", until, now),
        dead=dead,
        cause=cause,
    )
    if asked == Selection():
        raise Misconfigured("say what to replay: --id, --type, --subject, --since, --dead, --cause")
    if force_new_id and to != STREAM_TARGET:
        raise Misconfigured(f"--force-new-id is for {STREAM_TARGET}: subscribers drop by event id")
    if yes and not reason:
        raise Misconfigured("--reason says why, for the record; --yes needs it")
    wanted = selection_for(settings, to, asked, now)
    who, why = (decider(by), reasoned(reason)) if yes else ("", "")
    order = Order(wanted, who, why, rate, force_new_id) if yes else None
    summary, done = asyncio.run(_replay(settings, wanted, order))
    notes = _notes(settings, to, done, force_new_id)
    told: dict[str, Any] = {"target": to, "events": summary, "replayed": done, "notes": notes}
    show(shared, told, lambda: _render(to, summary, done, notes))
    if done is not None and done.failed:
        raise typer.Exit(1)


async def _replay(
    settings: Settings, wanted: Selection, order: Order | None
) -> tuple[Summary, Replayed | None]:
    database = Database.open(settings.ledger_url)
    try:
        summary = await summarize(database, wanted)
        done = await replay(settings, database, order) if order and summary.count else None
        return summary, done
    finally:
        await database.close()


def _notes(settings: Settings, to: str, done: Replayed | None, new_ids: bool) -> list[str]:
    notes = []
    if to == STREAM_TARGET and settings.relay.nats and not new_ids:
        window = f"{settings.relay.nats.duplicate_window_seconds:g} s"
        notes.append(
            f"NATS drops what it had within the last {window}; --force-new-id sends it all the same"
        )
    if done is not None and done.failed:
        notes.append("what failed is parked: tieline events deliveries")
    return notes


def _render(to: str, summary: Summary, done: Replayed | None, notes: list[str]) -> None:
    out.print(f"{summary.count} events to {to}")
    for kind, number in summary.types.items():
        out.print(f"  {number:>7}  {kind}")
    if summary.first and summary.last:
        out.print(f"  from {summary.first:%Y-%m-%d %H:%M:%S}Z to {summary.last:%Y-%m-%d %H:%M:%S}Z")
    if done is None:
        out.print("Nothing was sent; --yes and --reason send them." if summary.count else "")
    else:
        failed = ", ".join(f"{number} {cause}" for cause, number in done.failed.items())
        out.print(f"Sent {done.sent}, dropped as duplicates {done.dropped}, failed {failed or 0}.")
    for note in notes:
        out.print(note)
