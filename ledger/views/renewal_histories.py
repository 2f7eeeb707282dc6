"""Renewals over time, as forecast, retention and indicators read them (R22, R82)."""

from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, select, tuple_

from canonical.money import Money
from canonical.renewal import ReadinessSnapshot, ReadinessState, RenewalOutcome
from domain.reports.forecast import UpcomingRenewal
from domain.reports.renewal_history import RenewalHistory, View, view_of
from domain.reports.retention import EndedContract
from ledger.case_records import money
from ledger.clocks import CANCELLED, WAITING
from ledger.database import Database
from ledger.models.portfolio import renewals, snapshots
from ledger.views.orders import order_values
from ledger.views.pages import read_with

ROWS_PER_PAGE = 500
LAPSED = "lapsed"
# Of a row in another state there is nothing to renew.
UPCOMING = (WAITING, *(state.value for state in ReadinessState))
_RENEWS_ON = snapshots.c.body[("dates", "renews_on")].as_string()
_PLACE = (snapshots.c.connection, snapshots.c.contract_id, snapshots.c.snapshot_id)
_WORTH = (snapshots.c.value_minor, snapshots.c.value_currency, snapshots.c.terms_read_at)
_CLOCK = (renewals.c.connection, renewals.c.contract_id)


class Seen(NamedTuple):
    """A snapshot as it is kept, and what figures need of it."""

    taken: ReadinessSnapshot
    view: View


async def renewal_histories(db: Database, since: date, until: date) -> list[RenewalHistory]:
    """Every renewal of the period by its date that was looked at, with all its views, in pages."""
    found: list[RenewalHistory] = []
    views: list[Seen] = []
    place = ("", "", "")
    while rows := await read_with(db, _views, since, until, place):
        views += [_seen(row) for row in rows]
        place = (rows[-1].connection, rows[-1].contract_id, rows[-1].snapshot_id)
        # The last contract of a page may go on in the next one.
        whole = [one for one in views if _renewal(one)[:2] != place[:2]]
        views = [one for one in views if _renewal(one)[:2] == place[:2]]
        found += await read_with(db, _histories, whole)
    found += await read_with(db, _histories, views)
    return found


def _views(
    connection: Connection, since: date, until: date, place: tuple[str, str, str]
) -> list[Any]:
    statement = (
        select(snapshots.c.body, *_WORTH, *_PLACE)
        .where(
            tuple_(*_PLACE) > place,
            _RENEWS_ON.between(since.isoformat(), until.isoformat()),
        )
        .order_by(*_PLACE)
        .limit(ROWS_PER_PAGE)
    )
    return list(connection.execute(statement).all())


def _seen(row: Any) -> Seen:
    taken = ReadinessSnapshot.model_validate(row.body)
    value = money(row.value_minor, row.value_currency)
    return Seen(taken, view_of(taken, value, row.terms_read_at))


def _histories(connection: Connection, taken: list[Seen]) -> list[RenewalHistory]:
    values = order_values(connection, (one.taken.opportunity_id for one in taken))
    clocks = _current(connection, {_renewal(one)[:2] for one in taken})
    ordered = sorted(taken, key=lambda one: (*_renewal(one), one.view.taken_at))
    found = []
    for (source, contract, renews_on), members in groupby(ordered, key=_renewal):
        looks = list(members)
        newest, seen = looks[-1].taken, [one.view for one in looks]
        clock = clocks.get((source, contract))
        outcome = _outcome(seen, clock, renews_on)
        if outcome is None and clock is not None and clock.renews_on != renews_on:
            continue  # the contract's date was moved: this renewal never came
        history = RenewalHistory(
            connection=source,
            contract_id=contract,
            account_id=newest.account_id,
            opportunity_id=newest.opportunity_id,
            renews_on=renews_on,
            views=seen,
            outcome=outcome,
            order_value=values.get(newest.opportunity_id),
        )
        found.append(history)
    return found


def _renewal(one: Seen) -> tuple[str, str, date]:
    return one.taken.connection, one.taken.contract_id, one.taken.dates.renews_on


def _current(connection: Connection, keys: set[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    wanted = select(*_CLOCK, renewals.c.renews_on, renewals.c.state, renewals.c.outcome).where(
        tuple_(*_CLOCK).in_(sorted(keys))
    )
    rows = connection.execute(wanted).all() if keys else []
    return {(row.connection, row.contract_id): row for row in rows}


def _outcome(seen: list[View], clock: Any, renews_on: date) -> RenewalOutcome | None:
    """By the clock while it is about this renewal: its newest look may be equal to an older view,
    which is kept only once."""
    if clock is not None and clock.renews_on == renews_on and clock.state != WAITING:
        return RenewalOutcome(clock.outcome) if clock.outcome else None
    return next((view.outcome for view in reversed(seen) if view.outcome is not None), None)


async def upcoming_renewals(db: Database, until: date) -> list[UpcomingRenewal]:
    """Every renewal without an outcome that renews until a day, or should have, in pages."""
    found: list[UpcomingRenewal] = []
    place = ("", "")
    while page := await read_with(db, _upcoming, until, place):
        found += page
        place = (page[-1].connection, page[-1].contract_id)
    return found


def _upcoming(connection: Connection, until: date, place: tuple[str, str]) -> list[UpcomingRenewal]:
    statement = (
        select(renewals, snapshots.c.body)
        .outerjoin(
            snapshots,
            # A clock that waits still has the view of the term before.
            and_(snapshots.c.snapshot_id == renewals.c.snapshot_id, renewals.c.state != WAITING),
        )
        .where(
            tuple_(*_CLOCK) > place,
            renewals.c.renews_on <= until,
            renewals.c.outcome == "",
            renewals.c.state.in_(UPCOMING),
        )
        .order_by(*_CLOCK)
        .limit(ROWS_PER_PAGE)
    )
    rows = connection.execute(statement).all()
    values = order_values(connection, (row.opportunity_id for row in rows))
    views = [view_of(ReadinessSnapshot.model_validate(r.body)) if r.body else None for r in rows]
    return [
        UpcomingRenewal(
            connection=row.connection,
            contract_id=row.contract_id,
            account_id=row.account_id,
            workflow_id=row.workflow_id,
            renews_on=row.renews_on,
            state=row.state,
            forecast=row.forecast,
            looked_at=row.updated_at,
            unknown=view.unknown if view else [],
            payment_status=view.payment_status if view else "",
            payment_level=view.payment_level if view else "",
            **_worth(row, values),
            renewal_amount=view.renewal_amount if view else None,
        )
        for row, view in zip(rows, views, strict=True)
    ]


def _worth(row: Any, orders: dict[str, Money]) -> dict[str, Any]:
    """What a contract is worth in the term that is to renew, and whether its order says it: neither
    that nor a read of before the last renewal says it of a later term."""
    own, order = money(row.value_minor, row.value_currency), orders.get(row.opportunity_id)
    worth = {"contract_value": own, "order_value": order}
    if row.renewed_on is None:
        return worth | ({} if own else {"contract_value": order, "by_order": order is not None})
    is_of_this_term = row.terms_read_at is not None and row.terms_read_at.date() > row.renewed_on
    return worth if is_of_this_term else worth | {"contract_value": None}


async def ended_contracts(db: Database, since: datetime, until: datetime) -> list[EndedContract]:
    """Contracts that ended before their window, by when their clock was told, in pages."""
    found: list[EndedContract] = []
    place = ("", "")
    while page := await read_with(db, _ended, since, until, place):
        found += page
        place = (page[-1].connection, page[-1].contract_id)
    return found


def _ended(
    connection: Connection, since: datetime, until: datetime, place: tuple[str, str]
) -> list[EndedContract]:
    statement = (
        select(*_CLOCK, renewals.c.account_id, renewals.c.state)
        .where(
            tuple_(*_CLOCK) > place,
            renewals.c.state.in_((CANCELLED, LAPSED)),
            renewals.c.outcome == "",
            renewals.c.updated_at >= since,
            renewals.c.updated_at < until,
        )
        .order_by(*_CLOCK)
        .limit(ROWS_PER_PAGE)
    )
    return [
        EndedContract.model_validate(dict(row._mapping)) for row in connection.execute(statement)
    ]
