"""Renewal clocks and views on record, as the definitions of renewals want them (R114, R119, R124).

A clock keeps the dates that followed from a contract's terms, not the terms themselves: what it
does not keep is named, and where that could change the answer there is none.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from canonical.facts import ContractFacts
from canonical.renewal import ContractTerms, Signal
from canonical.subjects import AccountRecords, KnownRecord, RenewalOnRecord
from domain.definitions.contracts import Standing, standing
from domain.definitions.renewal_date import Dates, DecidedBy
from domain.definitions.renewal_eligibility import ContractOnDay, Eligibility, eligibility
from domain.definitions.renewal_readiness import Renewal
from domain.explanations.cases import Case, Found, Gap, Input, Rules, contract_name, record_input

NO_CLOCK = "its terms: no renewal clock has read them"
NO_STATUS = "its status: no read of the contract is on record"
SELF_RENEWING = "whether it renews by itself"
NEVER_SEEN = "its signals: nobody has looked at this renewal yet"
# The dates that lost are not kept, and say nothing beside the one that won.
LOST = {
    DecidedBy.CONTRACT_END: ["starts_on", "co_term_on"],
    DecidedBy.CO_TERM: ["starts_on", "ends_on"],
    DecidedBy.NOT_STATED: ["starts_on"],
}


def renewal_dates(records: AccountRecords, rules: Rules, today: date) -> Found:
    """The dates of each contract that has a clock."""
    yield from _without_clock(records)
    for clock in records.renewals:
        subject, inputs = _subject(clock), [clock_input(clock)]
        if missing := _missing_dates(clock):
            yield Gap(subject, missing, inputs)
            continue
        # Neither status nor self-renewal moves a date: they are not looked up for it.
        terms = _terms(records, clock)
        given = Dates(terms=terms, notice_days=rules.readiness.notice_days)
        yield Case(subject, given, inputs, _lost(clock))


def eligibilities(records: AccountRecords, rules: Rules, today: date) -> Found:
    """Each contract that has a clock, on the day, with its status as it was last read."""
    yield from _without_clock(records)
    for clock in records.renewals:
        subject, found = _subject(clock), contract_of(records, clock)
        inputs = [clock_input(clock)] + ([_status_input(*found)] if found else [])
        missing = _missing_dates(clock) + ([] if found else [NO_STATUS])
        if missing:
            yield Gap(subject, missing, inputs)
            continue
        terms = _terms(records, clock).model_copy(update=_standing(found, rules, today))
        given = ContractOnDay(terms=terms, today=today, rules=rules.readiness)
        if _says(given) is not _says(_renewing_by_itself(given)):
            yield Gap(subject, [SELF_RENEWING], inputs)
            continue
        yield Case(subject, given, inputs, [*_lost(clock), "auto_renews"])


def readinesses(records: AccountRecords, rules: Rules, today: date) -> Found:
    """Each renewal that is open, by the signals of the newest view of it as they were judged."""
    for clock in records.renewals:
        if not clock.is_open:
            continue
        subject, view = _subject(clock), clock.view
        if view is None:
            yield Gap(subject, [NEVER_SEEN], [clock_input(clock)])
            continue
        inputs = [signal_input(one, view.snapshot_id) for one in view.signals]
        yield Case(subject, Renewal(signals=view.signals, outcome=view.outcome), inputs)


def signal_input(signal: Signal, snapshot_id: str) -> Input:
    """A signal as a look at a renewal found it; the view is its version."""
    told = "; ".join(signal.reasons)
    return Input(
        name=f"signal/{signal.name}",
        source=signal.source or "no connection",
        as_of=signal.as_of,
        version=snapshot_id,
        says=f"{signal.state.value}: {told}" if told else signal.state.value,
    )


def clock_input(clock: RenewalOnRecord) -> Input:
    """What a clock keeps of the terms that it read."""
    says = f"{clock.state}, no dates"
    if clock.renews_on is not None:
        says = f"renews on {clock.renews_on} by {clock.decided_by}"
        says += f", notice until {clock.notice_on}" if clock.notice_on else ""
    if clock.renewed_on is not None:
        says += f", renewed on {clock.renewed_on}"
    return Input(
        name=f"{clock.connection}/renewal/{clock.contract_id}",
        source=clock.connection,
        as_of=clock.terms_read_at,
        version=clock.terms_version,
        says=says,
    )


def contract_of(
    records: AccountRecords, clock: RenewalOnRecord
) -> tuple[KnownRecord, ContractFacts] | None:
    """The contract of a clock as it was last read: by its id, else by its deal, since what begins
    as a schedule of billing is a subscription under another id later."""
    own = [one for one in records.of(ContractFacts) if one[0].connection == clock.connection]
    if same := [one for one in own if one[1].id == clock.contract_id]:
        return same[0]
    deal = clock.opportunity_id
    theirs = [one for one in own if deal and one[1].opportunity_id == deal]
    return theirs[0] if len(theirs) == 1 else None


def _without_clock(records: AccountRecords) -> Iterator[Gap]:
    theirs = [contract_of(records, clock) for clock in records.renewals]
    kept = {(one[0].connection, one[1].id) for one in theirs if one is not None}
    for record, contract in records.of(ContractFacts):
        if (record.connection, contract.id) not in kept:
            subject = contract_name(record.connection, contract.id)
            yield Gap(subject, [NO_CLOCK], [record_input(record)])


def _missing_dates(clock: RenewalOnRecord) -> list[str]:
    """A clock without dates is one of a contract that states no end, or of one whose dates came to
    nothing; only the first is known to have none."""
    if clock.renews_on is not None or clock.state == Eligibility.EXCLUDED:
        return []
    return [f"its dates: its clock keeps none, since the renewal is {clock.state}"]


def _terms(records: AccountRecords, clock: RenewalOnRecord) -> ContractTerms:
    """The terms as far as the clock says them; the date that won is the one it was."""
    is_common = clock.decided_by == DecidedBy.CO_TERM
    renews_on, notice_on = clock.renews_on, clock.notice_on
    return ContractTerms(
        contract_id=clock.contract_id,
        connection=clock.connection,
        account_id=records.account_id,
        opportunity_id=clock.opportunity_id,
        legal_entity=clock.legal_entity,
        status="",
        active=True,
        ends_on=None if is_common else renews_on,
        co_term_on=renews_on if is_common else None,
        notice_days=(renews_on - notice_on).days if renews_on and notice_on else None,
        value=clock.value,
        version=clock.terms_version,
        as_of=clock.terms_read_at,
    )


def _standing(
    found: tuple[KnownRecord, ContractFacts] | None, rules: Rules, today: date
) -> dict[str, Any]:
    if found is None:
        return {}
    contract = found[1]
    stands = standing(contract, rules.statuses, today)
    return {"status": contract.status, "active": stands is not Standing.ENDED}


def _renewing_by_itself(given: ContractOnDay) -> ContractOnDay:
    terms = given.terms.model_copy(update={"auto_renews": True})
    return given.model_copy(update={"terms": terms})


def _says(given: ContractOnDay) -> Eligibility:
    return Eligibility(eligibility(given).value)


def _status_input(record: KnownRecord, contract: ContractFacts) -> Input:
    return record_input(record).model_copy(update={"says": contract.status})


def _lost(clock: RenewalOnRecord) -> list[str]:
    return LOST[DecidedBy(clock.decided_by or DecidedBy.NOT_STATED)]


def _subject(clock: RenewalOnRecord) -> str:
    return contract_name(clock.connection, clock.contract_id)
