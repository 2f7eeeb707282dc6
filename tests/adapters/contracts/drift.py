"""A vendor that changes its answers without asking: a field more, or one gone."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.kernel import Simulator, read_body

NEW_FIELD = "mood_of_the_day"


@dataclass
class Drift:
    """What has changed in JSON answers; with `about`, only where a request mentions that."""

    adds: bool = False
    drops: str = ""
    about: str = ""

    def changes(self, asked: str) -> bool:
        """Whether the answer to a request is another than it was."""
        return bool(self.adds or self.drops) and self.about in asked

    def changed(self, value: Any) -> Any:
        """The answer as the vendor now gives it."""
        if isinstance(value, list):
            return [self.changed(one) for one in value]
        if not isinstance(value, dict):
            return value
        kept = {name: self.changed(one) for name, one in value.items() if name != self.drops}
        return kept | ({NEW_FIELD: {"today": ["cheerful", None]}} if self.adds else {})


class Drifting:
    """A simulator whose answers drift."""

    def __init__(self, simulator: Simulator, drift: Drift) -> None:
        self._simulator = simulator
        self._drift = drift

    def app(self) -> ASGIApp:
        """The simulator's app, answers changed as the drift now says."""
        inner = self._simulator.app()

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await inner(scope, receive, send)
                return
            body = await read_body(receive)
            asked = f"{scope['path']}?{unquote_plus(scope['query_string'].decode())} "
            asked += unquote_plus(body.decode("utf-8", "replace"))
            answer = _Answer(send, self._drift.changed if self._drift.changes(asked) else None)

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            await inner(scope, replay, answer.take)

        return serve


class _Answer:
    """An answer that is held back until it is complete, and then sent as it is to be."""

    def __init__(self, send: Send, change: Callable[[Any], Any] | None) -> None:
        self._send = send
        self._change = change
        self._start: Message = {}
        self._body = b""

    async def take(self, message: Message) -> None:
        """One message of the answer."""
        if self._change is None:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self._change)

    async def _finish(self, change: Callable[[Any], Any]) -> None:
        with contextlib.suppress(orjson.JSONDecodeError):  # whatever it is, no field of it drifts
            self._body = orjson.dumps(change(orjson.loads(self._body)))
        headers = [pair for pair in self._start["headers"] if pair[0].lower() != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": self._body})
