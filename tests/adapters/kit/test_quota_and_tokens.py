"""The quota that clients of one account share, and the tokens they renew once."""

import asyncio
from datetime import timedelta

import pytest

from adapters.http import (
    HttpClient,
    Page,
    Token,
    TokenAuth,
    paged,
    quota_of,
    signed_jwt,
)
from canonical.connections import Limits
from canonical.errors import (
    Malformed,
    Misconfigured,
    RateLimited,
)
from tests.adapters.kit.initech import (
    NOW,
    Initech,
    asking,
    connection,
    fetch_token,
)


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


async def test_many_requests_share_one_renewal(url: str, vendor: Initech) -> None:
    """Twenty requests without a token fetch one."""
    async with asking(url, TokenAuth(fetch_token)) as client:
        answers = await asyncio.gather(
            *(client.request("GET", "/x", write=False) for _ in range(20))
        )

    assert vendor.tokens == 1
    assert {a.json["headers"]["authorization"] for a in answers} == {"Bearer token-1"}


async def test_a_token_is_renewed_before_it_ends(url: str, vendor: Initech) -> None:
    """A token in its last minute is not used any more."""
    moment = NOW

    async def fetch(client: HttpClient) -> Token:
        return Token((await fetch_token(client)).value, NOW + timedelta(hours=1))

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
    async with asking(url, TokenAuth(fetch_token)) as client:
        answer = await client.request("POST", "/orders", json={}, write=True)

    assert answer.json["headers"]["authorization"] == "Bearer token-2"


def test_a_token_does_not_show_itself() -> None:
    """A repr in a log is harmless."""
    assert "canary" not in repr(Token("canary"))


def test_a_key_that_cannot_sign_is_a_configuration_fault() -> None:
    """The message says what is wrong and nothing of the key."""
    with pytest.raises(Misconfigured) as refused:
        signed_jwt("canary, not a PEM", "RS256", {"iss": "x"})
    assert "canary" not in str(refused.value)


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
