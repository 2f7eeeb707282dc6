"""Gainsight counts calls in whole minutes of the clock and never says how many are left."""

import asyncio
from datetime import datetime
from weakref import WeakKeyDictionary

from canonical.connections import Connection
from canonical.errors import Misconfigured, RateLimited

CALLS_PER_MINUTE = 100


class MinuteWindow:
    """The calls of one tenant in the present minute, shared by all its connections here."""

    def __init__(self, account: str, calls_max: int) -> None:
        self.account = account
        self.calls_max = calls_max
        self._minute = 0
        self._used = 0

    def take(self, now: datetime) -> None:
        """Count a call; raises RateLimited, until the minute ends, once they are used up."""
        minute = int(now.timestamp() // 60)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        if self._used >= self.calls_max:
            raise RateLimited(
                f"the {self.calls_max} calls a minute of {self.account} are used up",
                about=self.account,
                retry_after_seconds=seconds_left(now),
            )
        self._used += 1


def seconds_left(now: datetime) -> float:
    """How long the present minute still lasts."""
    return 60.0 - now.timestamp() % 60


_windows: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, MinuteWindow]] = (
    WeakKeyDictionary()
)


def window_of(connection: Connection) -> MinuteWindow:
    """The window of the connection's tenant in this event loop.

    Its size is the option `calls_per_minute` (100 by default), or less where the connection's own
    limits say so; raises Misconfigured when the option is not a number.
    """
    stated = connection.options.get("calls_per_minute", str(CALLS_PER_MINUTE))
    if not stated.isdecimal():
        raise Misconfigured(f"calls_per_minute is {stated!r}", about=connection.name)
    calls = max(1, min(int(stated), int(connection.limits.requests_per_second * 60)))
    windows = _windows.setdefault(asyncio.get_running_loop(), {})
    window = windows.setdefault(connection.quota, MinuteWindow(connection.quota, calls))
    window.calls_max = min(window.calls_max, calls)
    return window
