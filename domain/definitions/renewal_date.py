"""On which day a contract renews, and which of its dates decided it (R114)."""

from datetime import timedelta
from enum import StrEnum

from canonical.orders import Fact
from canonical.renewal import ContractTerms, RenewalDates
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.samples import terms


class DecidedBy(StrEnum):
    """The date that wins."""

    CO_TERM = "co_term"
    CONTRACT_END = "contract_end"
    NOT_STATED = "not_stated"


class Dates(Fact):
    """A contract's dates, and the days of notice where it states none."""

    terms: ContractTerms
    notice_days: int = 30


def renewal_dates(terms: ContractTerms, notice_days: int) -> RenewalDates | None:
    """The contract's renewal and notice dates; None for a contract that states no end."""
    decided_by = _decided_by(terms)
    renews_on = terms.co_term_on if decided_by is DecidedBy.CO_TERM else terms.ends_on
    if decided_by is DecidedBy.NOT_STATED or renews_on is None:
        return None
    days = notice_days if terms.notice_days is None else terms.notice_days
    notice_on = renews_on - timedelta(days=days)
    return RenewalDates(renews_on=renews_on, decided_by=decided_by.value, notice_on=notice_on)


def _decided_by(terms: ContractTerms) -> DecidedBy:
    """A common end wins, since it was agreed to replace the contract's own; not one before the
    contract begins, which is a mistake or another contract's."""
    common = terms.co_term_on
    if common is not None and not (terms.starts_on and common <= terms.starts_on):
        return DecidedBy.CO_TERM
    return DecidedBy.NOT_STATED if terms.ends_on is None else DecidedBy.CONTRACT_END


def renewal_date(given: Dates) -> Decision:
    """The date that wins; notice never moves it, it is the last day to decide."""
    dates = renewal_dates(given.terms, given.notice_days)
    if dates is None:
        return Decision(DecidedBy.NOT_STATED, ["the contract states no end"])
    return Decision(
        DecidedBy(dates.decided_by),
        [f"renews on {dates.renews_on}, notice until {dates.notice_on}"],
        dates.model_dump(mode="json"),
    )


def _of(name: str, value: DecidedBy, reason: str, **facts: object) -> Example[Dates]:
    return Example(name, Dates(terms=terms(**facts)), value, (reason,))


RENEWAL_DATE = Definition(
    name="renewal_date",
    version=1,
    meaning="The day on which the contract ends: the common end it was put to, else its own; "
    "notice is counted back from there and does not move it.",
    requirements=(114,),
    inputs=Dates,
    outcomes=DecidedBy,
    decide=renewal_date,
    examples=(
        _of("its own end", DecidedBy.CONTRACT_END,
            "renews on 2026-12-31, notice until 2026-12-01"),
        _of("an end in common with another contract", DecidedBy.CO_TERM,
            "renews on 2026-09-30, notice until 2026-08-31", co_term_on="2026-09-30"),
        _of("a common end after its own", DecidedBy.CO_TERM,
            "renews on 2027-03-31, notice until 2027-03-01", co_term_on="2027-03-31"),
        _of("a common end before it begins", DecidedBy.CONTRACT_END,
            "renews on 2026-12-31, notice until 2026-12-01", co_term_on="2025-12-31"),
        _of("ninety days of notice", DecidedBy.CONTRACT_END,
            "renews on 2026-12-31, notice until 2026-10-02", notice_days=90),
        _of("no notice is needed", DecidedBy.CONTRACT_END,
            "renews on 2026-12-31, notice until 2026-12-31", notice_days=0),
        _of("no end is stated", DecidedBy.NOT_STATED, "the contract states no end", ends_on=None),
    ),
    parameters=("renewal.notice_days",),
)  # fmt: skip
