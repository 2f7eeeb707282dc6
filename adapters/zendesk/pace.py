"""Zendesk exports have a limit of their own, far below that of the account."""

import asyncio
import time
from collections import deque
from weakref import WeakKeyDictionary

from canonical.connections import Connection
from canonical.errors import Misconfigured, RateLimited

EXPORTS_PER_MINUTE = 10
WINDOW_SECONDS = 60.0


class ExportPace:
    """The exports of one account in the last minute.

    Kept here because an export that Zendesk throttles would pause the whole account, entitlements
    included.
    """

    def __init__(
        self, account: str, exports_max: int, window_seconds: float = WINDOW_SECONDS
    ) -> None:
        self.account = account
        self.exports_max = exports_max
        self.window_seconds = window_seconds
        self._taken: deque[float] = deque()

    def take(self, now: float) -> None:
        """Count an export at a monotonic time; raises RateLimited once they are used up."""
        while self._taken and self._taken[0] <= now - self.window_seconds:
            self._taken.popleft()
        if len(self._taken) >= self.exports_max:
            raise RateLimited(
                f"the {self.exports_max} exports a minute of {self.account} are used up",
                about=self.account,
                retry_after_seconds=self._taken[0] + self.window_seconds - now,
            )
        self._taken.append(now)

    async def turn(self) -> None:
        """Wait, at most a minute, until an export is free; raises RateLimited when others were
        faster."""
        try:
            self.take(time.monotonic())
        except RateLimited as limited:
            await asyncio.sleep(limited.retry_after_seconds or 0.0)
            self.take(time.monotonic())


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, ExportPace]] = WeakKeyDictionary()


def pace_of(connection: Connection) -> ExportPace:
    """The pace of the connection's account in this event loop.

    The option `exports_per_minute` is 10 unless the account has the High Volume add-on; raises
    Misconfigured when it is not a positive number.
    """
    stated = connection.options.get("exports_per_minute", str(EXPORTS_PER_MINUTE))
    if not stated.isdecimal() or int(stated) < 1:
        raise Misconfigured(f"exports_per_minute is {stated!r}", about=connection.name)
    paces = _paces.setdefault(asyncio.get_running_loop(), {})
    pace = paces.setdefault(connection.quota, ExportPace(connection.quota, int(stated)))
    pace.exports_max = min(pace.exports_max, int(stated))
    return pace
