"""Where secrets come from, and that they are not seen again."""

import logging
from pathlib import Path

import pytest
from opentelemetry import trace

from adapters.http import (
    RedactingFilter,
    StaticAuth,
    redact,
    require_environment,
    resolve,
    secret,
)
from adapters.registry import VENDORS, connect
from canonical.connections import Environment
from canonical.errors import (
    Misconfigured,
)
from tests.adapters.kit.initech import Initech, asking, connection


def test_a_secret_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trailing line break of a file is not part of it."""
    monkeypatch.setenv("INITECH_KEY", "one")
    (tmp_path / "key").write_text("two\nlines\n")

    assert resolve("env:INITECH_KEY") == "one"
    assert resolve(f"file:{tmp_path / 'key'}") == "two\nlines"


@pytest.mark.parametrize("reference", ["env:NOBODY_SET_THIS", "file:/nowhere/key"])
def test_a_missing_secret_is_named_by_its_reference(reference: str) -> None:
    """An operator sees where to put it."""
    with pytest.raises(Misconfigured, match=reference):
        resolve(reference)


@pytest.mark.parametrize("value", ["sk_live_canary", "vault:canary", "env:", ""])
def test_a_secret_written_where_its_reference_belongs_is_not_repeated(value: str) -> None:
    """The mistake is told without spreading it."""
    with pytest.raises(Misconfigured) as refused:
        resolve(value)
    assert "canary" not in str(refused.value)


def test_a_secret_that_is_not_configured_is_named() -> None:
    """Which connection, which secret."""
    with pytest.raises(Misconfigured, match=r"initech needs secrets\.api_key"):
        secret(connection("https://initech.example"), "api_key")


@pytest.mark.parametrize(
    "canary",
    [
        "Authorization: Bearer canary.123456",
        "'authorization': 'Basic Y2FuYXJ5OnNlY3JldA=='",
        "Accesskey: canary-99",
        "sk_live_canary1", "rk_test_canary1", "whsec_canary1==",
        "eyJhbGciOi.canaryPayload.canarySignature",
        "00D5g000004abcd!AQcanary.token",
        "ann.canary@globex.example",
        "client_secret=canary&x=1",
        "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_a_logged_secret_is_masked(canary: str) -> None:
    """In messages, arguments, extra fields and tracebacks."""
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "sent %s", (canary,), None)
    record.header = canary

    assert RedactingFilter().filter(record)

    assert "canary" not in record.getMessage()
    assert "canary" not in record.header
    assert "Y2FuYXJ5" not in record.getMessage() + redact(canary)


def test_ordinary_text_is_left_alone() -> None:
    """Ids and paths are what operators search for."""
    text = "Stripe POST /v1/subscriptions: sub_1QGlobex for 0065g00000GlobexAAA at 12:30"
    assert redact(text) == text


async def test_one_line_a_call_names_route_and_outcome_but_no_query(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log line has the path's shape, not its content."""
    caplog.set_level(logging.DEBUG)
    async with asking(url, StaticAuth.bearer("canary-token")) as client:
        await client.request(
            "GET", "/things/0065g00000GlobexAAA", params={"q": "canary"}, write=False,
            correlation_id="tl-1",
        )  # fmt: skip

    (line,) = [r for r in caplog.records if r.name == "adapters.http"]
    assert "route=/things/{id} status=200" in line.getMessage()
    assert "correlation_id=tl-1" in line.getMessage()
    assert "canary" not in caplog.text


async def test_every_call_is_a_client_span(url: str, vendor: Initech) -> None:
    """Traces show vendor, route and status."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from adapters.http import observation as kit

    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kit, "_tracer", provider.get_tracer("test"))
        async with asking(url) as client:
            await client.request("GET", "/things/12345", write=False)

    (span,) = spans.get_finished_spans()
    assert span.name == "GET /things/{id}"
    assert span.kind is trace.SpanKind.CLIENT
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["tieline.vendor"] == "initech"


@pytest.mark.parametrize(
    ("environment", "looks_live", "fits"),
    [
        (Environment.LIVE, True, True), (Environment.TEST, False, True),
        (Environment.LIVE, None, True), (Environment.TEST, None, True),
        (Environment.LIVE, False, False), (Environment.TEST, True, False),
    ],
)  # fmt: skip
def test_live_and_test_do_not_mix(
    environment: Environment, looks_live: bool | None, fits: bool
) -> None:
    """A mismatch is refused in both directions; silence passes."""
    known = connection("https://initech.example", environment=environment)
    if fits:
        require_environment(known, looks_live)
    else:
        with pytest.raises(Misconfigured):
            require_environment(known, looks_live)


def test_an_unknown_vendor_is_told_which_ones_there_are() -> None:
    """The list in the message is the registry."""
    with pytest.raises(Misconfigured) as refused:
        connect(connection("https://initech.example"))
    for role, vendor in VENDORS:
        assert f"{role}/{vendor}" in str(refused.value)
