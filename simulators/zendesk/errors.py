"""Zendesk's way of saying no: an error word, a description and, for records, details by field."""

from typing import Any

from starlette.responses import Response

from simulators.kernel import json_response

DEFAULTS = {
    400: ("BadRequest", "Bad request"),
    401: ("Couldn't authenticate you", ""),
    403: ("Forbidden", "You do not have access to this page."),
    404: ("RecordNotFound", "Not found"),
    409: ("Conflict", "The record was changed by another request. Please try again."),
    422: ("RecordInvalid", "Record validation errors"),
    429: ("APIRateLimitExceeded", "Number of allowed API requests per minute exceeded"),
    503: ("ServiceUnavailable", "Zendesk is temporarily unavailable"),
}


class ZendeskRefusal(Exception):
    """A refusal on its way to the client."""

    def __init__(
        self, status: int, error: str = "", description: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(description or error)
        self.status, self.error = status, error
        self.description, self.details = description, details

    def response(self) -> Response:
        """The refusal as Zendesk's error body."""
        return error_response(self.status, self.error, self.description, self.details)


def error_response(
    status: int, error: str = "", description: str = "", details: dict[str, Any] | None = None
) -> Response:
    """Zendesk's error body for a status, with the usual words where none are given."""
    default_error, default_description = DEFAULTS.get(
        status, ("InternalError", "An internal error occurred")
    )
    body: dict[str, Any] = {"error": error or default_error}
    if description or default_description:
        body["description"] = description or default_description
    if details is None and body["error"] == "RecordInvalid":
        details = {"base": [{"description": body["description"], "error": "InvalidValue"}]}
    if details:
        body["details"] = details
    return json_response(body, status)


def invalid(field: str, description: str, error: str = "InvalidValue") -> ZendeskRefusal:
    """A record that Zendesk will not save because of one field."""
    return ZendeskRefusal(422, details={field: [{"description": description, "error": error}]})


def taken(field: str, value: str) -> ZendeskRefusal:
    """A value that another record already has."""
    label = field.replace("_", " ").capitalize()
    return invalid(field, f"{label}: {value} has already been taken", "DuplicateValue")
