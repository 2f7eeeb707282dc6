"""`definitions.toml`: which version of each definition is in force, who owns it, its parameters."""

from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from canonical.definitions import VERSIONS
from canonical.renewal import ReadinessRules
from canonical.risk import RiskRules
from governance.section import Amounts, Key, RoleName, Section, minor

Days = Annotated[int, Field(ge=0, le=3660)]
Percent = Annotated[int, Field(ge=0, le=100)]
TermsKey = Annotated[str, Field(pattern=r"^net-\d{1,3}$")]
SIGNALS = ("billing", "support", "usage", "implementation", "crm")


class InForce(Section):
    """The version of one definition that reports and processes use, and who decides on it."""

    version: int = Field(gt=0)
    owner: RoleName


class Payment(Section):
    """Late payment: days after the due date, and amounts in major units by currency (R116)."""

    grace_days: Days
    grace_days_by_terms: dict[TermsKey, Days] = {}
    late_days: Days
    serious_days: Days
    tolerance: Amounts = {}
    critical_over: Amounts = {}

    @model_validator(mode="after")
    def _stages_follow(self) -> Self:
        longest = max(self.grace_days, *self.grace_days_by_terms.values(), 0)
        if not longest < self.late_days < self.serious_days:
            raise ValueError(
                f"the stages have to follow each other: grace ({longest}) before late_days "
                f"({self.late_days}) before serious_days ({self.serious_days})"
            )
        return self


class Usage(Section):
    """Adoption: how old usage may be, and from which share of licensed users on it is good."""

    stale_days: Days
    amber_below_percent: Percent
    red_below_percent: Percent
    drop_percent: Percent

    @model_validator(mode="after")
    def _red_is_below_amber(self) -> Self:
        if self.red_below_percent > self.amber_below_percent:
            raise ValueError("red_below_percent is above amber_below_percent")
        return self


class Support(Section):
    """Which severities of open cases endanger a renewal, in support's own words."""

    severities_red: list[Key]
    severities_amber: list[Key]


class Renewal(Section):
    """Windows before a renewal (days, longest first), notice, and who answers for each signal."""

    windows_days: list[Annotated[int, Field(gt=0, le=730)]] = Field(min_length=1, max_length=12)
    notice_days: Days
    excluded_statuses: list[Key] = []
    owners: dict[str, RoleName]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if sorted(set(self.windows_days), reverse=True) != self.windows_days:
            raise ValueError("windows_days has to fall, none twice")
        if set(self.owners) != set(SIGNALS):
            raise ValueError(f"owners has to name an owner for each of {', '.join(SIGNALS)}")
        return self


class Customers(Section):
    """How systems say that a contract runs or rests, and which tasks prove an implementation."""

    active_statuses: list[Key] = Field(min_length=1)
    suspended_statuses: list[Key] = []
    pending_statuses: list[Key] = []
    required_milestones: list[Key] = []


class Health(Section):
    """Weights of customer health, and the scores from which on it is good or fair (R118)."""

    weights: dict[Key, Annotated[int, Field(gt=0, le=100)]]
    healthy_from: Percent
    fair_from: Percent
    confidence_min_percent: Percent

    @model_validator(mode="after")
    def _bands_follow(self) -> Self:
        inputs = {"payments", "support", "adoption", "implementation"}
        if set(self.weights) != inputs:
            raise ValueError(f"weights has to weigh each of {', '.join(sorted(inputs))}")
        if self.fair_from > self.healthy_from:
            raise ValueError("fair_from is above healthy_from")
        return self


class Definitions(Section):
    """The definitions in force, and every parameter that they take from the business."""

    definitions: dict[Key, InForce]
    payment: Payment
    usage: Usage
    support: Support
    renewal: Renewal
    customers: Customers
    health: Health

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in VERSIONS.keys() - self.definitions.keys():
            raise ValueError(f"definitions.{name} is missing, but this release uses it")
        for name, chosen in self.definitions.items():
            known = VERSIONS.get(name)
            if known is None:
                raise ValueError(f"definitions.{name} is no definition of this release")
            if chosen.version not in known:
                told = ", ".join(map(str, known))
                raise ValueError(f"definitions.{name}.version is not one of {told}")
        return self

    @cached_property
    def versions(self) -> dict[str, int]:
        """The version in force of each definition."""
        return {name: chosen.version for name, chosen in self.definitions.items()}

    def risk_rules(self) -> RiskRules:
        """What `domain.risk` goes by; amounts in minor units."""
        payment = self.payment
        return RiskRules(
            grace_days=payment.grace_days,
            grace_days_by_terms=dict(payment.grace_days_by_terms),
            late_days=payment.late_days,
            serious_days=payment.serious_days,
            tolerance_minor=_minor(payment.tolerance),
            critical_over_minor=_minor(payment.critical_over),
            versions=self.versions,
        )

    def readiness_rules(self) -> ReadinessRules:
        """What `domain.readiness` goes by."""
        return ReadinessRules(
            windows_days=self.renewal.windows_days,
            notice_days=self.renewal.notice_days,
            usage_stale_days=self.usage.stale_days,
            usage_amber_percent=self.usage.amber_below_percent,
            usage_red_percent=self.usage.red_below_percent,
            usage_drop_percent=self.usage.drop_percent,
            severities_red=self.support.severities_red,
            severities_amber=self.support.severities_amber,
            excluded_statuses=self.renewal.excluded_statuses,
            owners=self.renewal.owners,
            versions=self.versions,
        )


def _minor(amounts: Amounts) -> dict[str, int]:
    found = {currency: minor(amounts, currency) for currency in amounts}
    return {currency: amount for currency, amount in found.items() if amount is not None}
