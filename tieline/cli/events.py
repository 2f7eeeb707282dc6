"""`tieline events`: the canonical events, where they went, and sending them once more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.text import Text

from canonical.events import OutboxEvent
from ledger.database import Database
from ledger.relay import DeliveryState, resume
from ledger.views.outbox import (
    DeliveryLine,
    EventDetail,
    RelayLine,
    Selection,
    list_deliveries,
    list_relays,
    select_events,
    show_event,
)
from tieline.cli.decisions import decider, reasoned
from tieline.cli.events_replay import replay_events
from tieline.cli.moments import moment
from tieline.cli.output import context_of, out, print_table, show
from tieline.settings import Settings

FOLLOW_SECONDS = 0.5
EVENTS_MAX = 1000
T = TypeVar("T")

events_app = typer.Typer(
    help="Read the canonical events, see where they went, and replay them.", no_args_is_help=True
)
TypeOption = Annotated[
    list[str] | None, typer.Option("--type", help="Of this type; a pattern such as invoice.*.")
]
SubjectOption = Annotated[str, typer.Option(help="About this subject, KIND/ID.")]
SinceOption = Annotated[str, typer.Option(help="Not older than this time, or age (36h).")]
TargetOption = Annotated[str, typer.Option(help="Only of this target: nats or a subscriber.")]
ByOption = Annotated[str, typer.Option(help="Who asks for it (default: the login user).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(events_app, name="events")


@asynccontextmanager
async def _ledger(settings: Settings) -> AsyncIterator[Database]:
    database = Database.open(settings.ledger_url)
    try:
        yield database
    finally:
        await database.close()


def _ask(settings: Settings, question: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    async def ask() -> T:
        async with _ledger(settings) as database:
            return await question(database)

    return asyncio.run(ask())


@events_app.command(
    "tail", epilog="Example: tieline events tail --follow --type 'invoice.*' --since 2h"
)
def tail_events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    event_type: TypeOption = None,
    subject: SubjectOption = "",
    since: SinceOption = "",
    limit: Annotated[int, typer.Option(min=1, max=EVENTS_MAX, help="The last so many.")] = 20,
) -> None:
    """Show the newest canonical events, oldest first; with --follow also what comes.

    As JSON: CloudEvents, one array; with --follow one a line.
    """
    shared = context_of(context)
    found_since = moment("--since", since, datetime.now(UTC))
    wanted = Selection(types=event_type or [], subject=subject, since=found_since)
    settings = shared.settings()
    if follow:
        line = _json_line if shared.as_json else _text_line
        asyncio.run(_follow(settings, wanted, limit, line))
        return
    found = _ask(settings, lambda db: select_events(db, wanted, limit=limit, newest=True))
    show(shared, [event.cloud_event() for event in found], lambda: _render_events(found))


async def _follow(
    settings: Settings, wanted: Selection, limit: int, line: Callable[[OutboxEvent], None]
) -> None:
    async with _ledger(settings) as database:
        page = await select_events(database, wanted, limit=limit, newest=True)
        after = 0
        while True:
            for event in page:
                line(event)
                after = event.position
            if not page:
                await asyncio.sleep(FOLLOW_SECONDS)
            page = await select_events(database, wanted, after=after, limit=EVENTS_MAX)


def _json_line(event: OutboxEvent) -> None:
    typer.echo(orjson.dumps(event.cloud_event()).decode())


def _text_line(event: OutboxEvent) -> None:
    out.print("  ".join(str(cell) for cell in _cells(event)), soft_wrap=True)


def _cells(event: OutboxEvent) -> tuple[Any, ...]:
    when = f"{event.occurred_at:%Y-%m-%d %H:%M:%S}Z"
    return event.position, when, event.type, event.subject, event.legal_entity, event.id


def _render_events(found: list[OutboxEvent]) -> None:
    columns = [">position", "when", "type", "subject", "legal entity", "event"]
    print_table(columns, [_cells(event) for event in found], empty="No events.")


@events_app.command("show", epilog="Example: tieline events show EVENT")
def show_one(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.")],
) -> None:
    """Show one event: what is in it, what led to it, and which targets have it."""
    shared = context_of(context)
    detail = _ask(shared.settings(), lambda db: show_event(db, event_id))
    show(
        shared,
        detail.model_dump(mode="json") | {"event": detail.event.cloud_event()},
        lambda: _render_detail(detail),
    )


def _render_detail(detail: EventDetail) -> None:
    event = detail.event
    out.print(Text.assemble((event.type, "bold"), f" v{event.version}  {event.id}"))
    facts = {
        "position": event.position,
        "when": f"{event.occurred_at:%Y-%m-%d %H:%M:%S}Z",
        "subject": event.subject,
        "source": event.source,
        "legal entity": event.legal_entity,
        "environment": event.environment,
        "correlation": event.correlation_id,
        "cause": event.causation_id,
        "relayed to": ", ".join(detail.relayed_to),
    }
    for name, value in facts.items():
        if value != "":
            out.print(f"{name:<13}{value}")
    out.print_json(orjson.dumps(event.body).decode())
    if detail.effect:
        effect = detail.effect
        out.print(f"by effect {effect.key} ({effect.state}) of {effect.workflow_id}")
    if detail.inbound:
        hint = detail.inbound
        out.print(f"by inbound {hint.type} of {hint.source}, {hint.received_at:%Y-%m-%d %H:%M:%S}Z")
    for title, linked in (("led to it", detail.causes), ("it led to", detail.consequences)):
        if linked:
            rows = [_cells(one) for one in linked]
            print_table([">position", "when", "type", "subject", "", "event"], rows, title=title)
    if detail.deliveries:
        _render_deliveries(detail.deliveries)


@events_app.command("deliveries", epilog="Example: tieline events deliveries --dead")
def show_deliveries(
    context: typer.Context,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    target: TargetOption = "",
    limit: Annotated[int, typer.Option(min=1, max=EVENTS_MAX, help="At most so many.")] = 100,
) -> None:
    """Show how far each target is, and which events it did not take at once."""
    shared = context_of(context)
    state = DeliveryState.DEAD if dead else None

    async def ask(db: Database) -> tuple[list[RelayLine], list[DeliveryLine]]:
        parked = await list_deliveries(db, state=state, target=target, limit=limit)
        return [r for r in await list_relays(db) if target in ("", r.name)], parked

    relays, parked = _ask(shared.settings(), ask)

    def render() -> None:
        _render_relays(relays)
        _render_deliveries(parked)

    show(shared, {"relays": relays, "deliveries": parked}, render)


def _render_relays(relays: list[RelayLine]) -> None:
    rows = [
        (
            r.name,
            r.position,
            r.behind,
            r.pending,
            r.dead,
            "stopped" if r.stopped_at else "failing" if r.failing_since else "",
            r.error,
        )
        for r in relays
    ]
    columns = ["target", ">position", ">behind", ">parked", ">dead", "", "error"]
    print_table(columns, rows, empty="No target has been relayed to.")


def _render_deliveries(parked: list[DeliveryLine]) -> None:
    rows = [
        (
            one.subscriber,
            one.event_id,
            one.type,
            one.state,
            one.attempts,
            f"{one.due_at:%Y-%m-%d %H:%M:%S}Z" if one.state is DeliveryState.PENDING else "",
            one.cause,
            one.error,
        )
        for one in parked
    ]
    columns = ["target", "event", "type", "state", ">attempts", "due", "cause", "error"]
    print_table(columns, rows, empty="Nothing is parked.")


@events_app.command(
    "resume", epilog="Example: tieline events resume finance-hub --reason 'endpoint is back'"
)
def resume_target(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The subscriber.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    by: ByOption = "",
) -> None:
    """Send events again to a subscriber that answered 410, from where it stopped."""
    shared = context_of(context)
    who, why = decider(by), reasoned(reason)
    resumed = _ask(shared.settings(), lambda db: resume(db, target, who, why))
    said = "goes on" if resumed else "was not stopped"
    show(shared, {"target": target, "resumed": resumed}, lambda: out.print(f"{target} {said}."))


events_app.command(
    "replay",
    epilog="Example: tieline events replay --to finance-hub --dead --cause http_500"
    " --reason 'endpoint repaired' --yes",
)(replay_events)
