"""The renewal forecast: what is to renew until a day, by state and by forecast category (R22)."""

from collections.abc import Callable, Iterable
from datetime import date, datetime

from canonical.money import Money
from canonical.orders import Fact
from domain.reports.figures import Sums, sums

NOT_FORECAST = "not_forecast"


class UpcomingRenewal(Fact):
    """A renewal without an outcome; `forecast` is empty before its window opens.

    `looked_at` is when its clock last looked or planned; `unknown` names the signals that were not
    known then. `contract_value` is what the contract is worth in the term that is to renew, by the
    newest read of its terms, or by the order that brought it where no read says so (`by_order`);
    `order_value` and `renewal_amount` are those of `RenewalHistory`. Each may be unknown.
    """

    connection: str
    contract_id: str
    account_id: str
    workflow_id: str = ""
    renews_on: date
    state: str
    forecast: str = ""
    looked_at: datetime
    unknown: list[str] = []
    payment_status: str = ""
    payment_level: str = ""
    contract_value: Money | None = None
    by_order: bool = False
    order_value: Money | None = None
    renewal_amount: Money | None = None


class UpcomingGroup(Fact):
    """Renewals of one state or category: how many, and both amounts by currency."""

    name: str
    renewals: int
    contract_value: Sums
    renewal_amount: Sums


class ForecastReport(Fact):
    """What is to renew until a day, what is overdue for a decision included."""

    until: date
    renewals: int
    past_their_date: int
    with_unknown_signals: int
    by_state: list[UpcomingGroup]
    by_forecast: list[UpcomingGroup]


def forecast_report(
    renewals: Iterable[UpcomingRenewal], until: date, today: date
) -> ForecastReport:
    """The report over renewals without an outcome; those not forecast yet are named so."""
    given = list(renewals)
    return ForecastReport(
        until=until,
        renewals=len(given),
        past_their_date=sum(one.renews_on < today for one in given),
        with_unknown_signals=sum(bool(one.unknown) for one in given),
        by_state=_grouped(given, lambda one: one.state),
        by_forecast=_grouped(given, lambda one: one.forecast or NOT_FORECAST),
    )


def _grouped(
    given: list[UpcomingRenewal], name_of: Callable[[UpcomingRenewal], str]
) -> list[UpcomingGroup]:
    groups: dict[str, list[UpcomingRenewal]] = {}
    for one in given:
        groups.setdefault(name_of(one), []).append(one)
    return [
        UpcomingGroup(
            name=name,
            renewals=len(members),
            contract_value=sums(one.contract_value for one in members),
            renewal_amount=sums(one.renewal_amount for one in members),
        )
        for name, members in sorted(groups.items())
    ]
