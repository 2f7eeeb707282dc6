"""How a simulator tells us of events: signed webhooks, with what goes wrong on the way."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

Headers = Callable[[datetime], dict[str, str]]


@dataclass(frozen=True)
class Message:
    """One webhook; `headers` signs it for the moment of a sending."""

    id: str
    body: bytes
    headers: Headers


@dataclass(frozen=True)
class Mishaps:
    """What the network and the vendor make of a series of messages, each a share from 0 to 1.

    `duplicate` are sent once more, `reorder` change places with a later one, `lose` never leave,
    `late` are sent after all others.
    """

    duplicate: float = 0.0
    reorder: float = 0.0
    lose: float = 0.0
    late: float = 0.0
    seed: int = 1

    def applied(self, messages: Sequence[Message]) -> list[Message]:
        """The series as it is sent; the same seed gives the same series."""
        chance = random.Random(self.seed)  # noqa: S311  repeatable mishaps, not security
        kept = [m for m in messages if chance.random() >= self.lose]
        kept += [m for m in kept if chance.random() < self.duplicate]
        for place in range(len(kept) - 1):
            if chance.random() < self.reorder:
                other = chance.randrange(place, len(kept))
                kept[place], kept[other] = kept[other], kept[place]
        late = {id(m) for m in kept if chance.random() < self.late}
        return [m for m in kept if id(m) not in late] + [m for m in kept if id(m) in late]


class WebhookSender:
    """Posts messages to one address, a few at a time; use it as an async context manager.

    A connection that cannot be made is tried again `attempts` times in all; an answer, whatever its
    status, is final.
    """

    def __init__(
        self,
        url: str,
        *,
        concurrency: int = 8,
        attempts: int = 4,
        pause_seconds: float = 0.2,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.url = url
        self.attempts = attempts
        self.pause_seconds = pause_seconds
        self._client = client or httpx.AsyncClient(timeout=30)
        self._slots = asyncio.Semaphore(concurrency)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def send(self, messages: Sequence[Message], mishaps: Mishaps | None = None) -> list[int]:
        """Send each; answers the HTTP status of each sending, 0 when no connection was made."""
        sent = mishaps.applied(messages) if mishaps else list(messages)
        return list(await asyncio.gather(*(self._send_one(message) for message in sent)))

    async def _send_one(self, message: Message) -> int:
        async with self._slots:
            for attempt in range(self.attempts):
                if attempt:
                    await asyncio.sleep(self.pause_seconds * attempt)
                try:
                    headers = message.headers(datetime.now(UTC))
                    sent = await self._client.post(self.url, content=message.body, headers=headers)
                except httpx.TransportError:
                    continue
                return sent.status_code
        return 0
