"""The account's concurrency limit: what is over it is refused at once."""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class ConcurrencyGate:
    """Counts the vendor calls in flight, latency included, and refuses those over the limit."""

    def __init__(self, inner: ASGIApp, limit: int, refuse: Callable[[str, str], Response]) -> None:
        self.inner = inner
        self.limit = limit
        self.refuse = refuse
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sim"):
            await self.inner(scope, receive, send)
            return
        if self.in_flight >= self.limit:
            await self.refuse(scope["method"], scope["path"])(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.inner(scope, receive, send)
        finally:
            self.in_flight -= 1
