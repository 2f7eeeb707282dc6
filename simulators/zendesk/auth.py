"""Who may call: API tokens over Basic, OAuth access tokens over Bearer."""

import base64
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response

from simulators.kernel import json_response

TOKEN_SECONDS = 7200


class Gatekeeper:
    """Knows the API tokens by e-mail and the OAuth clients, and issues access tokens."""

    def __init__(
        self, api_tokens: Mapping[str, str], oauth_clients: Mapping[str, str],
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self.oauth_clients = oauth_clients
        self.now = now
        self.issued: dict[str, float] = {}
        self.count = 0
        self._basic = {f"{email}/token:{token}" for email, token in api_tokens.items()}
        self._known_headers: set[str] = set()

    def admits(self, authorization: str) -> bool:
        """Whether an Authorization header names a known API token or a living access token."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return self.issued.get(value, 0.0) > self.now()
        if authorization in self._known_headers:
            return True
        try:
            known = base64.b64decode(value).decode() in self._basic
        except ValueError:
            return False
        if known:
            self._known_headers.add(authorization)
        return known

    def expire_all(self) -> int:
        """Forget every access token; how many there were."""
        count = len(self.issued)
        self.issued.clear()
        return count

    async def token(self, request: Request) -> Response:
        """POST /oauth/tokens, with a JSON or a form body."""
        raw = await request.body()
        try:
            form = orjson.loads(raw)
        except orjson.JSONDecodeError:
            form = {key: values[0] for key, values in parse_qs(raw.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        secret = self.oauth_clients.get(form.get("client_id", ""))
        if secret is None or secret != form.get("client_secret"):
            return json_response({"error": "invalid_client"}, 401)
        self.count += 1
        token = f"zd-access-token-{self.count:06d}"
        self.issued[token] = self.now() + TOKEN_SECONDS
        return json_response({
            "access_token": token, "token_type": "bearer",
            "scope": form.get("scope", "read write"), "expires_in": TOKEN_SECONDS,
        })  # fmt: skip
