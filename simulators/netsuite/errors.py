"""NetSuite's way of saying no: one JSON shape, a code and sometimes the path of a field."""

from typing import Any

import orjson
from starlette.responses import Response

TYPE = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html"
TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 429: "Too Many Requests",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout",
}  # fmt: skip
DEFAULTS = {
    400: ("USER_ERROR", "Error while accessing a resource."),
    401: ("INVALID_LOGIN", "Invalid login attempt. For more details, see the Login Audit Trail."),
    403: ("INSUFFICIENT_PERMISSION", "Permission Violation: you need a higher permission."),
    404: ("NONEXISTENT_ID", "The record instance does not exist. Provide a valid record ID."),
    409: ("RCRD_HAS_BEEN_CHANGED", "Record has been changed."),
    429: ("CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked."),
}
UNEXPECTED = ("UNEXPECTED_ERROR", "An unexpected error occurred.")


class NetSuiteRefusal(Exception):
    """A refusal on its way to the client."""

    def __init__(self, status: int, code: str = "", detail: str = "", path: str = "") -> None:
        super().__init__(detail or code)
        self.status, self.code, self.detail, self.path = status, code, detail, path

    def response(self) -> Response:
        """The refusal as NetSuite's error body."""
        return error_response(self.status, self.code, self.detail, self.path)


def error_response(
    status: int, code: str = "", detail: str = "", path: str = "", title: str = ""
) -> Response:
    """NetSuite's error body for a status, with the usual code and text where none are given."""
    default_code, default_detail = DEFAULTS.get(status, UNEXPECTED)
    entry = {"detail": detail or default_detail, "o:errorCode": code or default_code}
    if path:
        entry["o:errorPath"] = path
    body = {
        "type": TYPE, "title": title or TITLES.get(status, "Error"), "status": status,
        "o:errorDetails": [entry],
    }  # fmt: skip
    return Response(
        orjson.dumps(body), status, media_type="application/vnd.oracle.resource+json; type=error"
    )


def user_error(detail: str, path: str = "") -> NetSuiteRefusal:
    """A business rule says no: the class of refusals only a person can settle."""
    return NetSuiteRefusal(400, "USER_ERROR", detail, path)


def invalid_value(field: str, value: Any, path: str = "") -> NetSuiteRefusal:
    """A value that does not fit its field."""
    detail = f"Invalid value for the resource or sub-resource field '{field}': '{value}'."
    return NetSuiteRefusal(400, "INVALID_VALUE", detail, path or field)
