"""What one check of the doctor found."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.service import RPCError

from canonical.errors import TielineError

CHECK_SECONDS = 15.0


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is good, and what was seen or is to be done."""

    check: str
    good: bool
    says: str


async def checked(check: str, look: Callable[[], Awaitable[str]]) -> Finding:
    """What a look says, or what it ran into."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return Finding(check, True, await look())
    except TielineError as error:
        return Finding(check, False, f"{error.cause}: {error}")
    except (TimeoutError, RPCError) as error:
        return Finding(check, False, f"Unavailable: no answer ({error or CHECK_SECONDS})")
