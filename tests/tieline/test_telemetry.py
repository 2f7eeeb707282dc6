"""Logs are for people or for collectors, and pass the filters whoever wrote them."""

import json
import logging
from collections.abc import Iterator

import pytest

from canonical.errors import Misconfigured
from tieline.settings import Log
from tieline.telemetry import set_up_logging, set_up_tracing


@pytest.fixture(autouse=True)
def own_root_logger() -> Iterator[None]:
    """Leave the root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Masking(logging.Filter):
    """Masks one word, in the message and in tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record."""
        record.msg, record.args = record.getMessage().replace("hunter2", "***"), None
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = text.replace("hunter2", "***")
        return True


def test_json_lines_hold_time_level_logger_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line, for a collector."""
    set_up_logging(Log(json_lines=True))

    logging.getLogger("tieline.test").info("Started %s", "globex", extra={"workflow_id": "q2c"})

    _flush()
    line = json.loads(capsys.readouterr().err)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "tieline.test",
        "message": "Started globex",
        "workflow_id": "q2c",
    }


@pytest.mark.parametrize("json_lines", [True, False])
def test_filters_apply_to_every_record_and_its_traceback(
    json_lines: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library's log of a secret is masked as ours would be."""
    set_up_logging(Log(json_lines=json_lines), [Masking()])

    try:
        raise ValueError("password hunter2")
    except ValueError:
        logging.getLogger("a.library").exception("Failed with hunter2")

    _flush()
    written = capsys.readouterr().err
    assert "Failed with ***" in written
    assert "password ***" in written
    assert "hunter2" not in written


def test_traces_are_off_unless_the_environment_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No exporter, no cost."""
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)

    assert set_up_tracing("tieline-worker") == []


def test_an_exporter_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy is the package."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")

    with pytest.raises(Misconfigured, match="carrier-pigeon"):
        set_up_tracing("tieline-worker")


def _flush() -> None:
    """Logs are written by a thread of their own: wait for it."""
    for handler in logging.getLogger().handlers:
        handler.flush()
