"""From a vendor's answer to a canonical error: vendor tables are data, the rule is written once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from adapters.http.answer import Answer, VendorError
from adapters.http.redaction import redact
from canonical.errors import (
    Busy,
    Malformed,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
    Unavailable,
)

RETRY_AFTER_SECONDS_MAX = 24 * 3600.0
VENDOR_MESSAGE_CHARACTERS_MAX = 300
REQUEST_ID_HEADERS = ("request-id", "x-request-id", "x-gs-request-id", "x-n-operationid")


@dataclass(frozen=True)
class Row:
    """One line of a vendor's table: status (None: any) and code (a regular expression, matched
    whole) mean this error, for this reason; `retry_after_seconds` where the vendor never says."""

    status: int | None
    code: str
    error: type[TielineError]
    reason: str
    retry_after_seconds: float | None = None

    def matches(self, status: int, code: str) -> bool:
        """Whether the line speaks of this answer."""
        return self.status in (None, status) and re.fullmatch(self.code, code) is not None


@dataclass(frozen=True)
class ErrorTable:
    """How one vendor says no: its name, how to read its error body, and what its codes mean.

    The first matching row decides, also for 5xx answers to writes; unmatched ones fall to the
    kit's rules for the status alone.
    """

    vendor: str
    read_error: Callable[[Answer], VendorError]
    rows: Sequence[Row] = ()


STATUSES: dict[int, tuple[type[TielineError], str]] = {
    401: (Unauthorized, "the credentials are refused"),
    403: (Unauthorized, "the credentials lack a permission"),
    404: (NotFound, "there is no such record"),
    409: (Busy, "the record is being changed by another request"),
    422: (Rejected, "the vendor's rules refuse the content"),
    423: (Busy, "the record is locked"),
    425: (Unavailable, "too early"),
    429: (RateLimited, "too many requests"),
}


def error_for(answer: Answer, table: ErrorTable, *, now: datetime | None = None) -> TielineError:
    """The canonical error that an answer stands for; also for a failure inside a 200."""
    said = _read(answer, table)
    row = _judge(answer, table, said)
    details: dict[str, Any] = {
        "vendor": table.vendor,
        "status": answer.status,
        "code": said.code,
        "param": said.param,
        "request_id": next(
            (answer.headers[name] for name in REQUEST_ID_HEADERS if name in answer.headers), ""
        ),
        "reason": row.reason,
    }
    pause = retry_after(answer.headers.get("retry-after", ""), now)
    message = redact(said.message or row.reason)[:VENDOR_MESSAGE_CHARACTERS_MAX]
    return row.error(
        f"{table.vendor} {answer.method} {redact(answer.path)}: {said.code or answer.status}: "
        f"{message}",
        about=said.param,
        details=details,
        retry_after_seconds=row.retry_after_seconds if pause is None else pause,
    )


def raise_for(answer: Answer, table: ErrorTable, *, now: datetime | None = None) -> NoReturn:
    """Raise the canonical error that an answer stands for."""
    raise error_for(answer, table, now=now)


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """Seconds from a Retry-After header (seconds or an HTTP date); None when it says nothing."""
    value = value.strip()
    if not value:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        seconds = float(value)
    else:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def _read(answer: Answer, table: ErrorTable) -> VendorError:
    try:
        return table.read_error(answer)
    except Exception:
        # Gateways answer in HTML and error bodies are the least tested part of any API: an
        # unreadable one must not hide the status.
        return VendorError()


def _judge(answer: Answer, table: ErrorTable, said: VendorError) -> Row:
    for row in table.rows:
        if row.matches(answer.status, said.code):
            return row
    if answer.status >= 500 or answer.status in (408, 424):
        if answer.write:
            return Row(None, ".*", OutcomeUnknown, "the vendor failed after it had the request")
        return Row(None, ".*", Unavailable, "the vendor is unavailable")
    kind, reason = STATUSES.get(
        answer.status, (Malformed, "the vendor does not understand the request")
    )
    return Row(None, ".*", kind, reason)
