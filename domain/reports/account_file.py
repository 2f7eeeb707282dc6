"""Everything that is on record of one account, as its view needs it (R19)."""

from collections.abc import Iterable
from datetime import date, datetime

from canonical.facts import ContractFacts
from canonical.money import Money
from canonical.orders import Fact
from canonical.renewal import Signal
from canonical.risk import RiskAssessment
from canonical.subjects import AccountRecords, KnownRecord
from domain.reports.receivables import Position


class BookedOrder(Fact):
    """An order of the account that Tieline carried out, with its total as the CRM stated it."""

    opportunity_id: str
    workflow_id: str
    value: Money | None
    as_of: datetime


class KnownRenewal(Fact):
    """A contract's renewal clock, and the signals of its newest view; none before its window.

    `renewed_on` is the day of the renewal before this one; `value` is what the contract was worth
    when its terms were read, None where they stated no value.
    """

    connection: str
    contract_id: str
    opportunity_id: str = ""
    renews_on: date | None = None
    renewed_on: date | None = None
    state: str
    terms_read_at: datetime | None = None
    value: Money | None = None
    seen_at: datetime | None = None
    signals: list[Signal] = []


class KnownFamily(Fact):
    """Who is above and below an account, and who pays for it, as far as it is on record.

    `parent_id` and `subsidiaries` come from the CRM with an assessment (`assessed_at`);
    `bill_to_ids` and `ultimate_parent_ids` are those that orders were carried out with.
    """

    assessed_at: datetime | None = None
    parent_id: str = ""
    merged_into: str = ""
    subsidiaries: list[str] = []
    bill_to_ids: list[str] = []
    ultimate_parent_ids: list[str] = []
    ordered_at: datetime | None = None


class AccountFile(Fact):
    """Everything that is on record of an account.

    `contract_owners` are the connections that own contracts by the preset in force; `position` has
    the invoices of those that own invoices. `amended` says when a contract (`connection/id`)
    changed last; `places` up to when each connection's changes were taken in.
    """

    account_id: str
    account_name: str = ""
    records: AccountRecords
    contract_owners: list[str] = []
    position: Position
    assessed: RiskAssessment | None = None
    orders: list[BookedOrder] = []
    renewals: list[KnownRenewal] = []
    family: KnownFamily = KnownFamily()
    amended: dict[str, datetime] = {}
    places: dict[str, datetime] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is on record."""
        known = (self.records.records, self.position.own, self.orders, self.renewals)
        return self.assessed is None and not any(known)

    @property
    def contracts(self) -> list[tuple[KnownRecord, ContractFacts]]:
        """Its contracts as their owners tell of them; in any other system they are copies."""
        told = self.records.of(ContractFacts)
        return [(record, one) for record, one in told if record.connection in self.contract_owners]

    @property
    def clocks(self) -> list[KnownRenewal]:
        """The renewal clocks of those contracts."""
        return [one for one in self.renewals if one.connection in self.contract_owners]

    def ages(self, reads: Iterable[tuple[str, datetime]]) -> list[datetime]:
        """As of when each connection's records are known: since they were read, it would have told
        of a change up to its place."""
        newest: dict[str, datetime] = {}
        for connection, at in reads:
            newest[connection] = max(
                at, newest.get(connection, at), self.places.get(connection, at)
            )
        return list(newest.values())
