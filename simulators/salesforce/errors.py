"""How the org says no: an HTTP status and a list of message, errorCode and fields."""

from typing import Any


class SalesforceError(Exception):
    """A refusal of one request or of one record in it."""

    def __init__(
        self, status: int, code: str, message: str, fields: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def body(self) -> list[dict[str, Any]]:
        """The REST error body: always a list."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return [error]

    def row(self) -> dict[str, Any]:
        """The same error as it stands beside one row of a collection answer."""
        return {
            "statusCode": self.code, "message": self.message, "fields": list(self.fields or ())
        }  # fmt: skip


DEFAULT_CODES: dict[int, tuple[str, str]] = {
    300: ("MULTIPLE_CHOICES", "The external ID matches more than one record"),
    400: ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule refused the record"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    405: ("METHOD_NOT_ALLOWED", "HTTP Method not allowed"),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred"),
    503: ("SERVER_UNAVAILABLE", "The server is temporarily unavailable"),
}

DEFAULT_MESSAGES: dict[str, str] = {
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record",
    "DUPLICATES_DETECTED": "Use one of these records?",
    "REQUEST_LIMIT_EXCEEDED": "TotalRequests Limit exceeded.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "A validation rule refused the record",
}


def unknown_field(name: str, object_name: str) -> SalesforceError:
    """A field in a body that the object does not have."""
    return SalesforceError(
        400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {object_name}"
    )


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    """Nothing at this address."""
    return SalesforceError(404, "NOT_FOUND", message)


def method_not_allowed(method: str) -> SalesforceError:
    """The resource exists, but not with this verb."""
    return SalesforceError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed.")
