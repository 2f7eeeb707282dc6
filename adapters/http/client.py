"""The one place where a vendor is asked something over HTTP, and the only import of httpx.

Nothing is retried here, except once with a new token: Temporal retries, and it knows what a lost
answer means.
"""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import orjson
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from adapters.http.answer import Answer
from adapters.http.auth import Auth, utc_now
from adapters.http.errors import ErrorTable, error_for
from adapters.http.quota import quota_of
from adapters.http.redaction import redact
from canonical.connections import Connection, Environment
from canonical.errors import (
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    RateLimited,
    TielineError,
    Unavailable,
)

ANSWER_BYTES_MAX = 8 * 1024 * 1024
CONNECT_SECONDS_MAX = 5.0
# Below the idle time after which servers close (uvicorn: 5 s), so that a write seldom meets a
# connection that is just being closed.
KEEPALIVE_SECONDS = 4.0
USER_AGENT = f"Tieline/{version('tieline')}"

Params = Mapping[str, str | int] | Sequence[tuple[str, str]]
Form = Mapping[str, str] | Sequence[tuple[str, str]]

_log = logging.getLogger("adapters.http")
_tracer = trace.get_tracer("tieline.adapters.http")

# httpx logs whole URLs and httpcore logs headers; ours is the one line a call.
for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_ID_SEGMENT = re.compile(r"(?<=/)(?:\d+|eid:[^/]+|[^/]*%[^/]*|(?=[^/]*\d)[^/.]{9,})(?=/|$)")


class HttpClient:
    """Asks one connection of one vendor: authorized, within its quota, judged by its error table.

    Raises only canonical errors. `transport` and `clock` are for tests.
    """

    def __init__(
        self,
        connection: Connection,
        auth: Auth,
        errors: ErrorTable,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.connection = connection
        self.base_url = connection.url
        self.errors = errors
        self.clock = clock
        self._auth = auth
        self._http = _client(connection, transport)

    async def request(
        self,
        method: str,
        path: str,
        *,
        write: bool,
        params: Params | None = None,
        json: Any = None,
        form: Form | None = None,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (),
        authorized: bool = True,
        correlation_id: str = "",
    ) -> Answer:
        """One request; `path` is relative to the base URL, or absolute on the same origin.

        Returns 2xx answers and those with a status in `expect`; raises the canonical error of any
        other. With `write`, whatever fails after bytes may have been sent is OutcomeUnknown.
        `authorized=False` sends no credentials and may go to another origin (a token endpoint).
        """
        content, sent = _encoded(json, form)
        sent |= dict(headers or {})

        async def ask(proof: Mapping[str, str]) -> Answer:
            url = self._url(path, authorized)
            request = self._http.build_request(
                method, url, params=_pairs(params), content=content, headers=sent | dict(proof)
            )
            return await self._exchange(request, write, correlation_id)

        proof = await self._auth.headers(self) if authorized else {}
        answer = await ask(proof)
        if authorized and self._auth.rejected(answer, proof):
            proof = await self._auth.headers(self)
            answer = await ask(proof)
        if answer.ok or answer.status in expect:
            return answer
        raise self.error_for(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def error_for(self, answer: Answer) -> TielineError:
        """The canonical error of an answer, also of a failure inside a 200; the account pauses
        for as long as the vendor asked."""
        error = error_for(answer, self.errors, now=self.clock())
        if isinstance(error, RateLimited) and error.retry_after_seconds:
            quota_of(self.connection).pause(error.retry_after_seconds)
        return error

    def _url(self, path: str, authorized: bool) -> str:
        if path.startswith("/"):
            return self.base_url + path
        if authorized and _origin(path) != _origin(self.base_url):
            raise Malformed(f"{self.errors.vendor} points to another host: {urlsplit(path).netloc}")
        return path

    async def _exchange(self, request: httpx.Request, write: bool, correlation_id: str) -> Answer:
        route = _route(_path(request))
        attributes = {
            "tieline.connection": self.connection.name,
            "tieline.vendor": self.connection.vendor,
            "tieline.correlation_id": correlation_id,
            "http.request.method": request.method,
            "url.template": route,
            "server.address": request.url.host,
        }
        async with quota_of(self.connection).turn():
            started = time.perf_counter()
            status: int | str = "lost"
            with _tracer.start_as_current_span(
                f"{request.method} {route}", kind=SpanKind.CLIENT, attributes=attributes,
                record_exception=False, set_status_on_exception=False,
            ) as span:  # fmt: skip
                try:
                    answer = await self._answer(request, write)
                    status = answer.status
                    return answer
                finally:
                    _note(span, status)
                    self._log_call(request.method, route, status, started, correlation_id)

    def _log_call(
        self, method: str, route: str, status: int | str, started: float, correlation_id: str
    ) -> None:
        if not _log.isEnabledFor(logging.DEBUG):
            return
        fields = {
            "vendor": self.connection.vendor, "connection": self.connection.name,
            "method": method, "route": route, "status": status,
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
            "correlation_id": correlation_id,
        }  # fmt: skip
        _log.debug(" ".join(f"{name}={value}" for name, value in fields.items()), extra=fields)

    async def _answer(self, request: httpx.Request, write: bool) -> Answer:
        try:
            # httpx bounds each read, not the whole answer: a body in drips would never end.
            async with asyncio.timeout(2 * self.connection.limits.timeout_seconds):
                return await self._read(request, write)
        except _NOTHING_SENT as error:
            raise self._failed(Unavailable, request, error) from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise self._failed(Malformed, request, error) from None
        except (httpx.RequestError, TimeoutError) as error:
            raise self._failed(OutcomeUnknown if write else Unavailable, request, error) from None

    def _failed(
        self, kind: type[TielineError], request: httpx.Request, error: Exception
    ) -> TielineError:
        what = type(error).__name__
        return kind(
            f"{self.errors.vendor} {request.method} {redact(_path(request))}: {what}",
            details={"vendor": self.errors.vendor, "error": what},
        )

    async def _read(self, request: httpx.Request, write: bool) -> Answer:
        response = await self._http.send(request, stream=True)
        try:
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    break
                chunks.append(chunk)
        finally:
            await response.aclose()
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(
            request.method, _path(request), response.status_code, headers, b"".join(chunks), write
        )
        if size > ANSWER_BYTES_MAX:
            raise answer.unreadable(f"bigger than {ANSWER_BYTES_MAX} bytes")
        return answer


def _client(
    connection: Connection, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    limits = connection.limits
    if connection.environment is Environment.LIVE and connection.base_url.scheme != "https":
        raise Misconfigured(f"connection {connection.name} is live and must use https")
    return httpx.AsyncClient(
        transport=transport,
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


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _encoded(json: Any, form: Form | None) -> tuple[bytes | None, dict[str, str]]:
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json is not None:
        return orjson.dumps(json, default=_number), {"Content-Type": "application/json"}
    return None, {}


def _pairs(params: Params | None) -> list[tuple[str, str | int | float | bool | None]] | None:
    if params is None:
        return None
    return list(params.items() if isinstance(params, Mapping) else params)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _path(request: httpx.Request) -> str:
    return request.url.raw_path.partition(b"?")[0].decode("ascii")


def _route(path: str) -> str:
    return _ID_SEGMENT.sub("{id}", path)


def _note(span: Span, status: int | str) -> None:
    if isinstance(status, int):
        span.set_attribute("http.response.status_code", status)
    if not isinstance(status, int) or status >= 400:
        span.set_status(StatusCode.ERROR)
