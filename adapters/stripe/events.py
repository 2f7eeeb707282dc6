"""Stripe as a source of events: its event list, and the records that events are about."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import orjson

from adapters.http import HttpClient, StaticAuth, require_environment, secret
from adapters.stripe.api import PAGE_SIZE, Record, StripeApi
from adapters.stripe.backfill import CHANGED
from adapters.stripe.billing import looks_live
from adapters.stripe.cursors import Place
from adapters.stripe.errors import ERRORS
from adapters.stripe.hints import STREAMS, hint_from, version_of
from adapters.stripe.newest import EVENTS, NewestEvents
from adapters.stripe.records import StripeRecords
from canonical.connections import Connection
from canonical.errors import CursorExpired, Malformed, Misconfigured, NotFound
from canonical.facts import AnyFacts, Kind
from canonical.inbound import BACKFILL_PRIORITY, Channel, InboundEvent
from canonical.ports.events import ChangePage, EventsPort

POLLS = {"undelivered": False, "all": None}
# How old an event may become as a cursor before an idle feed goes on from a moment instead.
HELD = timedelta(hours=1)
# Clocks differ, and an event may be listed a little later than it was made.
OVERLAP = timedelta(minutes=5)
Filters = dict[str, Any]
BACKFILLED: dict[str, Any] = {"channel": Channel.BACKFILL, "priority": BACKFILL_PRIORITY}


class StripeEvents(EventsPort):
    """Two streams, `events` of invoices and subscriptions and `disputes`: by default only of what
    no webhook has delivered."""

    def __init__(
        self, client: HttpClient, *, polls: str = "undelivered", page_size: int = PAGE_SIZE
    ) -> None:
        if polls not in POLLS:
            raise Misconfigured(f"options.polls is one of {', '.join(POLLS)}", about="polls")
        self._client = client
        self._api = StripeApi(client)
        self._records = StripeRecords(self._api)
        self._newest = {
            stream: NewestEvents(
                self._api, types, lambda record: self._hint(record, self._client.clock())
            )
            for stream, types in STREAMS.items()
        }
        self._delivered = POLLS[polls]
        self._page_size = page_size

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it; raises Misconfigured for a live key on a test connection and the reverse."""
        key = secret(connection, "api_key")
        require_environment(connection, looks_live(key))
        client = HttpClient(connection, StaticAuth.bearer(key), ERRORS)
        return cls(client, polls=connection.options.get("polls", "undelivered"))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def streams(self) -> list[str]:
        """The account has one list of events, but takes no more than 20 names of types at once."""
        return list(STREAMS)

    def start(self, stream: str, since: datetime) -> str:
        """A moment; whole seconds, as Stripe counts."""
        return str(Place(since))

    async def changes(self, stream: str, cursor: str) -> ChangePage:
        """The next page, oldest first; raises CursorExpired after 30 days."""
        asked_at, place = self._client.clock(), Place.parse(cursor)
        place.require_kept(asked_at)
        wanted = {"types": STREAMS[stream], "delivery_success": self._delivered}
        read = self._after if place.event_id else self._since
        told, more = await read(place, wanted)
        new = [event for record in told if (event := self._hint(record, asked_at)).kind]
        following = _following(place, told, asked_at)
        up_to = following.at if more else max(asked_at - OVERLAP, following.at)
        return ChangePage(events=new, cursor=str(following), read_up_to=up_to, more=more)

    async def _after(self, place: Place, wanted: Filters) -> tuple[list[Record], bool]:
        """Newest first within the page, but the page is the one next to the cursor."""
        try:
            page, more = await self._api.page(
                EVENTS, limit=self._page_size, ending_before=place.event_id, **wanted
            )
        except NotFound as missing:
            if missing.details.get("code") != "resource_missing":
                raise  # the list itself is not there: a wrong address is no gap
            raise CursorExpired(f"Stripe has forgotten the event {place.event_id}") from missing
        return list(reversed(page)), more

    async def _since(self, place: Place, wanted: Filters) -> tuple[list[Record], bool]:
        """The oldest page: a list without a cursor begins at its new end and is walked through."""
        oldest: deque[Record] = deque(maxlen=self._page_size)
        count = 0
        async for record in self._api.list(EVENTS, **wanted, created={"gte": place.stamp}):
            oldest.append(record)
            count += 1
        return list(reversed(oldest)), count > self._page_size

    async def backfill(
        self, stream: str, since: datetime, until: datetime
    ) -> AsyncIterator[InboundEvent]:
        """From the event list where it still has the whole window: it alone tells what changed.

        From the records beyond that, see `adapters.stripe.backfill`. They are read after this
        moment, so they are at least as new as the window, or as now.
        """
        now = self._client.clock()
        if Place(since).is_kept(now):
            for event in (await self._newest_in(stream, since, until, now)).values():
                yield event.model_copy(update=BACKFILLED)
            return
        seen = min(until, now - OVERLAP)
        window = f"{int(since.timestamp())}-{int(until.timestamp())}"
        async for kind, record, stamp in CHANGED[stream](self._api, since, until):
            yield InboundEvent(
                source=self._client.connection.name,
                event_id=f"backfill:{record['id']}:{window}",
                type=f"{record['object']}.backfilled",
                kind=kind,
                subject=record["id"],
                version=version_of(max(stamp, seen)),
                occurred_at=stamp,
                environment=self._client.connection.environment,
                body=orjson.dumps({"id": record["id"], "object": record["object"]}),
                received_at=now,
                **BACKFILLED,
            )

    async def census(self, stream: str, since: datetime, until: datetime) -> dict[str, str]:
        """From all events, delivered or not; raises CursorExpired beyond 30 days."""
        now = self._client.clock()
        Place(since).require_kept(now)
        newest = await self._newest_in(stream, since, until, now)
        return {subject: event.version for subject, event in newest.items()}

    async def _newest_in(
        self, stream: str, since: datetime, until: datetime, now: datetime
    ) -> dict[str, InboundEvent]:
        window = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
        newest: dict[str, InboundEvent] = {}
        async for record in self._api.list(EVENTS, types=STREAMS[stream], created=window):
            event = self._hint(record, now)
            known = newest.get(event.subject)
            if event.kind and (known is None or event.version > known.version):
                newest[event.subject] = event
        return newest

    async def read(self, event: InboundEvent) -> AnyFacts | None:
        """The invoice or subscription as it is, with the version it is known to have at least; of
        a dispute the invoice that was paid, None when none was."""
        if event.kind == Kind.DISPUTE:
            invoice = await self._disputed(event)
            return await self.read(invoice) if invoice else None
        if event.kind not in (Kind.INVOICE, Kind.CONTRACT):
            raise Malformed(f"Stripe has no record of the kind {event.kind!r}")
        # Asked before the record is read, so that the record is at least as new.
        newest = await self._newest["events"].of(event.subject)
        return await self._records.read(event, newest)

    async def _disputed(self, event: InboundEvent) -> InboundEvent | None:
        """The hint of a dispute as one of the invoice that was paid, as new as the dispute is."""
        newest = await self._newest["disputes"].of(event.subject)
        invoice = await self._records.disputed_invoice(event.subject)
        if invoice is None:
            return None
        occurred_at = max((at for at in (event.occurred_at, newest) if at), default=None)
        about = {"kind": Kind.INVOICE, "subject": invoice, "occurred_at": occurred_at}
        return event.model_copy(update=about)

    def _hint(self, record: Record, now: datetime) -> InboundEvent:
        connection = self._client.connection
        try:
            return hint_from(
                record, orjson.dumps(record), connection.name, connection.environment,
                Channel.POLL, now,
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise Malformed(
                f"an event of Stripe's list lacks what identifies it: {type(error).__name__}"
            ) from None


def _following(place: Place, told: Sequence[Record], asked_at: datetime) -> Place:
    """Where to go on: the newest event, unless the feed is idle and the event grows old.

    An event that is forgotten after 30 idle days would otherwise look like a gap.
    """
    if told:
        newest = told[-1]
        return Place(datetime.fromtimestamp(newest["created"], UTC), newest["id"])
    moment = asked_at - OVERLAP
    return Place(moment) if moment - place.at > HELD else place
