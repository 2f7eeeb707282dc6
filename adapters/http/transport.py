"""Bytes out and bytes in, and what their loss means; the only import of httpx."""

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from ipaddress import ip_address
from typing import Protocol

import httpx
from pydantic import HttpUrl

from adapters.http.answer import Answer
from adapters.http.redaction import redact
from canonical.connections import Environment, Limits
from canonical.errors import Malformed, Misconfigured, OutcomeUnknown, TielineError, Unavailable

ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECT_SECONDS_MAX = 5.0
# Below the idle time after which servers close (uvicorn: 5 s), so that a write seldom meets a
# connection that is just being closed.
KEEPALIVE_SECONDS = 4.0
USER_AGENT = f"Tieline/{version('tieline')}"

# httpx logs whole URLs and httpcore logs headers; ours is the one line a call.
for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Destination(Protocol):
    """What the transport has to know of whom it speaks to: a connection, or a subscriber."""

    @property
    def name(self) -> str:
        """What the settings call it."""
        ...

    @property
    def base_url(self) -> HttpUrl:
        """Where it is."""
        ...

    @property
    def environment(self) -> Environment:
        """Live asks for https."""
        ...

    @property
    def limits(self) -> Limits:
        """How long and how often at once."""
        ...


class Transport:
    """One keep-alive HTTP client per connection; it follows no redirect and repeats nothing."""

    def __init__(self, connection: Destination, vendor: str) -> None:
        limits = connection.limits
        if connection.environment is Environment.LIVE and connection.base_url.scheme != "https":
            raise Misconfigured(
                f"connection {connection.name} is live and must use https", about=connection.name
            )
        self._vendor = vendor
        # httpx bounds each read, not the whole answer: a body in drips would never end.
        self._seconds_max = 2 * limits.timeout_seconds
        self._http = httpx.AsyncClient(
            verify=_tls(),
            # Proxies of the environment are for the vendors, not for a simulator beside us.
            trust_env=not _loopback(connection.base_url.host or ""),
            timeout=httpx.Timeout(
                limits.timeout_seconds, connect=min(CONNECT_SECONDS_MAX, limits.timeout_seconds)
            ),
            limits=httpx.Limits(
                max_connections=limits.concurrent_requests,
                max_keepalive_connections=limits.concurrent_requests,
                keepalive_expiry=KEEPALIVE_SECONDS,
            ),
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        )

    def request(
        self,
        method: str,
        url: str,
        params: Sequence[tuple[str, str | int]] | None,
        content: bytes | None,
        headers: Mapping[str, str],
        *,
        tls_name: str | None = None,
    ) -> httpx.Request:
        """A request ready to be sent; raises Malformed for a URL or header that cannot be.

        `tls_name` is whose certificate is asked for, where the URL has an address for a host.
        """
        pairs: list[tuple[str, str | int | float | bool | None]] | None = None
        if params is not None:
            pairs = list(params)
        try:
            return self._http.build_request(
                method,
                url,
                params=pairs,
                content=content,
                headers=dict(headers),
                extensions={"sni_hostname": tls_name} if tls_name else None,
            )
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise Malformed(f"{self._vendor} {method}: {type(error).__name__}") from None

    async def send(self, request: httpx.Request, write: bool) -> Answer:
        """The answer. A write whose answer is lost after bytes may have gone is OutcomeUnknown;
        everything else that the network does is Unavailable."""
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._read(request, write)
        except _NOTHING_SENT as error:
            raise self._failed(Unavailable, request, error) from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise self._failed(Malformed, request, error) from None
        except (httpx.RequestError, TimeoutError) as error:
            raise self._failed(OutcomeUnknown if write else Unavailable, request, error) from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _failed(
        self, kind: type[TielineError], request: httpx.Request, error: Exception
    ) -> TielineError:
        what = type(error).__name__
        return kind(
            f"{self._vendor} {request.method} {redact(path_of(request))}: {what}",
            details={"vendor": self._vendor, "error": what},
        )

    async def _read(self, request: httpx.Request, write: bool) -> Answer:
        response = await self._http.send(request, stream=True)
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    break
                chunks.append(chunk)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(
            request.method, path_of(request), response.status_code, headers, b"".join(chunks), write
        )
        if size > ANSWER_BYTES_MAX:
            raise answer.unreadable(f"bigger than {ANSWER_BYTES_MAX} bytes")
        return answer


def path_of(request: httpx.Request) -> str:
    """The path as sent, percent-encoded, without the query."""
    return request.url.raw_path.partition(b"?")[0].decode("ascii")


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
