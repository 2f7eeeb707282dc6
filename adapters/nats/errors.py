"""What an error of NATS means, in our own words."""

from nats.errors import (
    AuthorizationError,
    Error,
    InvalidUserCredentialsError,
    MaxPayloadError,
    SecureConnFailedError,
    SecureConnRequiredError,
    SecureConnWantedError,
)
from nats.js.errors import APIError

from canonical.errors import Misconfigured, Rejected, TielineError, Unauthorized, Unavailable

# nats-py raises these as they come from the server, before and after it is connected.
_REFUSED = ("authorization violation", "permissions violation", "user authentication expired")


# What nats-py raises when it does not succeed; its own timeouts are among the first.
FAILURES = (Error, TimeoutError, OSError)
MESSAGE_TOO_LARGE = 10054  # of the stream's own limit


def explained(error: Exception, what: str) -> TielineError:
    """The canonical error of a failure while doing `what`."""
    kind, said = _meaning(error)
    return kind(f"NATS, {what}: {said}", about="nats", details={"error": type(error).__name__})


def is_refusal(error: Exception) -> bool:
    """Whether the stream will never take this one message."""
    if isinstance(error, APIError):
        return error.err_code == MESSAGE_TOO_LARGE
    return isinstance(error, MaxPayloadError)


def _meaning(error: Exception) -> tuple[type[TielineError], str]:
    if isinstance(error, AuthorizationError | InvalidUserCredentialsError):
        return Unauthorized, "the credentials are refused"
    if any(words in str(error).lower() for words in _REFUSED):
        return Unauthorized, "the credentials are refused, or lack a permission"
    if isinstance(error, SecureConnFailedError | SecureConnRequiredError | SecureConnWantedError):
        return Misconfigured, "the server and relay.nats.url do not agree on TLS"
    if is_refusal(error):
        return Rejected, _said(error)
    if isinstance(error, APIError) and (error.code or 0) < 500:
        return Misconfigured, _said(error)
    return Unavailable, _said(error)


def _said(error: Exception) -> str:
    if isinstance(error, APIError):
        return f"{error.description} ({error.err_code})"
    return str(error).removeprefix("nats: ") if isinstance(error, Error) else type(error).__name__
