"""The Zendesk simulator: what is wired to what, who may call and how often."""

import itertools
import time
from collections.abc import Mapping
from math import ceil
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.kernel import Simulator, json_response
from simulators.sending import Message, Mishaps, WebhookSender
from simulators.zendesk.auth import Gatekeeper
from simulators.zendesk.desk_api import DeskApi
from simulators.zendesk.directory_api import DirectoryApi
from simulators.zendesk.errors import ZendeskRefusal, error_response
from simulators.zendesk.hooks import message, trigger_body
from simulators.zendesk.organizations import new_field
from simulators.zendesk.routing import Handler, routes_of
from simulators.zendesk.store import Account
from simulators.zendesk.tickets import Tickets

ACCOUNT_ID = 12_514_403
PLAN_REQUESTS_PER_MINUTE = 700
TIERS = ("basic", "standard", "premium")
RISKS = ("watch", "high", "critical")
ORGANIZATION_FIELDS: tuple[dict[str, Any], ...] = (
    {"key": "support_tier", "type": "dropdown", "title": "Support tier",
     "custom_field_options": [{"name": tier.capitalize(), "value": tier} for tier in TIERS]},
    {"key": "entitlement_end", "type": "date", "title": "Entitlement end"},
    {"key": "sf_account_id", "type": "text", "title": "Salesforce account"},
    {"key": "tieline_correlation", "type": "text", "title": "Tieline correlation"},
    {"key": "payment_risk", "type": "dropdown", "title": "Payment risk", "custom_field_options": [
        {"name": risk.capitalize(), "value": f"payment_risk_{risk}"} for risk in RISKS]},
)  # fmt: skip


class ZendeskSimulator(Simulator):
    """One Zendesk Support account.

    `api_tokens` maps an agent's e-mail to a token, `oauth_clients` a client id to its secret.
    `requests_per_minute` None never throttles, `exports_per_minute` the same for incremental
    exports alone. `account_id` is in every webhook.
    """

    name = "zendesk"

    def __init__(
        self, *, latency_seconds: float = 0.0, seed: int = 1,
        api_tokens: Mapping[str, str] | None = None,
        oauth_clients: Mapping[str, str] | None = None,
        organization_fields: tuple[dict[str, Any], ...] = ORGANIZATION_FIELDS,
        search_lag_seconds: float = 0.0, requests_per_minute: int | None = None,
        exports_per_minute: int | None = None, account_id: int = ACCOUNT_ID,
    ) -> None:  # fmt: skip
        self.api_tokens = dict(api_tokens or {})
        self.oauth_clients = dict(oauth_clients or {})
        self.organization_fields = organization_fields
        self.search_lag_seconds = search_lag_seconds
        self.requests_per_minute = requests_per_minute
        self.exports_per_minute = exports_per_minute
        self.account_id = account_id
        super().__init__(latency_seconds=latency_seconds, seed=seed)

    def reset(self) -> None:
        self.moved_seconds = 0.0
        self.gatekeeper = Gatekeeper(self.api_tokens, self.oauth_clients, self.now)
        self.account = Account(self.now, self.search_lag_seconds)
        for field in self.organization_fields:
            new_field(self.account, field)
        self.tickets = Tickets(self.account)
        self.directory = DirectoryApi(self.account, self.tickets)
        self.desk = DeskApi(self.account, self.tickets)
        self.window, self.used, self.exports = -1, 0, 0
        self.sent = 0
        self.invocations = itertools.count(1)
        self.request_ids = itertools.count(1)

    def now(self) -> float:
        """The account's clock: real time, moved ahead by `/_sim/advance`."""
        return time.time() + self.moved_seconds

    def routes(self) -> list[BaseRoute]:
        async def token(request: Request) -> Response:
            return await self.gatekeeper.token(request)

        async def nowhere(_: Request) -> Response:
            return error_response(404, "InvalidEndpoint")

        return [
            Route("/oauth/tokens", token, methods=["POST"]),
            *routes_of(self.directory.endpoints(), lambda name: self._guarded("directory", name)),
            *routes_of(self.desk.endpoints(), lambda name: self._guarded("desk", name)),
            Route("/{anything:path}", nowhere, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]

    def _guarded(self, owner: str, name: str) -> Handler:
        # Looked up at each call: a reset replaces the objects behind the endpoints.
        async def endpoint(request: Request) -> Response:
            remaining = self._spend()
            if not self.gatekeeper.admits(request.headers.get("authorization", "")):
                return self._stamped(error_response(401), remaining)
            if remaining < 0 or self._too_many_exports(request):
                return self.throttled(ceil(60 - self.now() % 60))
            try:
                handler: Handler = getattr(getattr(self, owner), name)
                return self._stamped(await handler(request), remaining)
            except ZendeskRefusal as refusal:
                return self._stamped(refusal.response(), remaining)

        return endpoint

    def _spend(self) -> int:
        """Count a request in this minute's window; how many are left, below zero when over."""
        window = int(self.now() // 60)
        if window != self.window:
            self.window, self.used, self.exports = window, 0, 0
        self.used += 1
        if self.requests_per_minute is None:
            return max(PLAN_REQUESTS_PER_MINUTE - self.used, 1)
        return self.requests_per_minute - self.used

    def _too_many_exports(self, request: Request) -> bool:
        if self.exports_per_minute is None or "/incremental/" not in request.url.path:
            return False
        self.exports += 1
        return self.exports > self.exports_per_minute

    def change_ticket(self, **given: Any) -> dict[str, Any]:
        """What an agent does: change the ticket `id`, or open one; `external_id` of an
        organization names the customer. Answers the ticket."""
        body = dict(given)
        number = body.pop("id", None)
        if customer := body.pop("organization", None):
            found = self.account.organizations.one_by("external_id", customer)
            body["organization_id"] = found["id"] if found else None
        if number is not None:
            return self.tickets.update(int(number), body)
        return self.tickets.create({"comment": {"body": "It does not work."}, **body})

    def webhooks(self, secret: str) -> list[Message]:
        """The signed messages of all events that were not taken before."""
        fresh, self.sent = self.tickets.events[self.sent :], len(self.tickets.events)
        return [
            self._message(secret, orjson.dumps({**event, "account_id": self.account_id}))
            for event in fresh
        ]

    def triggered(self, secret: str, ticket_id: int, environment: str = "test") -> Message:
        """The signed message of a trigger that fired for a ticket, by the documented template."""
        return self._message(secret, trigger_body(self.tickets.get(ticket_id), environment))

    def _message(self, secret: str, body: bytes) -> Message:
        return message(secret, body, self.account_id, next(self.invocations))

    def _stamped(self, response: Response, remaining: int) -> Response:
        limit = self.requests_per_minute or PLAN_REQUESTS_PER_MINUTE
        response.headers["X-Rate-Limit"] = str(limit)
        response.headers["X-Rate-Limit-Remaining"] = str(max(remaining, 0))
        response.headers["X-Request-Id"] = f"{next(self.request_ids):032x}"
        return response

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        # Zendesk refuses an invalid record with 422, never with a plain 400.
        shown = 422 if (status, code) == (400, "RecordInvalid") else status
        return self._stamped(error_response(shown, code, message), PLAN_REQUESTS_PER_MINUTE)

    def throttled(self, retry_after: float | None) -> Response:
        response = self._stamped(error_response(429), 0)
        # Zendesk always says when to come back.
        response.headers["Retry-After"] = f"{1 if retry_after is None else retry_after:g}"
        return response

    def state(self) -> dict[str, Any]:
        account = self.account
        tables = {
            "organizations": account.organizations, "users": account.users,
            "tickets": account.tickets, "organization_memberships": account.memberships,
            "organization_fields": account.organization_fields,
            "sla_policies": account.sla_policies,
        }  # fmt: skip
        held: dict[str, Any] = {name: table.ordered() for name, table in tables.items()}
        held["comments"] = {str(key): list(value) for key, value in account.comments.items()}
        held["job_statuses"] = list(account.jobs.values())
        return held

    def control(self) -> list[BaseRoute]:
        async def advance(request: Request) -> Response:
            self.moved_seconds += float(orjson.loads(await request.body())["seconds"])
            return json_response({"moved_seconds": self.moved_seconds})

        async def expire(_: Request) -> Response:
            return json_response({"expired": self.gatekeeper.expire_all()})

        async def ticket(request: Request) -> Response:
            try:
                return json_response(self.change_ticket(**orjson.loads(await request.body())))
            except ZendeskRefusal as refusal:
                return refusal.response()

        async def breach(request: Request) -> Response:
            given = orjson.loads(await request.body())
            try:
                return json_response(self.tickets.breach(int(given.pop("id")), **given))
            except ZendeskRefusal as refusal:
                return refusal.response()

        async def forget(_: Request) -> Response:
            self.desk.export.forget()
            return json_response({"forgotten": True})

        async def send(request: Request) -> Response:
            given = orjson.loads(await request.body())
            mishaps = Mishaps(**given.get("mishaps", {}))
            async with WebhookSender(given["url"]) as sender:
                statuses = await sender.send(self.webhooks(given["secret"]), mishaps)
            return json_response({"statuses": statuses})

        paths = {
            "advance": advance, "expire-tokens": expire, "tickets": ticket, "breaches": breach,
            "forget-cursors": forget, "send-webhooks": send,
        }  # fmt: skip
        return [Route(f"/_sim/{name}", call, methods=["POST"]) for name, call in paths.items()]
