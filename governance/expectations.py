"""`expectations.toml`: what must follow what, and how soon (R14, R126)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Self

from pydantic import Field, model_validator

from canonical.milestones import Milestone
from governance.section import Key, RoleName, Section


class Expectation(Section):
    """After one milestone of a process another must follow; its owner is told when it has not."""

    process: Key
    after: Milestone
    then: Milestone
    within_minutes: int = Field(gt=0, le=525_600)
    owner: RoleName

    @model_validator(mode="after")
    def _follows_another(self) -> Self:
        if self.after is self.then:
            raise ValueError(f"{self.then} cannot be expected after itself")
        return self

    def missing_since(self, reached: Mapping[str, datetime], now: datetime) -> datetime | None:
        """Since when the second milestone is overdue; None while it is not, or has been reached."""
        begun = reached.get(self.after)
        if begun is None or self.then in reached:
            return None
        due = begun + timedelta(minutes=self.within_minutes)
        return due if due < now else None


class Expectations(Section):
    """All expectations, by name."""

    expectations: dict[Key, Expectation] = {}

    def missing(
        self, process: str, reached: Mapping[str, datetime], now: datetime
    ) -> dict[str, datetime]:
        """The expectations that one process has missed, each with when it should have been met.

        `reached` says when each milestone was reached.
        """
        found = {}
        for name, expectation in self.expectations.items():
            due = (
                expectation.missing_since(reached, now) if expectation.process == process else None
            )
            if due is not None:
                found[name] = due
        return found
