"""Two ways into Gainsight: an M2M OAuth client, or the tenant's access key."""

from datetime import timedelta

from adapters.http import Auth, HttpClient, StaticAuth, Token, TokenAuth, basic, option, secret
from canonical.connections import Connection

TOKEN_PATH = "/v1/users/m2m/oauth/token"  # noqa: S105  a path
TOKEN_SECONDS = 86400


def authentication(connection: Connection) -> Auth:
    """OAuth when the connection has `client_id`, else the access key.

    Secrets: `client_secret` or `access_key`. Raises Misconfigured when one is missing.
    """
    if connection.options.get("client_id"):
        return _oauth(connection)
    return StaticAuth.key("Accesskey", secret(connection, "access_key"))


def _oauth(connection: Connection) -> TokenAuth:
    client_id, client_secret = option(connection, "client_id"), secret(connection, "client_secret")

    async def fetch(client: HttpClient) -> Token:
        answer = await client.request(
            "POST",
            TOKEN_PATH,
            write=False,
            form={"grant_type": "client_credentials"},
            headers={"Authorization": basic(client_id, client_secret)},
            authorized=False,
        )
        try:
            token = str(answer.json["access_token"])
            lifetime = timedelta(seconds=int(answer.json.get("expires_in", TOKEN_SECONDS)))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise answer.unreadable("no token") from None
        return Token(token, client.clock() + lifetime)

    return TokenAuth(fetch)
