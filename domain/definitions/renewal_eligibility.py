"""Whether a contract can be renewed now (R51, R124)."""

from datetime import date, timedelta
from enum import StrEnum

from canonical.orders import Fact
from canonical.renewal import ContractTerms, ReadinessRules
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.renewal_date import renewal_dates
from domain.definitions.samples import READINESS, terms


class Eligibility(StrEnum):
    """Whether a contract can be renewed."""

    ELIGIBLE = "eligible"
    NOT_YET = "not_yet"
    LAPSED = "lapsed"
    CANCELLED = "cancelled"
    EXCLUDED = "excluded"


class ContractOnDay(Fact):
    """A contract on a day, under the rules of the business."""

    terms: ContractTerms
    today: date
    rules: ReadinessRules = ReadinessRules()


def eligibility(given: ContractOnDay) -> Decision:
    """Eligible in the window before the renewal date; a contract that goes on stays so after it."""
    terms, today = given.terms, given.today
    if terms.status in given.rules.excluded_statuses:
        return Decision(Eligibility.EXCLUDED, [f"a contract that is {terms.status} does not renew"])
    dates = renewal_dates(terms, given.rules.notice_days)
    if dates is None:
        return Decision(Eligibility.EXCLUDED, ["the contract states no end"])
    renews_on, opens_on = dates.renews_on, _opens_on(dates.renews_on, given.rules)
    if not terms.active and today <= renews_on:
        return Decision(Eligibility.CANCELLED, [f"{terms.status} before it was to renew"])
    if today > renews_on and not (terms.active and terms.auto_renews):
        return Decision(Eligibility.LAPSED, [f"it ended on {renews_on}"])
    if today < opens_on:
        return Decision(Eligibility.NOT_YET, [f"the window opens on {opens_on}"])
    return Decision(Eligibility.ELIGIBLE, [f"the window opened on {opens_on}"])


def _opens_on(renews_on: date, rules: ReadinessRules) -> date:
    return renews_on - timedelta(days=max(rules.windows_days))


def _of(
    name: str, today: date, value: Eligibility, reason: str, **facts: object
) -> Example[ContractOnDay]:
    given = ContractOnDay(terms=terms(**facts), today=today, rules=READINESS)
    return Example(name, given, value, (reason,))


RENEWAL_ELIGIBILITY = Definition(
    name="renewal_eligibility",
    version=1,
    meaning="A running contract that states an end is eligible from the opening of its window "
    "until it ends, and beyond where it renews by itself.",
    requirements=(51, 124),
    inputs=ContractOnDay,
    outcomes=Eligibility,
    decide=eligibility,
    examples=(
        _of("on the day before the window", date(2026, 10, 1), Eligibility.NOT_YET,
            "the window opens on 2026-10-02"),
        _of("on the day the window opens", date(2026, 10, 2), Eligibility.ELIGIBLE,
            "the window opened on 2026-10-02"),
        _of("on the last day", date(2026, 12, 31), Eligibility.ELIGIBLE,
            "the window opened on 2026-10-02"),
        _of("on the day after", date(2027, 1, 1), Eligibility.LAPSED, "it ended on 2026-12-31"),
        _of("on the day after, renewing by itself", date(2027, 1, 1), Eligibility.ELIGIBLE,
            "the window opened on 2026-10-02", auto_renews=True),
        _of("cancelled inside the window", date(2026, 11, 1), Eligibility.CANCELLED,
            "canceled before it was to renew", active=False, status="canceled"),
        _of("a trial", date(2026, 11, 1), Eligibility.EXCLUDED,
            "a contract that is trialing does not renew", status="trialing"),
        _of("without an end", date(2026, 11, 1), Eligibility.EXCLUDED,
            "the contract states no end", ends_on=None),
    ),
    parameters=("renewal.windows_days", "renewal.notice_days", "renewal.excluded_statuses"),
)  # fmt: skip
