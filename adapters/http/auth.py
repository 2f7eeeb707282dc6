"""How a request proves who asks: fixed headers, or a token that is fetched and renewed."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from adapters.http.answer import Answer
from canonical.errors import Misconfigured

if TYPE_CHECKING:
    from adapters.http.client import HttpClient

RENEWED_BEFORE_EXPIRY = timedelta(seconds=60)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class Auth(Protocol):
    """What the client asks of an authentication strategy."""

    async def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """The headers that authorize a request."""
        ...

    def rejected(self, answer: Answer, headers: Mapping[str, str]) -> bool:
        """Note how headers of ours were received; True when other headers may do better."""
        ...


class StaticAuth:
    """The same headers on every request."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    @classmethod
    def none(cls) -> Self:
        """No authentication."""
        return cls({})

    @classmethod
    def bearer(cls, token: str) -> Self:
        """`Authorization: Bearer`."""
        return cls({"Authorization": f"Bearer {token}"})

    @classmethod
    def basic(cls, user: str, password: str) -> Self:
        """`Authorization: Basic`."""
        return cls({"Authorization": basic(user, password)})

    @classmethod
    def key(cls, header: str, value: str) -> Self:
        """A key in a header of the vendor's own."""
        return cls({header: value})

    async def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """The headers that authorize a request."""
        return self._headers

    def rejected(self, answer: Answer, headers: Mapping[str, str]) -> bool:
        """Never: there are no other headers to try."""
        return False


@dataclass(frozen=True)
class Token:
    """An access token, and when it ends as far as the vendor says."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


def unauthorized(answer: Answer) -> bool:
    """The common answer to an expired token."""
    return answer.status == 401


class TokenAuth:
    """A cached access token, renewed in time and at most once for one request.

    `fetch` asks the vendor for a token, through the client with `authorized=False`. However many
    requests need a new token at the same time, it is fetched once.
    """

    def __init__(
        self,
        fetch: "Callable[[HttpClient], Awaitable[Token]]",
        *,
        expired: Callable[[Answer], bool] = unauthorized,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._fetch = fetch
        self._expired = expired
        self._clock = clock
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    async def headers(self, client: "HttpClient") -> Mapping[str, str]:
        """The headers that authorize a request, with a new token when there is no valid one."""
        token = self._token if self._fresh() else await self._renewed(client)
        assert token is not None
        return {"Authorization": f"Bearer {token.value}"}

    def rejected(self, answer: Answer, headers: Mapping[str, str]) -> bool:
        """Forget a token that the vendor no longer takes; True when a new one may do better."""
        if not self._expired(answer):
            return False
        token = self._token
        if token and headers.get("Authorization") == f"Bearer {token.value}":
            self._token = None
        return True

    def _fresh(self) -> bool:
        token = self._token
        if token is None:
            return False
        ends = token.expires_at
        return ends is None or self._clock() < ends - RENEWED_BEFORE_EXPIRY

    async def _renewed(self, client: "HttpClient") -> Token:
        async with self._lock:
            if self._token is None or not self._fresh():
                self._token = await self._fetch(client)
            return self._token


def basic(user: str, password: str) -> str:
    """The value of a Basic authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def signed_jwt(
    private_key: str, algorithm: str, claims: Mapping[str, Any], key_id: str = ""
) -> str:
    """A JWT signed with a PEM key; raises Misconfigured when the key does not fit."""
    header = {"alg": algorithm} | ({"kid": key_id} if key_id else {})
    try:
        kind = ECKey if algorithm.startswith("ES") else RSAKey
        key = kind.import_key(private_key)
        return jwt.encode(header, dict(claims), key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise Misconfigured(
            f"the private key cannot sign {algorithm}: {type(error).__name__}"
        ) from None
