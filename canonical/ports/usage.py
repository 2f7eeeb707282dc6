"""Product usage: how much of what it bought a customer uses."""

from datetime import datetime
from typing import Protocol

from canonical.renewal import AdoptionFacts


class UsagePort(Protocol):
    """A warehouse table or view of usage; it is only read (R83)."""

    async def check(self) -> str:
        """Prove that the table can be read and has the declared columns; says what answered."""
        ...

    async def adoption(self, account_id: str, until: datetime) -> AdoptionFacts:
        """The account's usage in the 30 days before, and in the 30 days before those; `as_of` is
        None for an account without any. Raises Unavailable or Misconfigured."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
