"""How Salesforce is asked for an access token: JWT bearer or client credentials."""

from datetime import timedelta
from urllib.parse import urlsplit

from adapters.http import (
    Auth,
    HttpClient,
    Token,
    TokenAuth,
    basic,
    option,
    secret,
    signed_jwt,
)
from canonical.connections import Connection, Environment
from canonical.errors import Malformed, Misconfigured, Unauthorized

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=3)
LOGIN = {
    Environment.LIVE: "https://login.salesforce.com",
    Environment.TEST: "https://test.salesforce.com",
}
# Parts of a My Domain that only orgs without live business have.
_TEST_PARTS = {"sandbox", "develop", "scratch", "demo", "patch", "trailblaze", "free"}


def salesforce_auth(connection: Connection) -> Auth:
    """The strategy that the configured secret asks for.

    Raises Misconfigured when neither `private_key` nor `client_secret` is there.
    """
    if "private_key" in connection.secrets:
        option(connection, "username")
    elif "client_secret" not in connection.secrets:
        raise Misconfigured(
            f"connection {connection.name} needs secrets.private_key or secrets.client_secret",
            about=connection.name,
        )
    option(connection, "consumer_key")
    return TokenAuth(_fetch)


async def _fetch(client: HttpClient) -> Token:
    connection = client.connection
    headers: dict[str, str] = {}
    if "private_key" in connection.secrets:
        form = {"grant_type": JWT_BEARER, "assertion": _assertion(client)}
    else:
        form = {"grant_type": "client_credentials"}
        headers["Authorization"] = basic(
            option(connection, "consumer_key"), secret(connection, "client_secret")
        )
    try:
        answer = await client.request(
            "POST", connection.url + TOKEN_PATH, form=form, headers=headers, write=False,
            authorized=False,
        )  # fmt: skip
    except Unauthorized as error:
        raise Unauthorized(
            f"{error}; correct the options and the secret of connection {connection.name}",
            about=error.about, details=error.details,
        ) from None  # fmt: skip
    body = answer.json
    if not isinstance(body, dict) or not body.get("access_token"):
        raise Malformed("Salesforce answered without an access token")
    client.base_url = instance_of(connection, str(body.get("instance_url", "")))
    # Salesforce does not say how long a session lasts: it is used until it is refused.
    return Token(str(body["access_token"]))


def _assertion(client: HttpClient) -> str:
    connection = client.connection
    claims = {
        "iss": option(connection, "consumer_key"),
        "sub": option(connection, "username"),
        "aud": connection.options.get("audience") or LOGIN[connection.environment],
        "exp": int((client.clock() + ASSERTION_LIFE).timestamp()),
    }
    return signed_jwt(secret(connection, "private_key"), "RS256", claims)


def instance_of(connection: Connection, instance_url: str) -> str:
    """The org's own address from a token answer, if it is Salesforce's; else the configured one."""
    host = urlsplit(instance_url).hostname or ""
    ours = connection.base_url.host or ""
    same_family = all(name.endswith(".salesforce.com") for name in (host, ours))
    if same_family and instance_url.startswith("https://"):
        return instance_url.rstrip("/")
    return connection.url


def looks_live(connection: Connection) -> bool | None:
    """Whether the My Domain is a production org's; None when the address does not tell."""
    host = connection.base_url.host or ""
    if not host.endswith(".my.salesforce.com"):
        return None
    return not _TEST_PARTS & set(host.removesuffix(".my.salesforce.com").split("."))
