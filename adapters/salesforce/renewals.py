"""The deal that renews another, and the readiness that is shown on the one before; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self

from adapters.salesforce.api import quoted
from adapters.salesforce.ids import id18
from adapters.salesforce.mapping import amount_of
from canonical.connections import Connection
from canonical.portfolio import ReadinessUpdate
from canonical.renewal import RenewalOpportunity

READINESS_FIELDS = (
    "Renewal_Readiness__c", "Renewal_Forecast__c", "Renewal_Reasons__c", "Readiness_Snapshot__c",
)  # fmt: skip
LOOKUP_FIELD = "Renews_Opportunity__c"
REASONS_CHARACTERS_MAX = 4000
# A yearly renewal of a year ago is another one: half a year on either side cannot meet it.
NEAR = timedelta(days=180)
DEALS_MAX = 200

Record = dict[str, Any]


@dataclass(frozen=True)
class RenewalStyle:
    """How the org marks renewals; `lookup` and `record_type` are empty where it does not."""

    type: str = "Renewal"
    record_type: str = ""
    lookup: str = LOOKUP_FIELD

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Options `renewal_type`, `renewal_record_type` (a developer name), `renewal_lookup`."""
        options = connection.options
        return cls(
            type=options.get("renewal_type", cls.type),
            record_type=options.get("renewal_record_type", cls.record_type),
            lookup=options.get("renewal_lookup", cls.lookup),
        )


def renewals_query(
    account_id: str, deal: str, renews_on: date, style: RenewalStyle, *, multi_currency: bool
) -> str:
    """The account's renewals that name a deal (none when empty), or close near the renewal."""
    fields = ["Id", "StageName", "IsClosed", "IsWon", "Amount", "CloseDate"]
    fields += [style.lookup] * bool(style.lookup) + ["CurrencyIsoCode"] * multi_currency
    kinds = [f"Type = {quoted(style.type)}"]
    if style.record_type:
        kinds.append(f"RecordType.DeveloperName = {quoted(style.record_type)}")
    first, last = renews_on - NEAR, renews_on + NEAR
    places = [f"(CloseDate >= {first.isoformat()} AND CloseDate <= {last.isoformat()})"]
    if style.lookup and deal:
        places.append(f"{style.lookup} = {quoted(deal)}")
    other = f" AND Id != {quoted(deal)}" if deal else ""
    return (
        f"SELECT {', '.join(fields)} FROM Opportunity "  # noqa: S608 - every value is quoted
        f"WHERE AccountId = {quoted(account_id)} AND ({' OR '.join(kinds)}) "
        f"AND ({' OR '.join(places)}){other} ORDER BY CloseDate DESC, Id LIMIT {DEALS_MAX}"
    )


def renewal_among(
    deals: Iterable[Record], deal: str, renews_on: date, style: RenewalStyle
) -> Record | None:
    """The one that renews the deal: the best of those that name it, else of those that name none.

    One that names it and was closed long before or after renewed it another time.

    An open one goes before a won one, that before a lost one, which was perhaps followed by
    another; then the one that closes nearest to the renewal.
    """
    listed = list(deals)
    naming = [
        d
        for d in listed
        if deal and style.lookup and _names(d, style.lookup) == deal and _is_of(d, renews_on)
    ]
    silent = [d for d in listed if not (style.lookup and _names(d, style.lookup))]

    def rank(record: Record) -> tuple[int, int, str]:
        state = 0 if not record.get("IsClosed") else 1 if record.get("IsWon") else 2
        away = abs((date.fromisoformat(record["CloseDate"]) - renews_on).days)
        return state, away, str(record["Id"])

    return min(naming or silent, key=rank, default=None)


def _is_of(record: Record, renews_on: date) -> bool:
    near = abs(date.fromisoformat(record["CloseDate"]) - renews_on) <= NEAR
    return near or not record.get("IsClosed")


def _names(record: Record, lookup: str) -> str | None:
    named = record.get(lookup)
    return id18(str(named)) if named else None


def from_salesforce_renewal(
    record: Record | None, account_id: str, as_of: datetime, currency: str
) -> RenewalOpportunity:
    """The deal in our words; without one, account and time alone."""
    if record is None:
        return RenewalOpportunity(account_id=account_id, as_of=as_of)
    return RenewalOpportunity(
        account_id=account_id,
        as_of=as_of,
        opportunity_id=str(record["Id"]),
        stage=str(record.get("StageName") or ""),
        is_closed=record.get("IsClosed") is True,
        is_won=record.get("IsWon") is True,
        amount=amount_of(record, currency),
        close_on=date.fromisoformat(record["CloseDate"]),
    )


def to_salesforce_readiness(readiness: ReadinessUpdate) -> dict[str, str | None]:
    """The fields of the deal that brought the contract; no reasons empty their field."""
    reasons = "; ".join(readiness.blocking)
    if len(reasons) > REASONS_CHARACTERS_MAX:
        reasons = reasons[: REASONS_CHARACTERS_MAX - 3].rstrip() + "..."
    return {
        "Renewal_Readiness__c": readiness.state.value,
        "Renewal_Forecast__c": readiness.forecast.value,
        "Renewal_Reasons__c": reasons or None,
        "Readiness_Snapshot__c": readiness.snapshot_id,
    }
