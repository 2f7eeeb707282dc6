"""How Salesforce says no (REST error codes, and those of the token endpoint)."""

from typing import Any

from adapters.http import Answer, ErrorTable, Row, VendorError
from canonical.errors import (
    Busy,
    DuplicateRecord,
    Malformed,
    NotFound,
    RateLimited,
    Rejected,
    Unauthorized,
)

DAILY_PAUSE_SECONDS = 900.0


def read_error(answer: Answer) -> VendorError:
    """The first error of the list that Salesforce answers with, or the token endpoint's one."""
    body: Any = answer.json
    if isinstance(body, dict):
        return VendorError(str(body.get("error", "")), str(body.get("error_description", "")))
    if not isinstance(body, list) or not body or not isinstance(body[0], dict):
        return VendorError()
    # In a composite that was rolled back every other part says only that it was halted.
    first = next((e for e in body if e.get("errorCode") != "PROCESSING_HALTED"), body[0])
    code, message = str(first.get("errorCode", "")), str(first.get("message", ""))
    if code == "REQUEST_LIMIT_EXCEEDED" and "TotalRequests" in message:
        code = "REQUEST_LIMIT_EXCEEDED/TotalRequests"
    return VendorError(code, message, ",".join(first.get("fields") or ()))


_BUSINESS = (
    "FIELD_CUSTOM_VALIDATION_EXCEPTION|REQUIRED_FIELD_MISSING|FIELD_INTEGRITY_EXCEPTION"
    "|INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST|STRING_TOO_LONG|CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
)

ERRORS = ErrorTable(
    "Salesforce",
    read_error,
    [
        Row(300, ".*", DuplicateRecord, "the external id matches several records"),
        Row(400, "invalid_grant|invalid_client.*|unauthorized_client|inactive_.*|unsupported_.*",
            Unauthorized, "the connected app or its user is refused"),
        Row(400, "UNABLE_TO_LOCK_ROW", Busy, "another transaction holds the record"),
        Row(None, "DUPLICATES_DETECTED|DUPLICATE_VALUE|DUPLICATE_EXTERNAL_ID", DuplicateRecord,
            "a duplicate rule or a unique field refuses"),
        Row(400, _BUSINESS, Rejected, "a rule of the org refuses the values"),
        Row(None, "ENTITY_IS_DELETED", NotFound, "the record is in the recycle bin"),
        Row(400, ".*", Malformed, "Salesforce does not understand the request"),
        Row(403, "REQUEST_LIMIT_EXCEEDED/TotalRequests", RateLimited,
            "the org's requests of 24 hours are used up", DAILY_PAUSE_SECONDS),
        Row(403, "REQUEST_LIMIT_EXCEEDED", RateLimited, "too many requests at the same time"),
        Row(420, ".*", RateLimited, "too many requests"),
    ],
)  # fmt: skip
