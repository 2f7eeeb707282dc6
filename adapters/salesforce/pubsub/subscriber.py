"""A subscriber to the org's event bus: pages of hints, each with the cursor behind it."""

import binascii
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Self

from adapters.http import Answer, Auth, HttpClient, require_environment
from adapters.salesforce.api import SalesforceApi
from adapters.salesforce.errors import ERRORS
from adapters.salesforce.ids import id18
from adapters.salesforce.mapping import stamp_of
from adapters.salesforce.oauth import looks_live, salesforce_auth
from adapters.salesforce.pubsub.hints import Told, hints
from adapters.salesforce.soql import still_won_query
from canonical.connections import Connection, Environment
from canonical.errors import CursorExpired, Malformed, Misconfigured, Unauthorized, Unavailable
from canonical.ports.events import ChangePage

if TYPE_CHECKING:
    from adapters.salesforce.pubsub.schemas import Schemas
    from adapters.salesforce.pubsub.wire import Proof, Received, Wire

ENDPOINT = "api.pubsub.salesforce.com:7443"
CLOSED_WON_TOPIC = "/event/Order_Closed_Won__e"
CHANGES_TOPIC = "/data/OpportunityChangeEvent"
EVENTS_AT_ONCE = 100  # the most that the API allows
DEALS_PER_QUERY = 200
# A stream without events is told to live every 270 s.
SILENCE_SECONDS = 300.0

_REFUSED = Answer("POST", "/eventbus.v1.PubSub/Subscribe", 401, {}, b"")


class SalesforcePubSub:
    """Listens to one topic of one org; whoever calls `listen` stores, connects again and backfills.

    A change event says neither whether a deal is won nor its version: the deals in it are read, and
    the won ones are told as the poll tells them.

    `organization_id` is only needed where the session does not tell it.
    """

    def __init__(
        self,
        client: HttpClient,
        auth: Auth,
        wire: "Wire",
        schemas: "Schemas",
        *,
        topic: str,
        organization_id: str = "",
        at_once: int = EVENTS_AT_ONCE,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.topic = topic
        self._client = client
        self._api = SalesforceApi(client)
        self._auth = auth
        self._wire = wire
        self._schemas = schemas
        self._organization_id = organization_id
        self._at_once = at_once
        self._silence_seconds = silence_seconds

    @classmethod
    def from_connection(
        cls,
        connection: Connection,
        *,
        topic: str = "",
        at_once: int = EVENTS_AT_ONCE,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> Self:
        """Build it inside a running event loop; raises Misconfigured, also without the extra."""
        try:
            from adapters.salesforce.pubsub.schemas import Schemas
            from adapters.salesforce.pubsub.wire import Wire
        except ImportError:
            raise Misconfigured(
                "the Pub/Sub API needs what is not installed: "
                "pip install 'tieline[salesforce-pubsub]'",
                about=connection.name,
            ) from None
        require_environment(connection, looks_live(connection))
        auth, options = salesforce_auth(connection), connection.options
        wire = Wire(
            _endpoint(connection),
            may_be_plain=connection.environment is not Environment.LIVE,
            timeout_seconds=connection.limits.timeout_seconds,
        )
        return cls(
            HttpClient(connection, auth, ERRORS), auth, wire, Schemas(),
            topic=topic or options.get("pubsub_topic") or CLOSED_WON_TOPIC,
            organization_id=options.get("organization_id", ""),
            at_once=at_once, silence_seconds=silence_seconds,
        )  # fmt: skip

    async def listen(self, cursor: str | None) -> AsyncGenerator[ChangePage, None]:
        """Pages of events after a cursor (None: all that is kept, 72 hours), for as long as the
        stream lives; a page without events moves the cursor only.

        It ends by an error: Unavailable when the stream broke off or fell silent, CursorExpired
        when the bus no longer knows the cursor or has lost events. In the second case
        `details["resume"]` is the cursor behind the loss, to go on from after the backfill.
        """
        place = _place(cursor)
        for last in (False, True):
            headers = await self._auth.headers(self._client)
            heard = False
            try:
                async with aclosing(self._pages(place, self._proof(headers))) as pages:
                    async for page in pages:
                        heard = True
                        yield page
            except Unauthorized as error:
                self._auth.rejected(_REFUSED, headers)
                if heard:
                    raise Unavailable(f"Salesforce {self.topic}: the session ended") from None
                if last or error.details.get("status") != "UNAUTHENTICATED":
                    raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()
        await self._client.aclose()

    async def _pages(self, place: bytes, proof: "Proof") -> AsyncGenerator[ChangePage, None]:
        fetches = self._wire.fetches(
            self.topic, place, proof, at_once=self._at_once, silence_seconds=self._silence_seconds
        )
        async with aclosing(fetches):
            async for fetched in fetches:
                told = [await self._read(received, proof) for received in fetched.events]
                lost = next((number for number, one in enumerate(told) if one.overflows), None)
                if lost is None:
                    yield await self._page(told, fetched.latest_replay_id or place)
                    continue
                if lost:
                    yield await self._page(told[:lost], place)
                raise self._lost(told[lost])

    async def _read(self, received: "Received", proof: "Proof") -> Told:
        async def fetch(schema_id: str) -> str:
            return await self._wire.schema(schema_id, proof)

        try:
            fields = await self._schemas.decoded(received.schema_id, received.payload, fetch)
        except Malformed:
            fields = None
        uuid = received.id or f"replay:{_text(received.replay_id)}"
        return Told(
            self.topic, uuid, received.schema_id, received.payload, received.replay_id, fields
        )

    async def _page(self, told: list[Told], otherwise: bytes) -> ChangePage:
        now = self._client.clock()
        won = await self._won({deal for one in told for deal in one.changed})
        times = [one.at for one in told if one.at]
        return ChangePage(
            events=[h for one in told for h in hints(one, won, self._client.connection, now)],
            cursor=_text(told[-1].replay_id if told else otherwise),
            read_up_to=max(times) if times else now,
        )

    async def _won(self, deals: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        wanted = sorted(deals)
        for start in range(0, len(wanted), DEALS_PER_QUERY):
            query = still_won_query(wanted[start : start + DEALS_PER_QUERY])
            async for row in self._api.query(query):
                found[str(row["Id"])] = stamp_of(row)
        return found

    def _lost(self, told: Told) -> CursorExpired:
        return CursorExpired(
            f"Salesforce {self.topic}: more changed in one transaction than the bus tells",
            about=self.topic,
            details={"resume": _text(told.replay_id)},
        )

    def _proof(self, headers: Mapping[str, str]) -> "Proof":
        token = headers["Authorization"].partition(" ")[2]
        # A session id begins with the org's id, a JWT does not.
        tenant = id18(self._organization_id or token.partition("!")[0])
        if tenant is None:
            name = self._client.connection.name
            raise Misconfigured(f"connection {name} needs options.organization_id", about=name)
        return (
            ("accesstoken", token),
            ("instanceurl", self._client.base_url),
            ("tenantid", tenant),
        )


def _endpoint(connection: Connection) -> str:
    endpoint = connection.options.get("pubsub_endpoint") or ENDPOINT
    host, _, port = endpoint.rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdigit()):
        raise Misconfigured(
            f"connection {connection.name}: options.pubsub_endpoint is {endpoint!r}; give a host "
            f"and a port, such as {ENDPOINT}",
            about=connection.name,
        )
    return endpoint


def _text(replay_id: bytes) -> str:
    return b64encode(replay_id).decode()


def _place(cursor: str | None) -> bytes:
    try:
        return b64decode(cursor or "", validate=True)
    except (binascii.Error, ValueError):
        raise CursorExpired("this is no place in Salesforce's event bus") from None
