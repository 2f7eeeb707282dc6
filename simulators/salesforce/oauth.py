"""`/services/oauth2/token`: JWT bearer and client credentials, answered with opaque tokens."""

import base64
import binascii
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import parse_qsl

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
_TOKEN_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._"  # noqa: S105


class ConnectedApp(TypedDict, total=False):
    """What the org knows of a client: its secret, its public key and the user it runs as."""

    secret: str
    public_key_pem: str
    username: str


@dataclass
class OAuthError(Exception):
    """A refusal of the token endpoint, always 400."""

    error: str
    description: str


class TokenOffice:
    """Mints access tokens and says which are still good."""

    def __init__(
        self,
        apps: Mapping[str, ConnectedApp],
        organization_id: str,
        user_id: str,
        clock: Callable[[], float],
        token_seconds: float,
        seed: int,
    ) -> None:
        self.apps = apps
        self.organization_id = organization_id
        self.user_id = user_id
        self.clock = clock
        self.token_seconds = token_seconds
        self.valid_until: dict[str, float] = {}
        self._chance = random.Random(seed)  # noqa: S311  repeatable tokens, not security

    def mint(self) -> str:
        """A fresh access token in the org's shape."""
        token = f"{self.organization_id[:15]}!" + "".join(
            self._chance.choices(_TOKEN_ALPHABET, k=96)
        )
        self.valid_until[token] = self.clock() + self.token_seconds
        return token

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization header carries a token that is still good."""
        scheme, _, token = authorization.partition(" ")
        until = self.valid_until.get(token.strip())
        return scheme.lower() in ("bearer", "oauth") and until is not None and self.clock() < until

    async def grant(self, request: Request) -> dict[str, Any]:
        """The token answer for a grant; raises OAuthError."""
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        base_url = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        grant_type = form.get("grant_type", "")
        if grant_type == JWT_BEARER:
            self._check_assertion(form.get("assertion", ""), base_url)
        elif grant_type == "client_credentials":
            self._check_secret(form, request.headers.get("authorization", ""))
        else:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return {
            "access_token": self.mint(),
            "scope": "api",
            "instance_url": base_url,
            "id": f"{LOGIN_HOSTS[0]}/id/{self.organization_id}/{self.user_id}",
            "token_type": "Bearer",
        }

    def _check_assertion(self, assertion: str, base_url: str) -> None:
        # The issuer names the key that must have signed; nothing is believed before that check.
        app = self.apps.get(_unverified_issuer(assertion))
        if app is None or "public_key_pem" not in app:
            raise OAuthError("invalid_client", "client identifier invalid")
        try:
            key = RSAKey.import_key(app["public_key_pem"])
            claims = jwt.decode(assertion, key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if claims.get("aud") not in (*LOGIN_HOSTS, base_url):
            raise OAuthError("invalid_grant", "audience is invalid")
        if claims.get("sub") != app.get("username"):
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires <= self.clock():
            raise OAuthError("invalid_grant", "expired authorization code")

    def _check_secret(self, form: Mapping[str, str], authorization: str) -> None:
        key, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.lower().startswith("basic "):
            try:
                key, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthError("invalid_client", "invalid client credentials") from None
        app = self.apps.get(key)
        if app is None or not secret or app.get("secret") != secret:
            raise OAuthError("invalid_client", "invalid client credentials")


def _unverified_issuer(assertion: str) -> str:
    try:
        payload = assertion.split(".")[1]
        issuer = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"]
    except (IndexError, KeyError, TypeError, ValueError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    return str(issuer)
