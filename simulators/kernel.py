"""What every simulator shares: latency, faults, a request log and control routes under `/_sim`."""

import asyncio
import dataclasses
import time
from abc import ABC, abstractmethod
from collections import deque
from email.utils import formatdate
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.faults import Fault, FaultPlan

BODY_BYTES_MAX = 16 * 1024 * 1024
LOG_ENTRIES_MAX = 50_000


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


class Simulator(ABC):
    """One vendor's API: its routes, its records and its way of saying no.

    A subclass keeps its records in plain dictionaries, gives its `routes` and renders refusals with
    `refusal`. `latency_seconds` is added to every vendor call (not to `/_sim`).
    """

    name: str

    def __init__(self, *, latency_seconds: float = 0.0, seed: int = 1) -> None:
        self.latency_seconds = latency_seconds
        self.faults = FaultPlan(seed)
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_ENTRIES_MAX)
        self.reset()

    @abstractmethod
    def reset(self) -> None:
        """Forget every record (not the armed faults)."""

    @abstractmethod
    def routes(self) -> list[BaseRoute]:
        """The vendor's endpoints."""

    @abstractmethod
    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        """The vendor's error body for a status; `code` is a vendor error code, or its default."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything held, as JSON-ready data, for tests and for a look from outside."""

    def now(self) -> float:
        """The vendor's clock: real time, unless it was moved."""
        return time.time()

    def token_expired(self) -> Response:
        """The vendor's answer to an expired access token."""
        return self.refusal(401)

    def throttled(self, retry_after: float | None) -> Response:
        """The vendor's answer over its rate limit."""
        response = self.refusal(429)
        if retry_after is not None:
            response.headers["Retry-After"] = f"{retry_after:g}"
        return response

    def control(self) -> list[BaseRoute]:
        """Further `/_sim/...` routes of this vendor; none by default."""
        return []

    def app(self) -> ASGIApp:
        """The ASGI application: control routes, and the vendor's behind latency and faults."""
        inner = Starlette(routes=[*self._control_routes(), *self.control(), *self.routes()])
        return FaultGate(inner, self)

    def _control_routes(self) -> list[BaseRoute]:
        async def state(_: Request) -> Response:
            return json_response(self.state())

        async def log(_: Request) -> Response:
            return json_response(list(self.log))

        async def reset(_: Request) -> Response:
            self.reset()
            self.faults.clear()
            self.log.clear()
            return json_response({"reset": True})

        async def faults(request: Request) -> Response:
            if request.method == "DELETE":
                self.faults.clear()
            elif request.method == "POST":
                try:
                    self.faults.arm(**orjson.loads(await request.body()))
                except (TypeError, ValueError) as error:
                    return json_response({"error": str(error)}, 400)
            return json_response([dataclasses.asdict(f) for f in self.faults.armed])

        async def latency(request: Request) -> Response:
            self.latency_seconds = float(orjson.loads(await request.body())["seconds"])
            return json_response({"seconds": self.latency_seconds})

        return [
            Route("/_sim/state", state),
            Route("/_sim/log", log),
            Route("/_sim/reset", reset, methods=["POST"]),
            Route("/_sim/faults", faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sim/latency", latency, methods=["POST"]),
        ]


class FaultGate:
    """Stands before a simulator's app: adds its latency, meets requests with armed faults."""

    def __init__(self, inner: ASGIApp, simulator: Simulator) -> None:
        self.inner = inner
        self.simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sim"):
            await self.inner(scope, receive, send)
            return
        simulator = self.simulator
        body = await read_body(receive)
        method, path = scope["method"], scope["path"]
        fault = simulator.faults.take(method, path, body)
        entry = {
            "at": time.time(), "method": method, "path": path,
            "query": scope["query_string"].decode(), "body": body.decode("utf-8", "replace"),
            "headers": {k.decode(): v.decode("latin-1") for k, v in scope["headers"]},
            "fault": fault.kind if fault else None, "status": None,
        }  # fmt: skip
        simulator.log.append(entry)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                # A clock that was moved ahead dates the answers too; one that was set back only
                # makes records that are older.
                at = max(time.time(), simulator.now())
                dated = (b"date", formatdate(at, usegmt=True).encode())
                message = {**message, "headers": [*message.get("headers", ()), dated]}
            await send(message)

        await asyncio.sleep(
            simulator.latency_seconds + (fault.seconds if fault and fault.kind == "latency" else 0)
        )
        if fault is None or fault.kind == "latency":
            await self.inner(scope, replay, noted)
            return
        if fault.kind in ("error_after", "lost_response"):
            await self.inner(scope, replay, _swallow)
        if fault.kind == "lost_response":
            await _break_off(send)
            return
        await _refuse(simulator, fault)(scope, replay, noted)


def _refuse(simulator: Simulator, fault: Fault) -> Response:
    if fault.kind == "throttle":
        return simulator.throttled(fault.retry_after)
    if fault.kind == "expire_token":
        return simulator.token_expired()
    if fault.kind == "reject":
        return simulator.refusal(
            fault.status if fault.status < 500 else 400, fault.code, fault.message
        )
    response = simulator.refusal(fault.status, fault.code, fault.message)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = f"{fault.retry_after:g}"
    return response


async def read_body(receive: Receive) -> bytes:
    """The whole request body, up to BODY_BYTES_MAX (a longer one is cut there)."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_BYTES_MAX:
            chunks.append(chunk)
        if not message.get("more_body"):
            break
    return b"".join(chunks)


async def _swallow(_: Message) -> None:
    """The answer that never reaches the client."""


async def _break_off(send: Send) -> None:
    # Promising more bytes than are sent makes the server break off mid-answer: the client
    # sees a protocol error and cannot know whether the request was carried out.
    headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": False})
