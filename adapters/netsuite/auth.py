"""OAuth 2.0 client credentials by certificate (M2M), the one way in that NetSuite keeps open."""

from datetime import timedelta

from adapters.http import HttpClient, Token, TokenAuth, option, secret, signed_jwt
from canonical.connections import Connection
from canonical.errors import Misconfigured

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  a path
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFETIME = timedelta(minutes=5)
TOKEN_SECONDS = 3600
ALGORITHMS = ("PS256", "ES256")  # RS256 is refused by NetSuite


def token_auth(connection: Connection) -> TokenAuth:
    """The connection's authentication; raises Misconfigured when a setting or secret is missing.

    Options: `client_id`, `certificate_id`, `algorithm` (PS256 by default); secret: `private_key`.
    """
    client_id, key_id = option(connection, "client_id"), option(connection, "certificate_id")
    algorithm = connection.options.get("algorithm", ALGORITHMS[0])
    if algorithm not in ALGORITHMS:
        raise Misconfigured(f"NetSuite signs with {' or '.join(ALGORITHMS)}, not {algorithm}")
    private_key = secret(connection, "private_key")

    async def fetch(client: HttpClient) -> Token:
        now = client.clock()
        claims = {
            "iss": client_id,
            "scope": ["rest_webservices"],
            "aud": client.base_url + TOKEN_PATH,
            "iat": int(now.timestamp()),
            "exp": int((now + ASSERTION_LIFETIME).timestamp()),
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed_jwt(private_key, algorithm, claims, key_id),
        }
        answer = await client.request("POST", TOKEN_PATH, write=False, form=form, authorized=False)
        try:
            token = str(answer.json["access_token"])
            # NetSuite states the lifetime as text.
            lifetime = timedelta(seconds=int(answer.json.get("expires_in", TOKEN_SECONDS)))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise answer.unreadable("no token") from None
        return Token(token, now + lifetime)

    return TokenAuth(fetch)
