"""One log line and one span a call: vendor, method, route, status and time; never content."""

import contextlib
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from canonical.connections import Connection

_log = logging.getLogger("adapters.http")
_tracer = trace.get_tracer("tieline.adapters.http")
_ID_SEGMENT = re.compile(r"(?<=/)(?:\d+|eid:[^/]+|[^/]*%[^/]*|(?=[^/]*\d)[^/.]{9,})(?=/|$)")


@dataclass
class Call:
    """What is noted of one call; `status` stays None when no answer came."""

    connection: Connection
    method: str
    route: str
    correlation_id: str
    status: int | None = None


@contextlib.contextmanager
def observed(connection: Connection, method: str, path: str, correlation_id: str) -> Iterator[Call]:
    """Note one call, however it ends."""
    call = Call(connection, method, route_of(path), correlation_id)
    attributes = {
        "tieline.connection": connection.name,
        "tieline.vendor": connection.vendor,
        "tieline.correlation_id": correlation_id,
        "http.request.method": method,
        "url.template": call.route,
        "server.address": connection.base_url.host or "",
    }
    started = time.perf_counter()
    with _tracer.start_as_current_span(
        f"{method} {call.route}", kind=SpanKind.CLIENT, attributes=attributes,
        record_exception=False, set_status_on_exception=False,
    ) as span:  # fmt: skip
        try:
            yield call
        finally:
            if call.status is not None:
                span.set_attribute("http.response.status_code", call.status)
            if call.status is None or call.status >= 400:
                span.set_status(StatusCode.ERROR)
            _note(call, (time.perf_counter() - started) * 1000)


def route_of(path: str) -> str:
    """The path with `{id}` in place of what looks like a record's id."""
    return _ID_SEGMENT.sub("{id}", path)


def _note(call: Call, milliseconds: float) -> None:
    if not _log.isEnabledFor(logging.DEBUG):
        return
    fields = {
        "vendor": call.connection.vendor,
        "connection": call.connection.name,
        "method": call.method,
        "route": call.route,
        "status": "lost" if call.status is None else call.status,
        "milliseconds": round(milliseconds, 1),
        "correlation_id": call.correlation_id,
    }
    _log.debug(" ".join(f"{name}={value}" for name, value in fields.items()), extra=fields)
