"""`expectations.toml`: what must follow what, and how soon (R14, R126)."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from canonical.milestones import Milestone
from governance.section import Key, Section


class Expectation(Section):
    """After one milestone of a process another must follow; one that has not is a case."""

    process: Key
    after: Milestone
    then: Milestone
    within_minutes: int = Field(gt=0, le=525_600)

    @model_validator(mode="after")
    def _follows_another(self) -> Self:
        if self.after is self.then:
            raise ValueError(f"{self.then} cannot be expected after itself")
        return self

    @property
    def within(self) -> timedelta:
        """How long the second milestone may take after the first."""
        return timedelta(minutes=self.within_minutes)


class Expectations(Section):
    """All expectations, by name."""

    expectations: dict[Key, Expectation] = {}
