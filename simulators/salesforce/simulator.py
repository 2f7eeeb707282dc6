"""A Salesforce org on loopback: OAuth, SOQL, records, composites and the closed-won callout."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.kernel import Simulator, json_response
from simulators.salesforce.callout import ClosedWon, closed_won_event
from simulators.salesforce.composite import collection_upsert, composite, split_url
from simulators.salesforce.errors import (
    DEFAULT_CODES,
    DEFAULT_MESSAGES,
    SalesforceError,
    method_not_allowed,
    not_found,
)
from simulators.salesforce.eventbus import EventBus
from simulators.salesforce.export import ExportReport, load_export
from simulators.salesforce.ids import IdCounter, canonical_id
from simulators.salesforce.oauth import ConnectedApp, OAuthError, TokenOffice
from simulators.salesforce.query import Queries
from simulators.salesforce.records import Answer, Call, sobjects
from simulators.salesforce.schema import WON_STAGE
from simulators.salesforce.store import Record, Store
from simulators.sending import Mishaps, WebhookSender

METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


class SalesforceSimulator(Simulator):
    """One org; its records survive until `reset`."""

    name = "salesforce"

    def __init__(
        self,
        *,
        latency_seconds: float = 0.0,
        seed: int = 1,
        connected_apps: Mapping[str, ConnectedApp] | None = None,
        currency: str = "USD",
        query_page_size: int = 2000,
        daily_api_requests: int = 15_000,
        token_seconds: float = 7200.0,
        callout_url: str = "",
        callout_secret: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.seed = seed
        self.connected_apps = connected_apps or {}
        self.currency = currency
        self.query_page_size = query_page_size
        self.daily_api_requests = daily_api_requests
        self.token_seconds = token_seconds
        self.callout_url = callout_url
        self.callout_secret = callout_secret
        self.clock = clock
        super().__init__(latency_seconds=latency_seconds, seed=seed)

    def reset(self) -> None:
        """A fresh org: no records, no tokens, a full daily allowance."""
        ids = IdCounter(self.seed)
        self.organization_id = ids.next("00D")
        self.store = Store(ids, self.clock, self.currency)
        self.queries = Queries(self.store, self.query_page_size)
        user_id = ids.next("005")
        self.tokens = TokenOffice(
            self.connected_apps, self.organization_id, user_id, self.clock,
            self.token_seconds, self.seed,
        )  # fmt: skip
        self.bus = EventBus(self.clock, user_id, self.seed)
        self.api_requests = 0

    def add(self, object_name: str, /, **fields: Any) -> str:
        """Put a record in as an administrator would, system fields included; answers its Id."""
        table = self.store.tables[object_name]
        unknown = [name for name in fields if name not in table.type.fields]
        if unknown:
            raise ValueError(f"{object_name} has no field {', '.join(unknown)}")
        return self.store.insert(object_name, fields, trusted=True)

    def merge(self, survivor: str, merged: str) -> None:
        """Merge an account into another: it is deleted, and names the one that survives."""
        self.store.merge(survivor, merged)

    def record(self, object_name: str, record_id: str) -> Record:
        """A copy of a live record."""
        known = canonical_id(record_id) or record_id
        return dict(self.store.existing(object_name, known))

    def load_export(self, folder: Path) -> ExportReport:
        """Load a data export; raises ExportError and then holds nothing of it."""
        return load_export(self.store, folder)

    def issue_token(self) -> str:
        """An access token without a grant, for clients that are handed a session."""
        return self.tokens.mint()

    def expire_tokens(self) -> None:
        """Make every access token given so far invalid."""
        self.tokens.valid_until.clear()

    def close_won(self, opportunity_id: str) -> ClosedWon:
        """Win a deal (one already won stays as it is) and answer the callout it causes."""
        record_id = canonical_id(opportunity_id) or opportunity_id
        if self.record("Opportunity", record_id)["StageName"] != WON_STAGE:
            self.store.update("Opportunity", record_id, {"StageName": WON_STAGE})
        record = self.record("Opportunity", record_id)
        callout = closed_won_event(record, self.organization_id)
        self.bus.announce(callout.id, record)
        return callout

    def won_opportunities(self) -> list[str]:
        """The ids of every deal that is won, in the order they were put in."""
        return [r["Id"] for r in self.store.tables["Opportunity"].live.values() if r["IsWon"]]

    def state(self) -> dict[str, Any]:
        """Every live record by object, and the counters of the org."""
        tables = {name: list(table.live.values()) for name, table in self.store.tables.items()}
        return {
            "organization_id": self.organization_id, "api_requests": self.api_requests,
            "tokens": len(self.tokens.valid_until), "records": tables,
        }  # fmt: skip

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        """An error list with the vendor's usual code for the status."""
        usual_code, usual_message = DEFAULT_CODES.get(status, DEFAULT_CODES[500])
        if code:
            usual_message = DEFAULT_MESSAGES.get(code, usual_message)
        fields: tuple[str, ...] | None = () if status == 400 else None
        error = SalesforceError(status, code or usual_code, message or usual_message, fields)
        return self._answer(Answer(status, error.body()))

    def throttled(self, retry_after: float | None) -> Response:
        """The concurrent-request refusal; the vendor promises no Retry-After, so none is sent."""
        return self.refusal(403, "REQUEST_LIMIT_EXCEEDED", DEFAULT_CODES[429][1])

    def routes(self) -> list[BaseRoute]:
        """The token endpoint, the list of versions and one door for all REST resources."""
        return [
            Route("/services/data/{rest:path}", self._rest, methods=METHODS),
            Route("/services/oauth2/token", self._token, methods=["POST"]),
        ]

    def control(self) -> list[BaseRoute]:
        """Expire tokens; use up the daily allowance; win deals and send their callouts."""

        async def expire_tokens(_: Request) -> Response:
            self.expire_tokens()
            return json_response({"expired": True})

        async def api_requests(request: Request) -> Response:
            self.api_requests = int(orjson.loads(await request.body())["used"])
            return json_response({"used": self.api_requests, "max": self.daily_api_requests})

        return [
            Route("/_sim/expire-tokens", expire_tokens, methods=["POST"]),
            Route("/_sim/api-requests", api_requests, methods=["POST"]),
            Route("/_sim/close", self._close, methods=["POST"]),
        ]

    async def _close(self, request: Request) -> Response:
        asked = orjson.loads(await request.body() or b"{}")
        wanted = asked.get("opportunity_ids", "all_won")
        ids = self.won_opportunities() if wanted == "all_won" else wanted
        if not self.callout_url:
            return json_response({"error": "callout_url is not configured"}, 409)
        try:
            mishaps = Mishaps(**asked.get("mishaps", {}))
        except TypeError as error:
            return json_response({"error": str(error)}, 400)
        try:
            callouts = [self.close_won(each).message(self.callout_secret) for each in ids]
        except SalesforceError as error:
            return json_response(error.body(), error.status)
        async with WebhookSender(self.callout_url) as sender:
            statuses = await sender.send(callouts, mishaps)
        accepted = sum(200 <= status < 300 for status in statuses)
        return json_response({"sent": len(statuses), "accepted": accepted, "statuses": statuses})

    async def _token(self, request: Request) -> Response:
        try:
            return json_response(await self.tokens.grant(request))
        except OAuthError as error:
            body = {"error": error.error, "error_description": error.description}
            return json_response(body, 400)

    async def _rest(self, request: Request) -> Response:
        # The raw path keeps an encoded slash in an external id apart from a real one.
        raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
        try:
            version, parts, _ = split_url(raw.decode("ascii").partition("?")[0])
            if not self.tokens.accepts(request.headers.get("authorization", "")):
                raise SalesforceError(401, *DEFAULT_CODES[401])
            if self.api_requests >= self.daily_api_requests:
                message = DEFAULT_MESSAGES["REQUEST_LIMIT_EXCEEDED"]
                raise SalesforceError(403, "REQUEST_LIMIT_EXCEEDED", message)
            self.api_requests += 1
            body = _json(await request.body())
            query = dict(request.query_params)
            return self._answer(self.dispatch(Call(request.method, parts, query, body, version)))
        except SalesforceError as error:
            return self._answer(Answer(error.status, error.body()))

    def dispatch(self, call: Call) -> Answer:
        """Carry out one REST call, its own or a composite's; raises SalesforceError."""
        resource = call.parts[0]
        if resource == "sobjects":
            return sobjects(call, self.store)
        if resource in ("query", "queryAll"):
            return self._query(call)
        if resource == "composite" and len(call.parts) == 1:
            return composite(call, self.store, self.dispatch)
        if resource == "composite" and call.parts[1] == "sobjects":
            return collection_upsert(call, self.store)
        if resource == "limits":
            left = max(0, self.daily_api_requests - self.api_requests)
            daily = {"Max": self.daily_api_requests, "Remaining": left}
            return Answer(200, {"DailyApiRequests": daily})
        raise not_found()

    def _query(self, call: Call) -> Answer:
        if call.method != "GET":
            raise method_not_allowed(call.method)
        if len(call.parts) == 2:
            return Answer(200, self.queries.more(call.parts[1], call.version))
        if "q" not in call.query:
            raise SalesforceError(400, "MALFORMED_QUERY", "A query string has to be specified")
        deleted = call.parts[0] == "queryAll"
        return Answer(200, self.queries.run(call.query["q"], call.version, deleted=deleted))

    def _answer(self, answer: Answer) -> Response:
        usage = f"api-usage={self.api_requests}/{self.daily_api_requests}"
        headers = {"Sforce-Limit-Info": usage}
        if answer.location:
            headers["Location"] = answer.location
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        return json_response(answer.body, answer.status, headers)


def _json(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SalesforceError(400, "JSON_PARSER_ERROR", f"{error}") from None
