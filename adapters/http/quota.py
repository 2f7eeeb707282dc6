"""How fast one vendor account may be asked, shared by everything in this process that asks it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter

from canonical.connections import Connection, Limits
from canonical.errors import RateLimited

WAIT_SECONDS_MAX = 30.0
PAUSE_SECONDS_MAX = 24 * 3600.0
BURST_SECONDS = 0.1


class Quota:
    """The rate, the concurrency and the pause of one vendor account."""

    def __init__(self, account: str, limits: Limits) -> None:
        self.account = account
        self.requests_per_second = limits.requests_per_second
        self.concurrent_requests = limits.concurrent_requests
        self._rate = _limiter(limits.requests_per_second)
        self._slots = asyncio.Semaphore(limits.concurrent_requests)
        self._paused_until = 0.0

    def tighten(self, limits: Limits) -> None:
        """Take over another connection's limits where they are stricter."""
        if limits.requests_per_second < self.requests_per_second:
            self.requests_per_second = limits.requests_per_second
            self._rate = _limiter(limits.requests_per_second)
        if limits.concurrent_requests < self.concurrent_requests:
            self.concurrent_requests = limits.concurrent_requests
            self._slots = asyncio.Semaphore(limits.concurrent_requests)

    def pause(self, seconds: float) -> None:
        """Ask nothing more of the account for so long: the vendor said so."""
        until = asyncio.get_running_loop().time() + min(max(seconds, 0.0), PAUSE_SECONDS_MAX)
        self._paused_until = max(self._paused_until, until)

    @property
    def paused_seconds(self) -> float:
        """How long the pause still lasts."""
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    @contextlib.asynccontextmanager
    async def turn(self, wait_seconds: float = WAIT_SECONDS_MAX) -> AsyncIterator[None]:
        """Wait for a turn and hold one of the account's slots meanwhile.

        Raises RateLimited when the turn would not come within `wait_seconds`.
        """
        slots = self._slots
        try:
            async with asyncio.timeout(wait_seconds):
                await slots.acquire()
                try:
                    await self._pass(wait_seconds)
                except BaseException:
                    slots.release()
                    raise
        except TimeoutError:
            raise self._too_long(self.paused_seconds or 1.0) from None
        try:
            yield
        finally:
            slots.release()

    async def _pass(self, wait_seconds: float) -> None:
        # The pause can be prolonged, or begin, while waiting; the timeout around bounds the loop.
        while True:
            while (pause := self.paused_seconds) > 0:
                if pause > wait_seconds:
                    raise self._too_long(pause)
                await asyncio.sleep(pause)
            await self._rate.acquire()
            if self.paused_seconds == 0:
                return

    def _too_long(self, seconds: float) -> RateLimited:
        return RateLimited(
            f"the quota of {self.account} is used up here", about=self.account,
            details={"account": self.account}, retry_after_seconds=seconds,
        )  # fmt: skip


def _limiter(requests_per_second: float) -> AsyncLimiter:
    # A leaky bucket of a tenth of a second: a whole second's burst would let twice the rate through
    # in the first second.
    burst = max(1.0, requests_per_second * BURST_SECONDS)
    return AsyncLimiter(burst, burst / requests_per_second)


_quotas: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Quota]] = WeakKeyDictionary()


def quota_of(connection: Connection) -> Quota:
    """The quota of the connection's account in this event loop; the strictest limits count."""
    accounts = _quotas.setdefault(asyncio.get_running_loop(), {})
    quota = accounts.get(connection.quota)
    if quota is None:
        quota = accounts[connection.quota] = Quota(connection.quota, connection.limits)
    else:
        quota.tighten(connection.limits)
    return quota
