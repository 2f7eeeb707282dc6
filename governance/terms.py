"""`terms.toml`: commercial terms that hold where a deal does not state its own (R58)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from canonical.money import Money
from governance.section import Amounts, Key, Section, minor


class OnboardingTerms(Section):
    """How long after the start an onboarding is due."""

    due_days: int = Field(gt=0, le=365)


class SupportTerms(Section):
    """Support tiers, lowest first, and what brings them (R66)."""

    tiers: list[Key] = Field(min_length=1)
    default_tier: Key
    tier_from: dict[Key, Amounts] = {}

    @model_validator(mode="after")
    def _tiers_exist(self) -> Self:
        if len(set(self.tiers)) != len(self.tiers):
            raise ValueError("tiers names a tier twice")
        for tier in (self.default_tier, *self.tier_from):
            if tier not in self.tiers:
                raise ValueError(f"{tier!r} is not one of the tiers {', '.join(self.tiers)}")
        return self

    def rank(self, tier: str) -> int:
        """The place of a tier, 0 the lowest; raises ValueError when there is no such tier."""
        return self.tiers.index(tier)

    def tier_for_amount(self, amount: Money) -> str | None:
        """The highest tier that an order of this amount brings by itself."""
        for tier in reversed(self.tiers):
            threshold = minor(self.tier_from.get(tier, {}), amount.currency)
            if threshold is not None and amount.amount_minor >= threshold:
                return tier
        return None


class Terms(Section):
    """Default term, start rule, payment days, onboarding and support."""

    term_months: int = Field(gt=0, le=120)
    start: Literal["close-date", "stated"]
    backdate_days_max: int = Field(default=31, ge=0, le=366)
    default_net_days: int = Field(ge=0, le=365)
    net_days: dict[Key, int] = {}
    onboarding: OnboardingTerms
    support: SupportTerms

    @model_validator(mode="after")
    def _net_days_in_range(self) -> Self:
        for region, days in self.net_days.items():
            if not 0 <= days <= 365:
                raise ValueError(f"net_days.{region} has to be between 0 and 365")
        return self

    def net_days_for(self, tax_region: str) -> int:
        """Days from invoice to due date in a tax region."""
        return self.net_days.get(tax_region, self.default_net_days)
