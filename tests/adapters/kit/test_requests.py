"""What the kit sends, and what it makes of each way to fail."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from adapters.http import (
    Answer,
    HttpClient,
    StaticAuth,
    error_for,
    retry_after,
)
from canonical.connections import Environment, Limits
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
from tests.adapters.kit.initech import (
    NOW,
    TABLE,
    asking,
    connection,
    raw_server,
)


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


async def test_a_header_that_cannot_be_sent_is_a_fault_of_ours(url: str) -> None:
    """Nothing went out, so nothing is in doubt."""
    async with asking(url) as client:
        with pytest.raises(Malformed):
            await client.request("POST", "/x", headers={"Key": "a\nb"}, write=True)
        with pytest.raises(Malformed):
            await client.request("POST", "/x", headers={"Key": "\u2019"}, write=True)


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
