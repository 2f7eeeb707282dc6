"""A subscription, or a schedule that has not begun, as a contract with its dates; pure.

Days are whole and the end is the last day of service, as everywhere in a contract; Stripe's moments
are the first that is not covered any more.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from adapters.stripe.facts import newest_stamp
from adapters.stripe.hints import version_of
from adapters.stripe.mapping import (
    ACCOUNT,
    CO_TERM,
    LEGAL_ENTITY,
    NOTICE_DAYS,
    OPPORTUNITY,
    TERM,
    Record,
    contract_value,
    schedule_of,
)
from adapters.stripe.paths import GONE
from canonical.errors import Malformed
from canonical.renewal import ContractTerms
from domain.calendar import last_day


def from_stripe_contract(record: Record, contract_id: str, connection: str) -> ContractTerms:
    """A record whose customer and schedule prices are expanded; raises Malformed when a needed
    field is gone or a date of ours in its metadata is none."""
    try:
        return _terms(record, contract_id, connection)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError, OSError) as error:
        raise Malformed(
            f"Stripe's {record.get('object')} {record.get('id')} cannot be understood: "
            f"{type(error).__name__}",
            about=contract_id,
        ) from None


def _terms(record: Record, contract_id: str, connection: str) -> ContractTerms:
    schedule = schedule_of(record)
    stamped = dict(record["metadata"] or {})
    customer = record["customer"]
    given = dict(customer.get("metadata") or {}) if isinstance(customer, Mapping) else {}
    co_term, notice = stamped.get(CO_TERM), stamped.get(NOTICE_DAYS)
    standing = record["status"] not in GONE
    return ContractTerms(
        contract_id=contract_id,
        connection=connection,
        account_id=stamped.get(ACCOUNT) or given.get(ACCOUNT, ""),
        opportunity_id=stamped.get(OPPORTUNITY, ""),
        legal_entity=stamped.get(LEGAL_ENTITY) or given.get(LEGAL_ENTITY, ""),
        status=record["status"],
        active=standing,
        starts_on=_starts_on(record),
        ends_on=_ends_on(record, schedule, stamped),
        co_term_on=date.fromisoformat(co_term) if co_term else None,
        notice_days=int(notice) if notice else None,
        auto_renews=standing and not record.get("cancel_at") and not _is_cancelling(schedule),
        value=contract_value(record),
        version=version_of(newest_stamp(record)),
    )


def _is_cancelling(schedule: Record | None) -> bool:
    return schedule is not None and schedule.get("end_behavior") == "cancel"


def _starts_on(record: Record) -> date:
    begins = record.get("start_date") or record["phases"][0]["start_date"]
    return datetime.fromtimestamp(begins, UTC).date()


def _ends_on(record: Record, schedule: Record | None, stamped: Mapping[str, str]) -> date | None:
    """When it ended; else when it is cancelled, its schedule ends, or the term that was sold."""
    if record["status"] == "canceled":
        ended = record.get("ended_at") or record["canceled_at"]
        return _last_day(ended)
    if record.get("cancel_at"):
        return _last_day(record["cancel_at"])
    if schedule is not None:
        return _last_day(schedule["phases"][-1]["end_date"])
    if TERM in stamped:
        return last_day(_starts_on(record), int(stamped[TERM]))
    return None


def _last_day(end: int) -> date:
    return datetime.fromtimestamp(end - 1, UTC).date()
