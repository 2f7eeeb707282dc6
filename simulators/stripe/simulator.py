"""A Stripe account in test mode on loopback: billing objects, idempotency keys and events."""

import asyncio
import base64
import binascii
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.kernel import Simulator, read_body
from simulators.sending import Mishaps
from simulators.stripe import (
    catalogue,
    customers,
    disputes,
    events,
    invoices,
    payments,
    previews,
    schedules,
    subscriptions,
)
from simulators.stripe.control import control_routes, happen
from simulators.stripe.errors import MESSAGES, StripeError, error_kind
from simulators.stripe.forms import check_names, parse_form
from simulators.stripe.idempotency import KeyStore, Result, fingerprint
from simulators.stripe.ids import IdCounter
from simulators.stripe.lists import expand
from simulators.stripe.routing import find
from simulators.stripe.store import API_VERSION, Account, Call, public
from simulators.stripe.webhooks import Deliveries, Destination

ENDPOINTS = {
    **customers.ENDPOINTS, **catalogue.ENDPOINTS, **subscriptions.ENDPOINTS,
    **schedules.ENDPOINTS, **invoices.ENDPOINTS, **previews.ENDPOINTS,
    **events.ENDPOINTS, **payments.ENDPOINTS, **disputes.ENDPOINTS,
}  # fmt: skip
TEST_KEY = "sk_test_tieline"
_TABLES = ("customers", "tax_ids", "products", "prices", "subscriptions", "schedules", "invoices",
           "invoice_items", "invoice_payments", "disputes")  # fmt: skip
_SHOULD_RETRY = "Stripe-Should-Retry"


class StripeSimulator(Simulator):
    """One account; `execution_seconds` is how long a POST holds its idempotency key.

    `products` ({"id", "name"}) stand in the account from the start, and again after a reset.
    A subscription's sent first invoice stays a draft for `draft_seconds` (Stripe: about an hour).
    With a `webhook_url` events wait to be delivered there, signed with `webhook_secret`; with
    `webhook_automatic` each is sent at once.
    """

    name = "stripe"

    def __init__(
        self,
        *,
        latency_seconds: float = 0.0,
        seed: int = 1,
        api_keys: Collection[str] = (TEST_KEY,),
        products: Iterable[Mapping[str, str]] = (),
        search_lag_seconds: float = 60.0,
        execution_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
        draft_seconds: float = 0.0,
        webhook_url: str = "",
        webhook_secret: str = "",
        webhook_thin: bool = False,
        webhook_automatic: bool = False,
    ) -> None:
        self.seed = seed
        self.api_keys = frozenset(api_keys)
        self.products = [dict(product) for product in products]
        self.search_lag_seconds = search_lag_seconds
        self.execution_seconds = execution_seconds
        self.clock = clock
        self.draft_seconds = draft_seconds
        self.destination = Destination(webhook_url, webhook_secret, webhook_thin, webhook_automatic)
        self.deliveries = Deliveries(self.destination, lambda: self.account.remembered())
        super().__init__(latency_seconds=latency_seconds, seed=seed)

    def reset(self) -> None:
        """An empty account, its keys forgotten and its clock back in step."""
        self.advanced_seconds = 0.0
        self.keys = KeyStore(self.now)
        self.account = Account(
            IdCounter(self.seed), lambda: int(self.now()), self.search_lag_seconds,
            awaited=lambda: bool(self.destination.url), heard=self.deliveries.heard,
            draft_seconds=self.draft_seconds,
        )  # fmt: skip
        for product in self.products:
            catalogue.create_product(self.account, Call((), dict(product)))

    def now(self) -> float:
        """The account's time: the clock's, and what it was advanced by."""
        return self.clock() + self.advanced_seconds

    def advance(self, seconds: float) -> None:
        """Move the account's time on; keys age, searches catch up, drafts are finalized and
        invoices become overdue, nothing renews."""
        self.advanced_seconds += seconds
        invoices.finalize_due(self.account)
        payments.tell_overdue(self.account, Call((), {}))

    async def deliver(self, mishaps: Mishaps | None = None) -> list[int]:
        """Send what was not delivered yet; the HTTP status of each sending, 0 for no connection."""
        return await self.deliveries.deliver(mishaps)

    def happen(self, invoice_id: str, what: str, **given: Any) -> dict[str, Any]:
        """Let an invoice be paid, voided, overdue, ...; as `/_sim/invoices/{id}/{what}`."""
        return public(happen(self.account, invoice_id, what, given))

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events told so far, oldest first."""
        return [told.event() for told in self.account.events]

    def state(self) -> dict[str, Any]:
        """Every object by kind, and the events."""
        tables = {name: getattr(self.account, name).held() for name in _TABLES}
        held = {name: [public(obj) for obj in objects] for name, objects in tables.items()}
        return {**held, "events": self.events, "idempotency_keys": len(self.keys.results)}

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        """An error object; a 402, or a 500 with code `api_error`, is remembered by its key."""
        if status == 401:
            return self._refused(StripeError(
                message or "Invalid API Key provided: sk_test_*******", status=401))  # fmt: skip
        if code == "card_declined":
            status = 402
        code = code or {402: "card_declined", 429: "rate_limit"}.get(status, "")
        text = message or MESSAGES.get(code) or "An error occurred on our side."
        shown = None if code in ("api_error", "idempotency_error") else code or None
        error = StripeError(text, status=status, kind=error_kind(status, code), code=shown)
        response = self._refused(error)
        if status == 429:
            reason = "object-lock" if code == "lock_timeout" else "global-rate"
            response.headers["Stripe-Rate-Limited-Reason"] = reason
        if status == 500 and code == "api_error":
            response.headers[_SHOULD_RETRY] = "false"
        return response

    def routes(self) -> list[BaseRoute]:
        """One door for the whole of v1."""
        return [Route("/v1/{rest:path}", self._v1, methods=["GET", "POST", "DELETE"])]

    def control(self) -> list[BaseRoute]:
        """Time, the event destination and what happens to invoices."""
        return control_routes(self)

    def app(self) -> ASGIApp:
        """The kernel's app, with refusals that came during execution kept under their key."""
        gate = super().app()

        async def remembering(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope.get("headers") or ())
            key = headers.get(b"idempotency-key", b"").decode()
            if scope["type"] != "http" or scope["method"] != "POST" or not key:
                await gate(scope, receive, send)
                return
            body = await read_body(receive)
            mark, held = fingerprint("POST", scope["path"], body), {"status": 0, "keep": False}

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    names = {name.lower(): value for name, value in message["headers"]}
                    declined = message["status"] == 402
                    final = names.get(b"stripe-should-retry") == b"false"
                    held["keep"] = declined or (message["status"] == 500 and final)
                    held["status"] = message["status"]
                elif held["keep"] and key not in self.keys.results:
                    result = self.keys.begin(key, mark, self.account.ids.next("req"))
                    result.status, result.body = held["status"], message.get("body", b"")
                await send(message)

            await gate(scope, replay, noted)

        return remembering

    async def _v1(self, request: Request) -> Response:
        invoices.finalize_due(self.account)
        request_id = self.account.ids.next("req")
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        version = request.headers.get("stripe-version", API_VERSION)
        headers = {"Request-Id": request_id, "Stripe-Version": version}
        try:
            self._authenticate(request.headers.get("authorization", ""))
            body = await request.body()
            if not key:
                return self._answer(*self._carry_out(request, body, None, request_id), headers)
            headers["Idempotency-Key"] = key
            mark = fingerprint(request.method, request.scope["path"], body)
            result = self.keys.find(key, mark)
            if result is not None:
                headers |= {"Idempotent-Replayed": "true", "Original-Request": result.request_id}
                return self._answer(result.status or 500, result.body, headers)
            result = self.keys.begin(key, mark, request_id)
            return self._answer(*await self._hold_key(request, body, key, result), headers)
        except StripeError as error:
            if error.status == 409:
                headers[_SHOULD_RETRY] = "true"
            return self._answer(error.status, orjson.dumps(error.body(request_id)), headers)

    async def _hold_key(
        self, request: Request, body: bytes, key: str, result: Result
    ) -> tuple[int, bytes]:
        try:
            if self.execution_seconds:
                await asyncio.sleep(self.execution_seconds)
            status, answer = self._carry_out(request, body, key, result.request_id)
        except StripeError as error:
            if not error.began:
                self.keys.forget(key)
                raise
            status, answer = error.status, orjson.dumps(error.body(result.request_id))
        except BaseException:
            self.keys.forget(key)
            raise
        result.status, result.body = status, answer
        return status, answer

    def _carry_out(
        self, request: Request, body: bytes, key: str | None, request_id: str
    ) -> tuple[int, bytes]:
        parts = request.url.path.removeprefix("/v1/").split("/")
        found = find(ENDPOINTS, request.method, parts)
        if found is None:
            message = f"Unrecognized request URL ({request.method}: {request.url.path})."
            raise StripeError(message, status=404)
        endpoint, path_ids = found
        text = body.decode() if request.method == "POST" else request.url.query
        params = parse_form(text or body.decode())
        paths = params.pop("expand", None) or []
        check_names(params, endpoint.known, endpoint.required)
        call = Call(path_ids, params, key, request_id)
        answer = public(endpoint.handler(self.account, call))
        if paths:
            answer = expand(self.account, answer, paths)
        return 200, orjson.dumps(answer)

    def _authenticate(self, authorization: str) -> None:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                given = ""
        if not given:
            message = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth."  # noqa: E501
            raise StripeError(message, status=401)
        if given not in self.api_keys or given.startswith(("sk_live", "rk_live")):
            hidden = f"{given[:8]}{'*' * 8}{given[-4:]}"
            raise StripeError(f"Invalid API Key provided: {hidden}", status=401)

    def _refused(self, error: StripeError) -> Response:
        request_id = self.account.ids.next("req")
        body = orjson.dumps(error.body(request_id))
        return self._answer(error.status, body, {"Request-Id": request_id})

    @staticmethod
    def _answer(status: int, body: bytes, headers: dict[str, str]) -> Response:
        return Response(body, status, headers, media_type="application/json")
