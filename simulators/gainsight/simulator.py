"""The Gainsight simulator: what is wired to what, who may call and how often."""

import base64
import itertools
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.gainsight.callbacks import callback
from simulators.gainsight.cockpit_api import CTA, TASK, CockpitApi
from simulators.gainsight.engagement_api import ACTIVITY, PERSON, PLAN, EngagementApi
from simulators.gainsight.errors import REQUEST_ID, GainsightRefusal, failure
from simulators.gainsight.objects_api import ObjectsApi
from simulators.gainsight.picklists import Picklists
from simulators.gainsight.store import Record, Table, Tenant
from simulators.kernel import Simulator, json_response
from simulators.sending import Message, Mishaps, WebhookSender

TOKEN_SECONDS = 86400
Handler = Callable[[Request], Awaitable[Response]]


class GainsightSimulator(Simulator):
    """One Gainsight CS tenant.

    `access_keys` are accepted in the Accesskey header, `oauth_clients` maps an M2M client id to its
    secret. `picklists` replaces the CTA picklists by category. `requests_per_minute` None never
    throttles.
    """

    name = "gainsight"

    def __init__(
        self, *, latency_seconds: float = 0.0, seed: int = 1, access_keys: Collection[str] = (),
        oauth_clients: Mapping[str, str] | None = None,
        picklists: Mapping[str, Sequence[str]] | None = None, query_lag_seconds: float = 0.0,
        requests_per_minute: int | None = None,
    ) -> None:  # fmt: skip
        self.access_keys = frozenset(access_keys)
        self.oauth_clients = dict(oauth_clients or {})
        self.given_picklists = dict(picklists or {})
        self.query_lag_seconds = query_lag_seconds
        self.requests_per_minute = requests_per_minute
        super().__init__(latency_seconds=latency_seconds, seed=seed)

    def reset(self) -> None:
        self.moved_seconds = 0.0
        self.tenant = Tenant(self.now, self.query_lag_seconds)
        self.objects = ObjectsApi(self.tenant)
        self.cockpit = CockpitApi(self.tenant, Picklists(self.tenant, self.given_picklists))
        self.engagement = EngagementApi(self.tenant)
        self.tokens: dict[str, float] = {}
        self.token_numbers = itertools.count(1)
        self.request_numbers = itertools.count(1)
        self.window, self.used = -1, 0
        self.called = 0

    def now(self) -> float:
        """The tenant's clock: real time, moved ahead by `/_sim/advance`."""
        return time.time() + self.moved_seconds

    def routes(self) -> list[BaseRoute]:
        async def nowhere(_: Request) -> Response:
            return self.refusal(404)

        made: list[BaseRoute] = [
            Route("/v1/users/m2m/oauth/token", self._token, methods=["POST"]),
        ]
        for owner in ("objects", "cockpit", "engagement"):
            for method, path, name in getattr(self, owner).endpoints():
                made.append(Route(path, self._guarded(owner, name), methods=[method]))
        methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        return [*made, Route("/{anything:path}", nowhere, methods=methods)]

    def _guarded(self, owner: str, name: str) -> Handler:
        # Looked up at each call: a reset replaces the objects behind the endpoints.
        async def endpoint(request: Request) -> Response:
            self._new_request_id()
            if not self._admits(request):
                return failure(401)
            if self._over_limit():
                return self.throttled(None)
            try:
                handler: Handler = getattr(getattr(self, owner), name)
                return await handler(request)
            except GainsightRefusal as refusal:
                return refusal.response()

        return endpoint

    def _new_request_id(self) -> None:
        REQUEST_ID.set(f"00000000-0000-4000-8000-{next(self.request_numbers):012x}")

    def _admits(self, request: Request) -> bool:
        if request.headers.get("accesskey") in self.access_keys:
            return True
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.tokens.get(token, 0.0) > self.now()

    def _over_limit(self) -> bool:
        if self.requests_per_minute is None:
            return False
        window = int(self.now() // 60)
        if window != self.window:
            self.window, self.used = window, 0
        self.used += 1
        return self.used > self.requests_per_minute

    async def _token(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        _, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            client_id, secret = "", ""
        if not client_id or self.oauth_clients.get(client_id) != secret:
            return json_response({"error": "invalid_client"}, 401)
        if form.get("grant_type") != ["client_credentials"]:
            return json_response({"error": "unsupported_grant_type"}, 400)
        token = f"gs-access-token-{next(self.token_numbers):06d}"
        self.tokens[token] = self.now() + TOKEN_SECONDS
        return json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        )

    def change_task(self, **given: Any) -> Record:
        """What a CSM does: add a task to a CTA (`CTAId`), or change the one with this Gsid."""
        held = self.tenant.tables[TASK].records.get(given.get("Gsid", ""), {})
        record = {"Gsid": held.get("Gsid") or self.tenant.gsid("1T01"), "Status": "Open"}
        return self.tenant.put(TASK, {**record, **held, **given})

    def callbacks(self, token: str, environment: str = "test") -> list[Message]:
        """The calls of a rule on CTAs and tasks for all changes not called out before."""
        fresh, self.called = self.tenant.changed[self.called :], len(self.tenant.changed)
        nouns = {CTA: "cta", TASK: "task"}
        return [
            callback(nouns[name], gsid, stamp, token, environment)
            for name, gsid, stamp in fresh
            if name in nouns
        ]

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        self._new_request_id()
        # Cockpit answers its own refusals with 200; only `result` tells them from a success.
        return failure(200 if code.startswith("COCKPIT_") else status, code, message)

    def state(self) -> dict[str, Any]:
        for name in ("Company", PERSON, CTA, TASK, PLAN, ACTIVITY):
            self.tenant.tables.setdefault(name, Table())
        return {name: dict(table.records) for name, table in self.tenant.tables.items()}

    def control(self) -> list[BaseRoute]:
        async def advance(request: Request) -> Response:
            self.moved_seconds += float(orjson.loads(await request.body())["seconds"])
            return json_response({"moved_seconds": self.moved_seconds})

        async def expire(_: Request) -> Response:
            expired = len(self.tokens)
            self.tokens.clear()
            return json_response({"expired": expired})

        async def task(request: Request) -> Response:
            return json_response(self.change_task(**orjson.loads(await request.body())))

        async def cta(request: Request) -> Response:
            given = orjson.loads(await request.body())
            try:
                return json_response(self.cockpit.change(given.pop("Gsid", ""), **given))
            except GainsightRefusal as refusal:
                return refusal.response()

        async def send(request: Request) -> Response:
            given = orjson.loads(await request.body())
            messages = self.callbacks(given["token"], given.get("environment", "test"))
            async with WebhookSender(given["url"]) as sender:
                statuses = await sender.send(messages, Mishaps(**given.get("mishaps", {})))
            return json_response({"statuses": statuses})

        paths = {
            "advance": advance, "expire-tokens": expire, "tasks": task, "ctas": cta,
            "send-callbacks": send,
        }  # fmt: skip
        return [Route(f"/_sim/{name}", call, methods=["POST"]) for name, call in paths.items()]
