"""When an event that a subscriber did not take is tried again, and when it is given up."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from canonical.events import CanonicalEvent
from canonical.ports.stream import Delivery

RETRY_AFTER_SECONDS_MAX = 6 * 3600.0


@dataclass(frozen=True)
class Patience:
    """How often and how far apart: 12 attempts within a day, 6 where the endpoint refuses.

    After 10 s, 30 s, 90 s and so on by three, never more than five hours apart; a tenth more or
    less by chance, so that what failed together is not tried together.
    """

    first_seconds: float = 10.0
    factor: float = 3.0
    wait_seconds_max: float = 5 * 3600.0
    attempts_max: int = 12
    refusals_max: int = 6
    jitter: float = 0.1

    def next_after(self, attempts: int, how: Delivery, chance: float) -> timedelta | None:
        """How long to wait after so many failed attempts; None to give up. `chance` is 0 to 1."""
        if attempts >= (self.refusals_max if how.lasting else self.attempts_max):
            return None
        seconds = min(self.first_seconds * self.factor ** (attempts - 1), self.wait_seconds_max)
        seconds *= 1 + self.jitter * (2 * chance - 1)
        asked = min(how.retry_after_seconds or 0.0, RETRY_AFTER_SECONDS_MAX)
        return timedelta(seconds=max(seconds, asked))


def takes(event: CanonicalEvent, types: Sequence[str], legal_entities: Sequence[str]) -> bool:
    """Whether a subscription covers an event: by type (`invoice.*`) and by legal entity.

    A subscription without legal entities has them all; one with some has no event that names none.
    """
    if legal_entities and event.legal_entity not in legal_entities:
        return False
    return any(fnmatch.fnmatchcase(event.type, pattern) for pattern in types)
