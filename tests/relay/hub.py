"""Globex's finance hub: an endpoint that keeps what it gets, and misbehaves as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.serve import serving

Behaviour = Callable[[str, int], Response | int]


@dataclass
class Hub:
    """What arrived, in its order; `answer` gets an event's id and how often it came."""

    answer: Behaviour = lambda _event_id, _times: 204
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    came: dict[str, int] = field(default_factory=dict)
    delay_seconds: float = 0.0

    def app(self) -> Starlette:
        """The endpoint, and a place that redirects lead to."""
        return Starlette(
            routes=[
                Route("/tieline", self.receive, methods=["POST"]),
                Route("/elsewhere", self.receive, methods=["POST", "GET"]),
            ]
        )

    async def receive(self, request: Request) -> Response:
        """Keep a message and answer as told."""
        body = await request.body()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        event_id = request.headers["webhook-id"]
        assert orjson.loads(body)["id"] == event_id
        self.came[event_id] = self.came.get(event_id, 0) + 1
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        said = self.answer(event_id, self.came[event_id])
        answer = said if isinstance(said, Response) else Response(status_code=said)
        if answer.status_code < 300:
            self.taken.append(event_id)
        return answer


@asynccontextmanager
async def listening(hub: Hub, port: int = 0) -> AsyncIterator[str]:
    """The hub on loopback; its URL."""
    ports = {"hub": port} if port else None
    async with serving({"hub": hub}, ports) as urls:  # type: ignore[dict-item]
        yield f"{urls['hub']}/tieline"
