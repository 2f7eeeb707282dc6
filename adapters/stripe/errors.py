"""How Stripe says no."""

from typing import Any

from adapters.http import Answer, ErrorTable, Row, VendorError
from canonical.errors import Busy, Conflict, Malformed, NotFound, Rejected


def read_error(answer: Answer) -> VendorError:
    """The error object; its type stands in where it has no code."""
    error: Any = answer.json["error"]
    return VendorError(
        str(error.get("code") or error.get("type") or ""),
        str(error.get("message") or ""),
        str(error.get("param") or ""),
    )


ERRORS = ErrorTable(
    "Stripe",
    read_error,
    [
        Row(400, "idempotency_error", Conflict, "the idempotency key was used for other content"),
        Row(400, "resource_missing", NotFound, "a record that the request names is not there"),
        Row(400, "parameter_.*|url_invalid|invalid_request_error", Malformed,
            "Stripe does not understand the request"),
        Row(400, ".+", Rejected, "a rule of Stripe refuses the content"),
        Row(402, ".*", Rejected, "the payment is refused"),
        Row(429, "lock_timeout", Busy, "another request holds the object"),
    ],
)  # fmt: skip
