"""A small vendor made for the tests of the HTTP kit, and a server that misbehaves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.http import (
    Answer,
    ErrorTable,
    HttpClient,
    Row,
    StaticAuth,
    Token,
    VendorError,
)
from adapters.http.transport import ANSWER_BYTES_MAX
from canonical.connections import Connection
from canonical.errors import (
    RateLimited,
    Rejected,
    Unavailable,
)
from simulators.kernel import Simulator, json_response

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def read_error(answer: Answer) -> VendorError:
    """The error body of the small vendor."""
    body = answer.json
    return VendorError(body["code"], body["message"], body.get("param", ""))


TABLE = ErrorTable(
    "Initech",
    read_error,
    [
        Row(400, "closed", Rejected, "closed"),
        Row(503, "maintenance", Unavailable, "nothing was done"),
        Row(403, "quota", RateLimited, "used up", 900.0),
    ],
)


class Initech(Simulator):
    """A vendor that echoes what it is sent, and says no when told to."""

    name = "initech"

    def reset(self) -> None:
        self.tokens = 0

    def routes(self) -> list[BaseRoute]:
        async def echo(request: Request) -> Response:
            body = (await request.body()).decode()
            raw = request.scope["raw_path"].decode()
            return json_response(
                {"path": raw, "query": request.url.query, "body": body,
                 "headers": dict(request.headers)}
            )  # fmt: skip

        async def token(_: Request) -> Response:
            self.tokens += 1
            return json_response({"access_token": f"token-{self.tokens}"})

        async def big(_: Request) -> Response:
            return Response(b"x" * (ANSWER_BYTES_MAX + 1))

        async def page(_: Request) -> Response:
            return Response("<html>down</html>", media_type="text/html")

        async def away(_: Request) -> Response:
            return Response(status_code=302, headers={"Location": "https://evil.example/"})

        return [
            Route("/token", token, methods=["POST"]),
            Route("/big", big, methods=["GET", "POST"]),
            Route("/html", page, methods=["GET", "POST"]),
            Route("/away", away),
            Route("/{rest:path}", echo, methods=["GET", "POST", "PATCH"]),
        ]

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        return json_response({"code": code, "message": message}, status)

    def state(self) -> dict[str, Any]:
        return {}


def connection(url: str, **changes: Any) -> Connection:
    """A connection to Initech."""
    return Connection(**({"name": "initech", "role": "crm", "vendor": "initech", "base_url": url}
                         | changes))  # fmt: skip


@asynccontextmanager
async def asking(url: str, auth: Any = None, **changes: Any) -> AsyncIterator[HttpClient]:
    """A client of Initech."""
    client = HttpClient(connection(url, **changes), auth or StaticAuth.none(), TABLE)
    yield client
    await client.aclose()


@asynccontextmanager
async def raw_server(
    respond: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that reads a request's head and then does whatever it likes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await respond(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def fetch_token(client: HttpClient) -> Token:
    """Ask the small vendor for a token."""
    answer = await client.request("POST", "/token", write=False, authorized=False)
    return Token(answer.json["access_token"])
