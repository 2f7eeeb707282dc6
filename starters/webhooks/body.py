"""Reads a request's body with a limit that holds while reading, not after."""

import asyncio

from starlette.requests import Request

READ_SECONDS = 10.0


class TooLarge(Exception):
    """The body is larger than allowed; `seen_bytes` is what was announced or read so far."""

    def __init__(self, seen_bytes: int) -> None:
        super().__init__("the body is too large")
        self.seen_bytes = seen_bytes


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body to the byte; raises TooLarge, TimeoutError after 10 s, ClientDisconnect."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > bytes_max:
        raise TooLarge(int(announced[:20]))
    body = bytearray()
    async with asyncio.timeout(READ_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > bytes_max:
                raise TooLarge(len(body))
    return bytes(body)
