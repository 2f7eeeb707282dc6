"""How NetSuite says no: its error body, the texts of USER_ERROR, and its codes."""

import re

from adapters.http import Answer, ErrorTable, Row, VendorError
from canonical.errors import (
    Busy,
    CreditHold,
    DuplicateRecord,
    Malformed,
    Misconfigured,
    NotFound,
    PeriodClosed,
    RateLimited,
    Rejected,
    Unauthorized,
)

# USER_ERROR is NetSuite's code for every business rule; only the text tells them apart. Each text
# refines the code; a group `about` names what the refusal is about.
TEXTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "closed_period",
        re.compile(
            r"period\b.{0,60}\b(closed|locked)|\b(closed|locked)\b.{0,60}period"
            r"|within the date range of your accounting period",
            re.I | re.S,
        ),
    ),
    ("credit_hold", re.compile(r"credit hold|on hold|credit limit", re.I)),
    ("duplicate", re.compile(r"already exists|must be unique|unique customer ID", re.I)),
    (
        "reference",
        re.compile(
            r"Invalid Field Value (?P<about>.+?) for the following field:"
            r" (item|subsidiary|currency|terms)\b"
            r"|Invalid (item|subsidiary|currency|terms?) reference key (?P<key>\S+?)[.\s]*(for|$)",
            re.I,
        ),
    ),
)
REFINED = frozenset({"USER_ERROR", "INVALID_KEY_OR_REF"})


def read_error(answer: Answer) -> VendorError:
    """NetSuite's error body, or the one of its token endpoint."""
    body = answer.json
    if "error" in body:
        return VendorError(str(body["error"]), str(body.get("error_description", "")))
    first = body["o:errorDetails"][0]
    code, detail = str(first.get("o:errorCode", "")), str(first.get("detail", ""))
    param = str(first.get("o:errorPath") or first.get("o:errorQueryParam") or "")
    if code in REFINED:
        return _refined(code, detail, param)
    return VendorError(code, detail, param)


def _refined(code: str, detail: str, param: str) -> VendorError:
    for name, text in TEXTS:
        if found := text.search(detail):
            groups = found.groupdict()
            about = groups.get("about") or groups.get("key") or param
            return VendorError(f"{code}/{name}", detail, about)
    return VendorError(code, detail, param)


NETSUITE_ERRORS = ErrorTable(
    vendor="NetSuite",
    read_error=read_error,
    rows=(
        Row(None, "invalid_client|invalid_grant|invalid_scope|invalid_request"
            "|unsupported_grant_type", Unauthorized, "the client assertion is refused"),
        Row(401, ".*", Unauthorized, "the token is refused; see the Login Audit Trail"),
        Row(403, ".*", Unauthorized, "the role lacks a permission"),
        Row(None, "CONCURRENCY_LIMIT_EXCEEDED|SSS_REQUEST_LIMIT_EXCEEDED", RateLimited,
            "the account's concurrency limit is reached"),
        Row(None, "RCRD_HAS_BEEN_CHANGED", Busy, "the record was changed meanwhile"),
        Row(400, "USER_ERROR/closed_period", PeriodClosed, "the accounting period is closed"),
        Row(400, "USER_ERROR/credit_hold", CreditHold, "the customer is on credit hold"),
        Row(400, "USER_ERROR/duplicate", DuplicateRecord, "another record has this id"),
        Row(400, "(USER_ERROR|INVALID_KEY_OR_REF)/reference", Misconfigured,
            "an item, subsidiary, currency or term that the account does not have"),
        Row(400, "INVALID_KEY_OR_REF", Misconfigured, "a reference leads nowhere"),
        Row(400, "USER_ERROR", Rejected, "a business rule refuses"),
        Row(400, "INVALID_(PROPERTY|CONTENT|VALUE|PARAMETER|HEADER)", Malformed,
            "the request does not fit the account's schema"),
        Row(404, "NONEXISTENT_ID", NotFound, "there is no such record"),
        Row(404, ".*", Malformed, "there is no such endpoint"),
    ),
)  # fmt: skip
