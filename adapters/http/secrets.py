"""Where secrets are read from, and the guard between live and test environments."""

import os
from pathlib import Path

from canonical.connections import Connection, Environment
from canonical.errors import Misconfigured

SECRET_BYTES_MAX = 64 * 1024


def resolve(reference: str) -> str:
    """The secret at `env:NAME` or `file:PATH`, without a trailing line break.

    Raises Misconfigured naming the reference, never the value.
    """
    scheme, _, place = reference.partition(":")
    if scheme == "env" and place:
        value = os.environ.get(place, "")
    elif scheme == "file" and place:
        value = _read(Path(place), reference)
    else:
        # What was written here may be the secret itself, so it is not repeated.
        raise Misconfigured("a secret reference must be env:NAME or file:PATH")
    if not value.strip():
        raise Misconfigured(f"secret {reference} is missing or empty", about=reference)
    return value.rstrip("\r\n")


def _read(path: Path, reference: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SECRET_BYTES_MAX).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"secret {reference} cannot be read: {type(error).__name__}", about=reference
        ) from None


def secret(connection: Connection, name: str) -> str:
    """A secret that the vendor's adapter needs; raises Misconfigured when it is not configured."""
    reference = connection.secrets.get(name)
    if not reference:
        raise Misconfigured(
            f"connection {connection.name} needs secrets.{name}", about=connection.name
        )
    return resolve(reference)


def option(connection: Connection, name: str) -> str:
    """A vendor setting of the connection; raises Misconfigured when it is not configured."""
    value = connection.options.get(name, "")
    if not value:
        raise Misconfigured(
            f"connection {connection.name} needs options.{name}", about=connection.name
        )
    return value


def require_environment(connection: Connection, looks_live: bool | None) -> None:
    """Refuse live credentials on a test connection and the reverse; None: they do not tell.

    Raises Misconfigured.
    """
    if looks_live is None or looks_live == (connection.environment is Environment.LIVE):
        return
    found = Environment.LIVE if looks_live else Environment.TEST
    raise Misconfigured(
        f"connection {connection.name} is {connection.environment}, "
        f"what it is configured with is {found}",
        about=connection.name,
    )
