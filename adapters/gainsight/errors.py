"""How Gainsight says no: one envelope, at times inside a 200, at times in part."""

import re
from typing import Any

from adapters.http import Answer, ErrorTable, Row, VendorError
from canonical.errors import (
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unauthorized,
)

_CODE = re.compile(r"([A-Z]+(?:_[A-Z]+)*_\d+)\s*:\s*(.*)", re.S)


def read_error(answer: Answer) -> VendorError:
    """The envelope's error, or that of the first record which failed inside a success."""
    body = answer.json
    if body.get("errorCode"):
        return VendorError(str(body["errorCode"]), str(body.get("errorDesc") or ""))
    if "error" in body:
        return VendorError(str(body["error"]), str(body.get("error_description", "")))
    for fault in failures(body):
        return fault
    return VendorError("", str(body.get("errorDesc") or body.get("message") or ""))


def failures(body: dict[str, Any]) -> list[VendorError]:
    """What failed of a batch: `failure` of a cockpit answer, `errors` of an object's."""
    data = body.get("data")
    if not isinstance(data, dict):
        return []
    found = [_of_text(str(text)) for entry in data.get("failure") or [] for text in entry.values()]
    for entry in data.get("errors") or []:
        if isinstance(entry, dict):
            code, text = str(entry.get("errorCode", "")), str(entry.get("errorDesc", ""))
            found.append(VendorError(code, text))
        else:
            found.append(_of_text(str(entry)))
    return found


def _of_text(text: str) -> VendorError:
    stated = _CODE.match(text)
    return VendorError(stated[1], stated[2]) if stated else VendorError("", text)


GAINSIGHT_ERRORS = ErrorTable(
    vendor="Gainsight",
    read_error=read_error,
    rows=(
        Row(None, "GS_APIG_2401|GSOBJ_1024", Unauthorized, "the access key is refused"),
        Row(None, "GS_APIG_2402", Unauthorized, "our address is not on the tenant's list"),
        Row(None, "invalid_client|unsupported_grant_type", Unauthorized,
            "the OAuth client is refused"),
        Row(None, "GU_2400", RateLimited, "the minute's calls are used up"),
        Row(404, ".*", Malformed, "there is no such endpoint"),
        Row(None, "GSOBJ_1011|GSOBJ_1013", NotFound, "no record matches"),
        Row(None, "COCKPIT_6007", NotFound, "there is no such call to action"),
        Row(None, "GSOBJ_1007", Misconfigured, "the object lacks one of our custom fields"),
        Row(None, "GSOBJ_10(05|06|23)|COCKPIT_5101", Malformed, "the request is not understood"),
        Row(None, "COCKPIT_9700", Rejected, "a mandatory value is missing or not allowed"),
        Row(200, "GU_1101", OutcomeUnknown, "the vendor failed after it had the request"),
        Row(200, ".*", Rejected, "refused inside a success"),
    ),
)  # fmt: skip
