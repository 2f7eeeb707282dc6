"""The HTTP kit on its own, against a small vendor made for these tests and raw sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.http import (
    Answer,
    ErrorTable,
    HttpClient,
    Page,
    RedactingFilter,
    Row,
    StaticAuth,
    Token,
    TokenAuth,
    VendorError,
    error_for,
    paged,
    quota_of,
    redact,
    require_environment,
    resolve,
    retry_after,
    secret,
    signed_jwt,
)
from adapters.http.client import ANSWER_BYTES_MAX
from adapters.registry import VENDORS, connect
from canonical.connections import Connection, Environment, Limits
from canonical.errors import (
    Busy,
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
    Unavailable,
)
from simulators.kernel import Simulator, json_response
from simulators.serve import serving

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def read_error(answer: Answer) -> VendorError:
    """The error body of the small vendor."""
    body = answer.json
    return VendorError(body["code"], body["message"], body.get("param", ""))


TABLE = ErrorTable(
    "Initech",
    read_error,
    [
        Row(400, "closed", Rejected, "closed"),
        Row(503, "maintenance", Unavailable, "nothing was done"),
        Row(403, "quota", RateLimited, "used up", 900.0),
    ],
)


class Initech(Simulator):
    """A vendor that echoes what it is sent, and says no when told to."""

    name = "initech"

    def reset(self) -> None:
        self.tokens = 0

    def routes(self) -> list[BaseRoute]:
        async def echo(request: Request) -> Response:
            body = (await request.body()).decode()
            raw = request.scope["raw_path"].decode()
            return json_response(
                {"path": raw, "query": request.url.query, "body": body,
                 "headers": dict(request.headers)}
            )  # fmt: skip

        async def token(_: Request) -> Response:
            self.tokens += 1
            return json_response({"access_token": f"token-{self.tokens}"})

        async def big(_: Request) -> Response:
            return Response(b"x" * (ANSWER_BYTES_MAX + 1))

        async def page(_: Request) -> Response:
            return Response("<html>down</html>", media_type="text/html")

        async def away(_: Request) -> Response:
            return Response(status_code=302, headers={"Location": "https://evil.example/"})

        return [
            Route("/token", token, methods=["POST"]),
            Route("/big", big, methods=["GET", "POST"]),
            Route("/html", page, methods=["GET", "POST"]),
            Route("/away", away),
            Route("/{rest:path}", echo, methods=["GET", "POST", "PATCH"]),
        ]

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        return json_response({"code": code, "message": message}, status)

    def state(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def vendor() -> Initech:
    return Initech()


@pytest.fixture
async def url(vendor: Initech) -> AsyncIterator[str]:
    async with serving({"initech": vendor}) as urls:
        yield urls["initech"]


def connection(url: str, **changes: Any) -> Connection:
    """A connection to Initech."""
    return Connection(**({"name": "initech", "role": "crm", "vendor": "initech", "base_url": url}
                         | changes))  # fmt: skip


@asynccontextmanager
async def asking(url: str, auth: Any = None, **changes: Any) -> AsyncIterator[HttpClient]:
    """A client of Initech."""
    client = HttpClient(connection(url, **changes), auth or StaticAuth.none(), TABLE)
    yield client
    await client.aclose()


@asynccontextmanager
async def raw_server(
    respond: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that reads a request's head and then does whatever it likes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await respond(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# What is sent


async def test_an_encoded_slash_in_a_path_stays_encoded(url: str) -> None:
    """External ids may hold a slash."""
    async with asking(url) as client:
        answer = await client.request("GET", "/x/a%2Fb", params={"q": "a b"}, write=False)

    assert (answer.json["path"], answer.json["query"]) == ("/x/a%2Fb", "q=a+b")


async def test_decimals_are_sent_and_read_exactly(url: str) -> None:
    """Money survives JSON without a float's neighbour."""
    async with asking(url) as client:
        amount = {"amount": Decimal("12000.10")}
        answer = await client.request("POST", "/x", json=amount, write=True)
    assert answer.json["body"] == '{"amount":12000.10}'

    read = Answer("GET", "/x", 200, {}, b'{"amount": 0.1}')
    assert read.exact["amount"] == Decimal("0.1")


async def test_forms_and_the_product_name_are_sent(url: str) -> None:
    """A vendor's support can tell whose requests they see."""
    async with asking(url) as client:
        answer = await client.request("POST", "/x", form=[("a[0]", "1 2")], write=True)

    assert answer.json["body"] == "a%5B0%5D=1+2"
    assert answer.json["headers"]["user-agent"].startswith("Tieline/")


async def test_credentials_are_not_sent_to_another_host(url: str) -> None:
    """A link in an answer does not lead our key away."""
    async with asking(url, StaticAuth.bearer("t")) as client:
        with pytest.raises(Malformed, match="another host"):
            await client.request("GET", "https://evil.example/next", write=False)
        with pytest.raises(Malformed):
            await client.request("GET", "/away", write=False)
        same = await client.request("GET", f"{url}/next", write=False)
    assert same.ok


def test_a_live_connection_does_not_speak_plain_http() -> None:
    """Live credentials travel encrypted or not at all."""
    with pytest.raises(Misconfigured, match="https"):
        HttpClient(
            connection("http://api.initech.example", environment=Environment.LIVE),
            StaticAuth.none(), TABLE,
        )  # fmt: skip


# What a failure means


async def test_a_refused_connection_carried_nothing() -> None:
    """Even a write is merely unavailable."""
    async with asking("http://127.0.0.1:9") as client:
        with pytest.raises(Unavailable):
            await client.request("POST", "/x", json={}, write=True)


async def test_a_name_that_does_not_resolve_carried_nothing() -> None:
    """DNS fails before anything is sent."""
    async with asking("http://initech.invalid") as client:
        with pytest.raises(Unavailable):
            await client.request("POST", "/x", json={}, write=True)


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 smtp.initech.example ready\r\n\r\n")
    await writer.drain()


async def _drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(100):
        writer.write(b" ")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("respond", [_reset, _close, _nonsense, _drip])
@pytest.mark.parametrize(("write", "error"), [(True, OutcomeUnknown), (False, Unavailable)])
async def test_whatever_breaks_after_the_request_was_sent_leaves_a_write_in_doubt(
    respond: Callable[[asyncio.StreamWriter], Awaitable[None]],
    write: bool,
    error: type[TielineError],
) -> None:
    """Reset, early close, another protocol, an endless drip: the write may stand."""
    async with (
        raw_server(respond) as url,
        asking(url, limits=Limits(timeout_seconds=0.1)) as client,
    ):
        with pytest.raises(error) as failed:
            await client.request("POST", "/x?secret=1", write=write)
    assert type(failed.value) is error
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(("path", "shape"), [("/big", "bigger"), ("/html", "not JSON")])
async def test_an_unreadable_answer_leaves_a_write_in_doubt(
    url: str, path: str, shape: str
) -> None:
    """A read that cannot be understood is malformed; a write may have been carried out."""
    async with asking(url) as client:
        with pytest.raises(Malformed, match=shape):
            _ = (await client.request("GET", path, write=False)).json
        with pytest.raises(OutcomeUnknown, match=shape):
            _ = (await client.request("POST", path, write=True)).json


@pytest.mark.parametrize(
    ("status", "code", "write", "error"),
    [
        (400, "closed", True, Rejected),
        (400, "other", True, Malformed),
        (401, "", False, Unauthorized),
        (403, "", False, Unauthorized),
        (404, "", False, NotFound),
        (408, "", False, Unavailable),
        (408, "", True, OutcomeUnknown),
        (409, "", True, Busy),
        (415, "", True, Malformed),
        (422, "", True, Rejected),
        (424, "", True, OutcomeUnknown),
        (429, "", True, RateLimited),
        (500, "", True, OutcomeUnknown),
        (500, "", False, Unavailable),
        (503, "maintenance", True, Unavailable),
        (599, "", True, OutcomeUnknown),
    ],
)
def test_an_answer_means_one_error(
    status: int, code: str, write: bool, error: type[TielineError]
) -> None:
    """The vendor's table first, then the status."""
    body = f'{{"code": "{code}", "message": "no"}}'.encode()
    answer = Answer("POST", "/v1/things/7", status, {"request-id": "req_1"}, body, write)

    refused = error_for(answer, TABLE)

    assert type(refused) is error
    assert str(refused) == f"Initech POST /v1/things/7: {code or status}: no"
    assert refused.details["status"] == status
    assert refused.details["request_id"] == "req_1"


def test_an_error_body_nobody_can_read_does_not_hide_the_status() -> None:
    """Gateways answer in HTML."""
    refused = error_for(Answer("GET", "/x", 502, {}, b"<html>"), TABLE)

    assert isinstance(refused, Unavailable)
    assert "502" in str(refused)


def test_a_vendors_message_shows_no_secret() -> None:
    """Vendors repeat keys and addresses in their errors."""
    body = b'{"code": "x", "message": "bad key sk_live_abc123 of ann@globex.example"}'

    refused = error_for(Answer("GET", "/x", 400, {}, body), TABLE)

    assert "abc123" not in str(refused)
    assert "ann@" not in str(refused)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None), ("7", 7.0), ("0.5", 0.5), ("soon", None), ("-3", None),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0), ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("99999999", 86400.0),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds(header: str, seconds: float | None) -> None:
    """Both forms of RFC 9110, bounded by a day."""
    assert retry_after(header, NOW) == seconds


# Quota


async def test_a_pause_holds_every_client_of_the_account(url: str, vendor: Initech) -> None:
    """What one connection is told, the others of the account heed."""
    vendor.faults.arm(kind="throttle", retry_after=60)
    async with asking(url, account="one") as first, asking(url, account="one", name="b") as second:
        with pytest.raises(RateLimited):
            await first.request("GET", "/x", write=False)
        with pytest.raises(RateLimited) as held:
            await second.request("GET", "/x", write=False)

    assert 59 < (held.value.retry_after_seconds or 0) <= 60
    assert len(vendor.log) == 1


async def test_a_row_may_say_for_how_long_where_the_vendor_does_not(
    url: str, vendor: Initech
) -> None:
    """A daily allowance is not asked for again at once."""
    vendor.faults.arm(kind="reject", status=403, code="quota")
    async with asking(url) as client:
        with pytest.raises(RateLimited) as refused:
            await client.request("GET", "/x", write=False)
        assert quota_of(client.connection).paused_seconds > 890
    assert refused.value.retry_after_seconds == 900


async def test_a_short_pause_is_waited_for(url: str, vendor: Initech) -> None:
    """The call goes through when the pause is over."""
    async with asking(url) as client:
        quota_of(client.connection).pause(0.05)
        answer = await client.request("GET", "/x", write=False)

    assert answer.ok


async def test_requests_beyond_the_concurrency_wait_their_turn(url: str, vendor: Initech) -> None:
    """Never more at the vendor at one time than the account allows."""
    vendor.latency_seconds = 0.02
    limits = Limits(concurrent_requests=2, requests_per_second=1000)
    async with asking(url, limits=limits) as client:
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(client.request("GET", "/x", write=False) for _ in range(6)))
        elapsed = asyncio.get_running_loop().time() - started

    assert elapsed >= 0.06


async def test_the_rate_is_held_from_the_first_second(url: str) -> None:
    """The bucket holds a tenth of a second, not a whole second's burst."""
    async with asking(url, limits=Limits(requests_per_second=50)) as client:
        quota = quota_of(client.connection)
        passed = 0

        async def take() -> None:
            nonlocal passed
            async with quota.turn(wait_seconds=0.1):
                passed += 1

        await asyncio.gather(*(take() for _ in range(50)), return_exceptions=True)

    assert passed <= 12


async def test_the_strictest_connection_sets_the_accounts_pace() -> None:
    """Two connections of one account cannot disagree upwards."""
    wide = connection("http://127.0.0.1:9", account="x")
    tight = wide.model_copy(update={"limits": Limits(concurrent_requests=1)})

    assert quota_of(wide) is quota_of(tight)
    assert quota_of(wide).concurrent_requests == 1


# Tokens


async def test_many_requests_share_one_renewal(url: str, vendor: Initech) -> None:
    """Twenty requests without a token fetch one."""
    async with asking(url, TokenAuth(_fetch)) as client:
        answers = await asyncio.gather(
            *(client.request("GET", "/x", write=False) for _ in range(20))
        )

    assert vendor.tokens == 1
    assert {a.json["headers"]["authorization"] for a in answers} == {"Bearer token-1"}


async def test_a_token_is_renewed_before_it_ends(url: str, vendor: Initech) -> None:
    """A token in its last minute is not used any more."""
    moment = NOW

    async def fetch(client: HttpClient) -> Token:
        return Token((await _fetch(client)).value, NOW + timedelta(hours=1))

    async with asking(url, TokenAuth(fetch, clock=lambda: moment)) as client:
        await client.request("GET", "/x", write=False)
        moment = NOW + timedelta(minutes=58)
        await client.request("GET", "/x", write=False)
        assert vendor.tokens == 1
        moment = NOW + timedelta(minutes=59, seconds=30)
        await client.request("GET", "/x", write=False)

    assert vendor.tokens == 2


async def test_a_write_refused_for_its_token_is_sent_once_more(url: str, vendor: Initech) -> None:
    """A refused token means that nothing was done."""
    vendor.faults.arm(kind="expire_token", path="/orders")
    async with asking(url, TokenAuth(_fetch)) as client:
        answer = await client.request("POST", "/orders", json={}, write=True)

    assert answer.json["headers"]["authorization"] == "Bearer token-2"


async def _fetch(client: HttpClient) -> Token:
    answer = await client.request("POST", "/token", write=False, authorized=False)
    return Token(answer.json["access_token"])


def test_a_token_does_not_show_itself() -> None:
    """A repr in a log is harmless."""
    assert "canary" not in repr(Token("canary"))


def test_a_key_that_cannot_sign_is_a_configuration_fault() -> None:
    """The message says what is wrong and nothing of the key."""
    with pytest.raises(Misconfigured) as refused:
        signed_jwt("canary, not a PEM", "RS256", {"iss": "x"})
    assert "canary" not in str(refused.value)


# Paging


async def test_pages_are_followed_to_the_end() -> None:
    """Every item comes once."""
    pages = {None: Page([1, 2], "b"), "b": Page([3], None)}

    async def fetch(cursor: str | None) -> Page[int]:
        return pages[cursor]

    assert [i async for i in paged(fetch, pages_max=5, what="x")] == [1, 2, 3]


@pytest.mark.parametrize("cursors", [["a", "a", "a"], ["a", "b", "c", "d"]])
async def test_a_list_without_an_end_is_not_followed_forever(cursors: list[str]) -> None:
    """A repeated cursor or too many pages is an error, never a short list."""
    following = iter(cursors)

    async def fetch(_: str | None) -> Page[int]:
        return Page([1], next(following))

    with pytest.raises(Malformed):
        _ = [i async for i in paged(fetch, pages_max=3, what="x")]


# Secrets, logs, environments


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

    from adapters.http import client as kit

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


# Registry


def test_an_unknown_vendor_is_told_which_ones_there_are() -> None:
    """The list in the message is the registry."""
    with pytest.raises(Misconfigured) as refused:
        connect(connection("https://initech.example"))
    for role, vendor in VENDORS:
        assert f"{role}/{vendor}" in str(refused.value)
