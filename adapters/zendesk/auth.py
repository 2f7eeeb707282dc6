"""Two ways into Zendesk: an OAuth client, or an agent's API token."""

from datetime import timedelta

from adapters.http import Auth, HttpClient, StaticAuth, Token, TokenAuth, option, secret
from canonical.connections import Connection

TOKEN_PATH = "/oauth/tokens"  # noqa: S105  a path
SCOPE = "read write"


def authentication(connection: Connection) -> Auth:
    """OAuth when the connection has `client_id`, else the API token of `email`.

    Secrets: `client_secret` or `api_token`. Raises Misconfigured when one is missing.
    """
    if connection.options.get("client_id"):
        return _oauth(connection)
    email = option(connection, "email")
    return StaticAuth.basic(f"{email}/token", secret(connection, "api_token"))


def _oauth(connection: Connection) -> TokenAuth:
    client_id, client_secret = option(connection, "client_id"), secret(connection, "client_secret")

    async def fetch(client: HttpClient) -> Token:
        body = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            "scope": SCOPE,
        }
        answer = await client.request("POST", TOKEN_PATH, write=False, json=body, authorized=False)
        try:
            token = str(answer.json["access_token"])
            seconds = answer.json.get("expires_in")
            lifetime = timedelta(seconds=int(seconds)) if seconds else None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise answer.unreadable("no token") from None
        return Token(token, client.clock() + lifetime if lifetime else None)

    return TokenAuth(fetch)
