"""How Zendesk says no: an error word, a description and details by field."""

from typing import Any

from adapters.http import Answer, ErrorTable, Row, VendorError
from canonical.errors import Busy, DuplicateRecord, Malformed, NotFound, Rejected, Unauthorized


def read_error(answer: Answer) -> VendorError:
    """Zendesk's error body; for a refused record the first field's fault refines the code."""
    body = answer.json
    error = body.get("error", "")
    if isinstance(error, dict):
        return VendorError(str(error.get("title", "")), str(error.get("message", "")))
    description = str(body.get("description") or body.get("error_description") or error)
    if isinstance(details := body.get("details"), dict) and details:
        return _of_field(str(error), details)
    return VendorError(str(error), description)


def _of_field(error: str, details: dict[str, Any]) -> VendorError:
    faults = [(field, fault) for field, listed in details.items() for fault in listed]
    # One duplicate among several faults decides what a person has to look at.
    faults.sort(key=lambda each: each[1].get("error") != "DuplicateValue")
    field, first = faults[0]
    text = "; ".join(str(fault.get("description", "")) for _, fault in faults)
    return VendorError(f"{error}/{first.get('error', '')}", text, field)


ZENDESK_ERRORS = ErrorTable(
    vendor="Zendesk",
    read_error=read_error,
    rows=(
        Row(None, "invalid_(client|grant|scope|token)|unsupported_grant_type|unauthorized_client",
            Unauthorized, "the OAuth client is refused"),
        Row(400, "IdempotentRequestError", Malformed, "the same key was sent with another body"),
        Row(404, "RecordNotFound", NotFound, "there is no such record"),
        Row(404, ".*", Malformed, "there is no such endpoint"),
        Row(409, ".*", Busy, "another request changed the record; e.g. two upserts at once"),
        Row(422, "RecordInvalid/DuplicateValue", DuplicateRecord,
            "another record has this name or external id"),
        Row(422, ".*", Rejected, "the record's rules refuse"),
    ),
)  # fmt: skip
