"""Asking a vendor something: authorized, within the account's quota, judged by its error table.

Nothing is retried here, except once with a new token: Temporal retries, and it knows what a lost
answer means.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from adapters.http.answer import Answer
from adapters.http.auth import Auth, utc_now
from adapters.http.errors import ErrorTable, error_for
from adapters.http.observation import observed
from adapters.http.quota import quota_of
from adapters.http.transport import Transport, path_of
from canonical.connections import Connection
from canonical.errors import Malformed, RateLimited, TielineError

Params = Mapping[str, str | int] | Sequence[tuple[str, str]]
Form = Mapping[str, str] | Sequence[tuple[str, str]]


class HttpClient:
    """Asks one connection of one vendor; raises only canonical errors.

    `base_url` may be moved by the vendor's token answer. `clock` is for tests.
    """

    def __init__(
        self,
        connection: Connection,
        auth: Auth,
        errors: ErrorTable,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.connection = connection
        self.base_url = connection.url
        self.errors = errors
        self.clock = clock
        self._auth = auth
        self._transport = Transport(connection, errors.vendor)

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
            request = self._transport.request(
                method, self._url(path, authorized), _pairs(params), content, sent | dict(proof)
            )
            async with quota_of(self.connection).turn():
                with observed(self.connection, method, path_of(request), correlation_id) as call:
                    answer = await self._transport.send(request, write)
                    call.status = answer.status
                    return answer

        proof = await self._auth.headers(self) if authorized else {}
        answer = await ask(proof)
        if authorized and self._auth.rejected(answer, proof):
            answer = await ask(await self._auth.headers(self))
        if answer.ok or answer.status in expect:
            return answer
        raise self.error_for(answer)

    def error_for(self, answer: Answer) -> TielineError:
        """The canonical error of an answer, also of a failure inside a 200; the account pauses
        for as long as the vendor asked."""
        error = error_for(answer, self.errors, now=self.clock())
        if isinstance(error, RateLimited) and error.retry_after_seconds:
            quota_of(self.connection).pause(error.retry_after_seconds)
        return error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _url(self, path: str, authorized: bool) -> str:
        if path.startswith("/"):
            return self.base_url + path
        if authorized and _origin(path) != _origin(self.base_url):
            raise Malformed(f"{self.errors.vendor} points to another host: {urlsplit(path).netloc}")
        return path


def _encoded(json: Any, form: Form | None) -> tuple[bytes | None, dict[str, str]]:
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if json is not None:
        return orjson.dumps(json, default=_number), {"Content-Type": "application/json"}
    return None, {}


def _pairs(params: Params | None) -> Sequence[tuple[str, str | int]] | None:
    if params is None:
        return None
    return list(params.items()) if isinstance(params, Mapping) else list(params)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
