"""OAuth 2.0 client credentials with a signed JWT: a certificate proves the client."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qs

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from starlette.requests import Request
from starlette.responses import Response

from simulators.kernel import json_response

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  a path
ALGORITHMS = ("PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_SECONDS = 3600
ASSERTION_SECONDS_MAX = 3600
CLOCK_SKEW_SECONDS = 60


class TokenRefused(Exception):
    """The token endpoint says no, with an OAuth error word."""


class TokenOffice:
    """Checks client assertions and issues the access tokens the API accepts."""

    def __init__(
        self, certificates: Mapping[str, Mapping[str, str]], issued: Collection[str],
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self.certificates = certificates
        self.now = now
        self.tokens: dict[str, float] = dict.fromkeys(issued, float("inf"))
        self.count = 0
        self._keys: dict[str, RSAKey | ECKey] = {}

    def valid(self, authorization: str) -> bool:
        """Whether an Authorization header carries a token that is known and not expired."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == "bearer" and self.tokens.get(token, 0.0) > self.now()

    def expire_all(self) -> int:
        """Forget every token; how many there were."""
        count = len(self.tokens)
        self.tokens.clear()
        return count

    async def token(self, request: Request) -> Response:
        """The token endpoint."""
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        try:
            if form.get("grant_type") != "client_credentials":
                raise TokenRefused("unsupported_grant_type")
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise TokenRefused("invalid_request")
            self._check(form.get("client_assertion", ""), request.headers.get("host", ""))
        except TokenRefused as refusal:
            status = 401 if str(refusal) == "invalid_client" else 400
            return json_response({"error": str(refusal)}, status)
        self.count += 1
        token = f"ns-access-token-{self.count:06d}"
        self.tokens[token] = self.now() + TOKEN_SECONDS
        # NetSuite gives the lifetime as a string.
        return json_response({
            "access_token": token, "expires_in": str(TOKEN_SECONDS), "token_type": "Bearer",
        })  # fmt: skip

    def _check(self, assertion: str, host: str) -> None:
        try:
            header: dict[str, Any] = dict(jws.extract_compact(assertion.encode()).headers())
        except (JoseError, ValueError):
            raise TokenRefused("invalid_request") from None
        certificate = self.certificates.get(header.get("kid", ""))
        if certificate is None or header.get("alg") not in ALGORITHMS:
            raise TokenRefused("invalid_client")
        try:
            key = self._key(header["kid"], header["alg"], certificate["public_key_pem"])
            claims = jwt.decode(assertion, key, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError):
            raise TokenRefused("invalid_client") from None
        if claims.get("iss") != certificate["client_id"]:
            raise TokenRefused("invalid_client")
        scope = claims.get("scope", "")
        words = scope if isinstance(scope, list) else str(scope).replace(",", " ").split()
        if "rest_webservices" not in words:
            raise TokenRefused("invalid_scope")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if not {f"https://{host}{TOKEN_PATH}", f"http://{host}{TOKEN_PATH}"} & set(audiences):
            raise TokenRefused("invalid_grant")
        self._check_times(claims.get("iat"), claims.get("exp"))

    @staticmethod
    def _check_times(issued: Any, expires: Any) -> None:
        # The client signs with the real clock, so the simulated one is no judge of its assertion.
        now = time.time()
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise TokenRefused("invalid_grant")
        if expires - issued > ASSERTION_SECONDS_MAX or expires <= now - CLOCK_SKEW_SECONDS:
            raise TokenRefused("invalid_grant")
        if issued > now + CLOCK_SKEW_SECONDS:
            raise TokenRefused("invalid_grant")

    def _key(self, kid: str, algorithm: str, pem: str) -> RSAKey | ECKey:
        if kid not in self._keys:
            kind = RSAKey if algorithm.startswith("PS") else ECKey
            self._keys[kid] = kind.import_key(pem)
        return self._keys[kid]
