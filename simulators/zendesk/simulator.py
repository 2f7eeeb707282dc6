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
from simulators.zendesk.auth import Gatekeeper
from simulators.zendesk.desk_api import DeskApi
from simulators.zendesk.directory_api import DirectoryApi
from simulators.zendesk.errors import ZendeskRefusal, error_response
from simulators.zendesk.organizations import new_field
from simulators.zendesk.routing import Handler, routes_of
from simulators.zendesk.store import Account
from simulators.zendesk.tickets import Tickets

PLAN_REQUESTS_PER_MINUTE = 700
TIERS = ("basic", "standard", "premium")
ORGANIZATION_FIELDS: tuple[dict[str, Any], ...] = (
    {"key": "support_tier", "type": "dropdown", "title": "Support tier",
     "custom_field_options": [{"name": tier.capitalize(), "value": tier} for tier in TIERS]},
    {"key": "entitlement_end", "type": "date", "title": "Entitlement end"},
    {"key": "sf_account_id", "type": "text", "title": "Salesforce account"},
    {"key": "tieline_correlation", "type": "text", "title": "Tieline correlation"},
)  # fmt: skip


class ZendeskSimulator(Simulator):
    """One Zendesk Support account.

    `api_tokens` maps an agent's e-mail to a token, `oauth_clients` a client id to its secret.
    `requests_per_minute` None never throttles.
    """

    name = "zendesk"

    def __init__(
        self, *, latency_seconds: float = 0.0, seed: int = 1,
        api_tokens: Mapping[str, str] | None = None,
        oauth_clients: Mapping[str, str] | None = None,
        organization_fields: tuple[dict[str, Any], ...] = ORGANIZATION_FIELDS,
        search_lag_seconds: float = 0.0, requests_per_minute: int | None = None,
    ) -> None:  # fmt: skip
        self.api_tokens = dict(api_tokens or {})
        self.oauth_clients = dict(oauth_clients or {})
        self.organization_fields = organization_fields
        self.search_lag_seconds = search_lag_seconds
        self.requests_per_minute = requests_per_minute
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
        self.window, self.used = -1, 0
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
            if remaining < 0:
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
            self.window, self.used = window, 0
        self.used += 1
        if self.requests_per_minute is None:
            return max(PLAN_REQUESTS_PER_MINUTE - self.used, 1)
        return self.requests_per_minute - self.used

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

        return [
            Route("/_sim/advance", advance, methods=["POST"]),
            Route("/_sim/expire-tokens", expire, methods=["POST"]),
        ]
