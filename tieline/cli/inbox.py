"""`tieline inbox`: what came in, what became of it, and how intake stands."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.text import Text

from canonical.errors import NotFound
from canonical.facts import Kind
from ledger.database import Database
from ledger.inbox import InboxState
from ledger.views.inbox import (
    EventFilter,
    InboxDetail,
    InboxLine,
    RefusalLine,
    RefusalTotal,
    count_refusals,
    list_events,
    list_refusals,
    show_event,
)
from ledger.views.intake import BacklogView, FeedView, show_backlog, show_feeds
from tieline.cli import replay
from tieline.cli.moments import lasting, moment, shown
from tieline.cli.output import context_of, out, print_table, show
from tieline.settings import Settings

inbox_app = typer.Typer(
    help="Show what came in, how intake stands, and replay it.", no_args_is_help=True
)
T = TypeVar("T")
Limit = Annotated[int, typer.Option(help="Show at most so many.", min=1, max=1000)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    replay.register(inbox_app)
    app.add_typer(inbox_app, name="inbox")


@inbox_app.command(
    "list",
    epilog="Examples:\n\ntieline inbox list --state dead\n\n"
    "tieline inbox list --source billing --kind invoice --since 2026-11-20",
)
def list_inbox(
    context: typer.Context,
    state: Annotated[InboxState | None, typer.Option(help="List events in this state.")] = None,
    source: Annotated[str, typer.Option(help="List events of one connection.")] = "",
    kind: Annotated[Kind | None, typer.Option(help="List events about such records.")] = None,
    cause: Annotated[str, typer.Option(help="List events that failed for this cause.")] = "",
    account: Annotated[str, typer.Option(help="List events of one account.")] = "",
    since: Annotated[str, typer.Option(help="Received at or after this time (UTC).")] = "",
    until: Annotated[str, typer.Option(help="Received before this time (UTC).")] = "",
    limit: Limit = 50,
) -> None:
    """List inbound events, the newest first."""
    shared = context_of(context)
    narrowed = EventFilter(
        state=state,
        source=source,
        kind=kind or "",
        cause=cause,
        account=account,
        since=moment("--since", since),
        until=moment("--until", until),
    )
    found = _asked(shared.settings(), lambda db: list_events(db, narrowed=narrowed, limit=limit))
    show(shared, found, lambda: _render_list(found))


@inbox_app.command(
    "show", epilog="Examples:\n\ntieline inbox show 4711\n\ntieline inbox show 4711 --body"
)
def show_inbox(
    context: typer.Context,
    stored_id: Annotated[int, typer.Argument(metavar="ID", help="The event's number.")],
    body: Annotated[
        bool, typer.Option("--body", help="Also show what was received, as it was.")
    ] = False,
) -> None:
    """Show one event: its record as last read, what was told of it, the process it started."""
    shared = context_of(context)
    detail = _asked(shared.settings(), lambda db: show_event(db, stored_id, with_body=body))
    if detail is None:
        raise NotFound(f"there is no inbound event {stored_id}; `tieline inbox list` shows all")
    show(shared, detail, lambda: _render_detail(detail))


@inbox_app.command("refusals", epilog="Example: tieline inbox refusals --limit 20")
def show_refusals(context: typer.Context, limit: Limit = 20) -> None:
    """Show what was not let in: how many by reason, and the newest."""
    shared = context_of(context)

    async def ask(db: Database) -> tuple[list[RefusalTotal], list[RefusalLine]]:
        return await count_refusals(db), await list_refusals(db, limit)

    totals, newest = _asked(shared.settings(), ask)
    show(shared, {"totals": totals, "newest": newest}, lambda: _render_refusals(totals, newest))


@inbox_app.command("backlog", epilog="Example: tieline inbox backlog")
def show_waiting(context: typer.Context) -> None:
    """Show what waits by source and priority, how fast it goes and when it will be cleared."""
    shared = context_of(context)
    backlog = _asked(shared.settings(), lambda db: show_backlog(db, datetime.now(UTC)))
    show(shared, backlog, lambda: _render_backlog(backlog))


@inbox_app.command("feeds", epilog="Example: tieline inbox feeds")
def show_places(context: typer.Context) -> None:
    """Show how far each change feed was read, what was counted of it, and what is behind."""
    shared = context_of(context)
    settings = shared.settings()
    feeds = _asked(settings, lambda db: show_feeds(db, settings.polling, datetime.now(UTC)))
    show(shared, feeds, lambda: _render_feeds(feeds))


def _asked(settings: Settings, ask: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database.open(settings.ledger_url)
        try:
            return await ask(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _render_list(lines: list[InboxLine]) -> None:
    print_table(
        [">id", "received", "source", "type", "record", "state", ">tries", "cause"],
        [
            (
                line.id,
                shown(line.received_at),
                line.source,
                line.type,
                f"{line.kind or '-'}/{line.subject}",
                line.state,
                line.attempts,
                line.cause,
            )
            for line in lines
        ],
        empty="No inbound events.",
    )


def _render_detail(one: InboxDetail) -> None:
    out.print(Text.assemble((f"{one.source}/{one.event_id}", "bold"), f"  {one.state}"))
    facts: dict[str, Any] = {
        "type": one.type,
        "record": f"{one.kind or '-'}/{one.subject}",
        "version": one.version,
        "came by": f"{one.channel}, {one.environment}, priority {one.priority}",
        "account": one.account_id,
        "occurred": shown(one.occurred_at),
        "received": f"{shown(one.received_at)}, {one.deliveries} times",
        "due" if one.settled_at is None else "settled": shown(one.settled_at or one.due_at),
        "tries": one.attempts,
        "cause": one.cause,
        "said": one.error,
        "body": f"{one.body_bytes} bytes, sha256 {one.body_digest}",
    }
    print_table(["", ""], [(name, value) for name, value in facts.items() if value != ""])
    if one.process is not None:
        out.print(f"process    {one.process.workflow_id}  {one.process.stage}")
    elif one.workflow_id:
        out.print(f"process    {one.workflow_id}")
    if one.record is not None:
        read = one.record
        version = f"version {read.version}" if read.version else "to be read again"
        out.print(f"last read  {shown(read.recorded_at)}, {version}")
        for name, value in read.facts.items():
            out.print(f"  {name}: {value if isinstance(value, str) else _json(value)}")
    print_table(
        [">position", "told", "event", "occurred"],
        [(e.position, e.type, e.id, shown(e.occurred_at)) for e in one.told],
        empty="Nothing was told of it.",
    )
    for each in one.replays:
        out.print(f"{shown(each.at)}  {each.actor}  {each.action}  {each.body}")
    if one.body is not None:
        out.print(one.body, soft_wrap=True)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _render_refusals(totals: list[RefusalTotal], newest: list[RefusalLine]) -> None:
    print_table(
        ["source", "refused as", ">total", "last"],
        [(one.source, one.code, one.total, shown(one.last_at)) for one in totals],
        empty="Nothing was refused.",
    )
    if newest:
        print_table(
            ["when", "source", "refused as", "from", ">bytes", "reason"],
            [(shown(r.at), r.source, r.code, r.remote, r.body_bytes, r.reason) for r in newest],
        )


def _render_backlog(backlog: BacklogView) -> None:
    print_table(
        ["source", ">priority", ">pending", ">due now", ">oldest"],
        [
            (one.source, one.priority, one.pending, one.due, lasting(one.oldest_seconds))
            for one in backlog.waiting
        ],
        empty="Nothing waits.",
    )
    out.print(f"done with in the last 5 minutes: {backlog.per_second:.2f} a second")
    if backlog.pending:
        until = lasting(backlog.clearing_seconds)
        out.print(f"cleared in about {until}" if until else "not cleared at this pace")
    out.print(f"dead: {backlog.dead}")


def _render_feeds(feeds: list[FeedView]) -> None:
    print_table(
        ["connection", "stream", "read up to", ">age", "polled", ">stored", "state"],
        [
            (
                one.connection,
                one.stream,
                shown(one.place.read_up_to) if one.place else "never",
                lasting(one.age_seconds),
                shown(one.place.polled_at) if one.place else "",
                one.place.stored if one.place else 0,
                _state_of(one),
            )
            for one in feeds
        ],
        empty="No change feed was read.",
    )
    for one in [feed for feed in feeds if feed.last_count]:
        count = one.last_count
        assert count is not None
        window = f"{shown(count.since)} to {shown(count.until)}"
        lacking = f", lacking {count.missing}: {', '.join(count.examples)}" if count.missing else ""
        out.print(f"{one.connection} {one.stream}: {count.told} told {window}{lacking}")


def _state_of(feed: FeedView) -> Text:
    place = feed.place
    problems = ["behind"] if feed.behind else []
    if place is not None and place.error:
        problems.append(place.error)
    if place is not None and place.expired_at is not None:
        problems.append(f"lost its place {shown(place.expired_at)}, "
                        f"read again from {shown(place.gap_from)}")  # fmt: skip
    if problems:
        return Text("; ".join(problems), "red")
    heard_since = place.heard_since if place is not None else None
    return Text(f"heard since {shown(heard_since)}" if heard_since else "ok")
