"""How the Pub/Sub API says no: a gRPC status, and a code of its own in the trailer `error-code`."""

from canonical.errors import (
    CursorExpired,
    Malformed,
    Misconfigured,
    RateLimited,
    TielineError,
    Unauthorized,
    Unavailable,
)

ERROR_CODE_TRAILER = "error-code"
_REPLAY = "sfdc.platform.eventbus.grpc.subscription.fetch.replayid."
FORGOTTEN = frozenset({f"{_REPLAY}corrupted", f"{_REPLAY}validation.failed"})

# What a status means; one that is not here is an outage, after which a new stream may do.
STATUSES: dict[str, tuple[type[TielineError], str]] = {
    "UNAUTHENTICATED": (
        Unauthorized,
        "the session is refused; if it is new, correct options.organization_id",
    ),
    "PERMISSION_DENIED": (
        Unauthorized,
        "the user may not subscribe to the topic; assign it the permission set Tieline_Integration",
    ),
    "NOT_FOUND": (
        Misconfigured,
        "the org has no such topic or schema; correct options.pubsub_topic, or deploy the event",
    ),
    "INVALID_ARGUMENT": (Malformed, "the request is not understood"),
    "UNIMPLEMENTED": (Malformed, "the endpoint does not offer the Pub/Sub API"),
    "RESOURCE_EXHAUSTED": (RateLimited, "an allocation of the org is used up"),
}


def judged(status: str, code: str, topic: str) -> TielineError:
    """The error of a stream that ended with a status and Salesforce's code, if it sent one."""
    details = {"vendor": "Salesforce", "status": status, "error": code}
    if code in FORGOTTEN:
        text = f"Salesforce no longer knows our place in {topic}"
        return CursorExpired(text, about=topic, details=details)
    kind, why = STATUSES.get(status, (Unavailable, "the stream ended"))
    return kind(f"Salesforce {topic}: {why} ({status})", about=topic, details=details)
