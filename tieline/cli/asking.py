"""One question to the ledger, for commands that only read it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ledger.database import Database
from tieline.settings import Settings

T = TypeVar("T")


def asked(settings: Settings, ask: Callable[[Database], Awaitable[T]]) -> T:
    """The answer of the ledger that the settings name, which is closed again."""

    async def run() -> T:
        database = Database.open(settings.ledger_url)
        try:
            return await ask(database)
        finally:
            await database.close()

    return asyncio.run(run())
