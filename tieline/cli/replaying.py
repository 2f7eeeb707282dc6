"""The work of `tieline inbox replay`, over one ledger and, where it is needed, Temporal."""

from collections.abc import Sequence

from canonical.errors import Misconfigured, NotFound, TielineError
from canonical.orders import Fact
from ledger.database import Database
from ledger.edits import Correction, Edit, Edits
from ledger.inbox import InboxState
from ledger.replays import (
    REPLAYED_MAX,
    ROWS_PER_TRANSACTION,
    Choice,
    ReplayMode,
    ReplayOrder,
    Replays,
    is_deal,
)
from ledger.views.inbox import EventFilter, InboxLine, show_event
from starters.foresee import DealStanding, foresee
from starters.replay import DealReplayed, DealReplays, workflow_of
from tieline.cli.bar import progress_bar
from tieline.settings import Settings
from tieline.temporal import connect

SHOWN_MAX = 50
TEMPORAL_SECONDS = 5.0
NOT_OURS = "is of no kind of ours: nothing follows from it"


class Line(Fact):
    """One event of a preview, and what its replay would do."""

    id: int
    event: str
    record: str
    state: InboxState
    cause: str
    would: str


class Preview(Fact):
    """What a replay would do, as far as it is shown; the totals are of everything."""

    mode: ReplayMode
    total: int
    replayed_max: int = REPLAYED_MAX
    by_cause: dict[str, int]
    lines: list[Line]


class Outcome(Fact):
    """What a replay did: events that are due again, deals one by one, and what was left alone."""

    chosen: int
    due: int
    seconds: float
    left_alone: int
    deals: list[DealReplayed]


async def _choose(replays: Replays, db: Database, selection: EventFilter) -> Choice:
    choice = await replays.choose(selection)
    if choice.total:
        return choice
    if len(selection.ids) == 1 and (one := await show_event(db, selection.ids[0])):
        raise NotFound(f"event {one.id} is {one.state}, or not of what else was asked for")
    raise NotFound(f"nothing that is {selection.state} matches; `tieline inbox list` shows all")


async def preview_of(settings: Settings, order: ReplayOrder) -> Preview:
    """What a replay would do; raises NotFound when it concerns nothing."""
    database = Database.open(settings.ledger_url)
    try:
        replays = Replays(database)
        choice = await _choose(replays, database, order.selection)
        seen = choice.events[:SHOWN_MAX]
        told, known = await replays.told(seen), await replays.known(seen)
        deals = await _standings(settings, database, [line for line in seen if is_deal(line)])
    finally:
        await database.close()
    lines = [
        Line(
            id=line.id,
            event=f"{line.source}/{line.event_id}",
            record=f"{line.kind or '-'}/{line.subject}",
            state=line.state,
            cause=line.cause,
            would=_of_deal(order.mode, workflow_of(line), deals)
            if is_deal(line)
            else _of_hint(order.mode, line, known[line.id], told[line.id]),
        )
        for line in seen
    ]
    return Preview(mode=order.mode, total=choice.total, by_cause=choice.by_cause, lines=lines)


async def _standings(
    settings: Settings, db: Database, lines: Sequence[InboxLine]
) -> dict[str, DealStanding | str]:
    """Where each deal's process stands, or why that is not known now."""
    found: dict[str, DealStanding | str] = {}
    if not lines:
        return found
    try:
        client = await connect(settings, timeout_seconds=TEMPORAL_SECONDS)
        for workflow_id in {workflow_of(line) for line in lines}:
            found[workflow_id] = await DealReplays(client, db).standing(workflow_id)
    except TielineError as error:
        return {workflow_of(line): f"not known where it stands: {error}" for line in lines}
    return found


def _of_deal(mode: ReplayMode, workflow_id: str, deals: dict[str, DealStanding | str]) -> str:
    deal = deals[workflow_id]
    if isinstance(deal, str):
        return f"{workflow_id}: {deal}"
    said = f"{workflow_id} {foresee(mode, deal).says}"
    if deal.confirmed and mode is not ReplayMode.REDELIVER:
        said += f"; confirmed, not written again: {', '.join(deal.confirmed)}"
    if deal.unproven and mode is not ReplayMode.REDELIVER:
        said += f"; probed, then perhaps written: {', '.join(deal.unproven)}"
    if deal.status and mode is not ReplayMode.REDELIVER and not deal.undone:
        said += "; steps it has not reached may write"
    return said


def _of_hint(mode: ReplayMode, line: InboxLine, known: str, told: list[str]) -> str:
    if not line.kind:
        return NOT_OURS
    if mode is not ReplayMode.START and line.version and line.version < known:
        return "a newer version is known: without effect"
    said = "the record is read again"
    if mode is ReplayMode.START:
        said += ", whatever version is known"
    return f"{said}; events told already: {', '.join(told) or 'none'}"


async def replay_all(settings: Settings, order: ReplayOrder) -> Outcome:
    """Replay all that the order selects; raises NotFound when it concerns nothing."""
    database = Database.open(settings.ledger_url)
    try:
        replays = Replays(database)
        choice = await _choose(replays, database, order.selection)
        ours = [line for line in choice.events if line.kind]
        by_process = order.mode is not ReplayMode.REDELIVER
        apart = [line for line in ours if by_process and is_deal(line)]
        again = [line for line in ours if not (by_process and is_deal(line))]
        client = await connect(settings) if apart else None
        due, deals = 0, []
        with progress_bar("Replaying", len(ours)) as bar:
            for start in range(0, len(again), ROWS_PER_TRANSACTION):
                chunk = again[start : start + ROWS_PER_TRANSACTION]
                due += await replays.make_due(order, chunk, offset=start)
                bar.advance(len(chunk))
            if client is not None:
                async for ended in DealReplays(client, database, replays).replay(order, apart):
                    deals.append(ended)
                    bar.advance(len(ended.events))
    finally:
        await database.close()
    moved = sum(len(deal.events) for deal in deals if deal.done)
    return Outcome(
        chosen=len(choice.events),
        due=due,
        seconds=max(0, due - 1) / order.rate,
        left_alone=len(choice.events) - due - moved,
        deals=deals,
    )


async def replay_edited(
    settings: Settings, order: ReplayOrder, edit: Edit, yes: bool
) -> Correction:
    """Store the one event that the order selects, corrected; without `yes`, only say how."""
    database = Database.open(settings.ledger_url)
    try:
        choice = await _choose(Replays(database), database, order.selection)
        if choice.total != 1:
            raise Misconfigured(f"exactly one event is edited; {choice.total} match")
        edits, stored_id = Edits(database), choice.events[0].id
        if yes:
            return await edits.replay(order, stored_id, edit)
        return await edits.preview(stored_id, edit)
    finally:
        await database.close()
