"""Logs for people or for collectors, and traces where the OTEL_* variables ask for them."""

import json
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import entry_points
from logging.handlers import QueueHandler, QueueListener
from queue import Queue

from opentelemetry import trace
from rich.console import Console
from rich.logging import RichHandler
from temporalio.contrib.opentelemetry import TracingInterceptor

from canonical.errors import Misconfigured
from tieline.settings import Log

EXPORTERS_GROUP = "opentelemetry_traces_exporter"
# More than that unwritten, and further records are dropped: logging never stops the work.
RECORDS_MAX = 100_000
QUIET = ("httpx", "httpcore", "uvicorn.access", "alembic")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and what was passed as extra."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in STANDARD}
        if record.exc_text or record.exc_info:  # a redacting filter leaves its text in exc_text
            line["error"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        return json.dumps(line, default=str, ensure_ascii=False)


class _Elsewhere(QueueHandler):
    """Hands records to a thread that formats and writes them.

    Workflow code logs from inside its sandbox, where a handler that imports or reads a clock would
    fail the workflow task; and the event loop does not wait for a terminal.
    """

    def __init__(self, handler: logging.Handler) -> None:
        records: Queue[logging.LogRecord] = Queue(RECORDS_MAX)
        super().__init__(records)
        self._writer: QueueListener | None = QueueListener(records, handler)
        self._writer.start()

    def flush(self) -> None:
        """Wait until what was logged so far is written."""
        if self._writer is not None:
            self._writer.stop()
            self._writer.start()

    def close(self) -> None:
        """Write what is waiting, then end."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop()
        super().close()


def set_up_logging(log: Log, filters: Iterable[logging.Filter] = ()) -> None:
    """Send all logs to standard error through these filters (the adapters' redaction, say).

    Filters sit on the handler, so that records of libraries pass them as well.
    """
    handler = _handler(log.json_lines)
    for each in filters:
        handler.addFilter(each)
    root = logging.getLogger()
    for former in root.handlers:
        former.close()
    root.handlers[:] = [_Elsewhere(handler)]
    root.setLevel(log.level.upper())
    if log.level != "debug":
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)


def _handler(json_lines: bool) -> logging.Handler:
    if json_lines:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        return handler
    rich = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S")
    rich.setFormatter(logging.Formatter("%(message)s"))
    return rich


def set_up_tracing(service: str) -> list[TracingInterceptor]:
    """Export traces if OTEL_TRACES_EXPORTER or an OTLP endpoint is set; none otherwise.

    Returns the interceptors for `tieline.temporal.connect`. Raises Misconfigured when the exporter
    that is asked for is not installed.
    """
    name = _exporter_name()
    if name == "none":
        return []
    _install_provider(service, name)
    return [TracingInterceptor()]


def _exporter_name() -> str:
    asked = os.environ.get("OTEL_TRACES_EXPORTER", "")
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    implied = "otlp" if any(os.environ.get(e) for e in endpoints) else "none"
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return "none" if disabled else asked or implied


def _install_provider(service: str, exporter: str) -> None:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    found = list(entry_points(group=EXPORTERS_GROUP, name=exporter))
    if not found:
        raise Misconfigured(
            f"OTEL_TRACES_EXPORTER: the exporter {exporter!r} is not installed; install "
            "opentelemetry-exporter-otlp or set OTEL_TRACES_EXPORTER=none",
            about="OTEL_TRACES_EXPORTER",
        )
    name = os.environ.get("OTEL_SERVICE_NAME", service)
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(found[0].load()()))
    trace.set_tracer_provider(provider)
