"""Salesforce in the role of the CRM."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Self

from adapters.http import HttpClient, require_environment
from adapters.salesforce.api import Row, SalesforceApi, missing
from adapters.salesforce.errors import ERRORS
from adapters.salesforce.family import everybody_below, survivor_of, with_everybody_above
from adapters.salesforce.ids import id18
from adapters.salesforce.mapping import (
    WRITE_BACK_FIELDS,
    from_salesforce_account,
    from_salesforce_booking,
    from_salesforce_order,
    to_salesforce_write_back,
)
from adapters.salesforce.oauth import looks_live, salesforce_auth
from adapters.salesforce.renewals import (
    READINESS_FIELDS,
    RenewalStyle,
    from_salesforce_renewal,
    renewal_among,
    renewals_query,
    to_salesforce_readiness,
)
from adapters.salesforce.soql import account_query, order_query, won_query, write_backs_query
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.errors import NotFound
from canonical.orders import Account, CommercialOrder
from canonical.portfolio import AccountFamily, ReadinessUpdate
from canonical.ports.crm import CrmPort, WriteBack
from canonical.ports.port import Booking, RecordSummary
from canonical.renewal import RenewalOpportunity


class SalesforceCrm(CrmPort):
    """Orders come from opportunities; their outcome goes back to them.

    `currency` is the org's only currency; empty for an org with several, whose records state it.
    """

    def __init__(self, client: HttpClient, *, currency: str = "") -> None:
        self._client = client
        self._api = SalesforceApi(client)
        self._currency = currency
        self._renewals = RenewalStyle.from_connection(client.connection)

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it; raises Misconfigured when a setting is missing or the environment is wrong."""
        require_environment(connection, looks_live(connection))
        client = HttpClient(connection, salesforce_auth(connection), ERRORS)
        return cls(client, currency=connection.options.get("currency", ""))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> str:
        """Read the org's limits."""
        daily = (await self._api.limits()).get("DailyApiRequests", {})
        left, most = daily.get("Remaining"), daily.get("Max")
        return f"Salesforce at {self._client.base_url}: {left} of {most} requests left today"

    async def fetch_order(self, opportunity_id: str) -> CommercialOrder:
        """The authoritative order; one call unless the hierarchy is deeper than five levels."""
        deal = _opportunity(opportunity_id)
        query = order_query(deal, multi_currency=not self._currency)
        record = await anext(self._api.query(query), None)
        if record is None:
            raise missing("opportunity", deal)
        accounts = await self._accounts(record.get("Account"))
        lines = await self._api.more(record.get("OpportunityLineItems"))
        return from_salesforce_order(record, lines, accounts, self._currency)

    async def won(self) -> AsyncIterator[Booking]:
        """Every closed-won opportunity with its amount, oldest first."""
        async for record in self._api.query(won_query(multi_currency=not self._currency)):
            yield from_salesforce_booking(record, self._currency)

    async def write_back(self, outcome: WriteBack, stamp: Stamp) -> ExternalRef:
        """Set the opportunity's integration fields."""
        deal = _opportunity(outcome.opportunity_id)
        values = to_salesforce_write_back(outcome, stamp)
        await self._api.update("Opportunity", deal, values, stamp.correlation_id)
        return ExternalRef(id=deal, detail={"status": outcome.status})

    async def find_write_back(self, outcome: WriteBack, stamp: Stamp) -> ExternalRef | None:
        """Read the opportunity's integration fields and compare."""
        deal = _opportunity(outcome.opportunity_id)
        record = await self._api.record("Opportunity", deal, WRITE_BACK_FIELDS)
        if record is None:
            return None
        told = to_salesforce_write_back(outcome, stamp)
        if any(record.get(name) != value for name, value in told.items()):
            return None
        return ExternalRef(id=deal, detail={"status": outcome.status})

    async def family(self, account_id: str) -> AccountFamily:
        """The account, its ancestors, and its subsidiaries, the nearest first in both directions.

        Raises NotFound, and Rejected for a family too large to be read whole.
        """
        known = id18(account_id)
        if known is None:
            raise missing("account", account_id)
        record = await anext(self._api.query(account_query(known)), None)
        if record is None:
            if survivor := await survivor_of(self._api, known):
                return AccountFamily(account_id=known, accounts=[], merged_into=survivor)
            raise missing("account", account_id)
        above = await with_everybody_above(self._api, record)
        among = {account.id for account in above}
        below = [a for a in await everybody_below(self._api, known) if a.id not in among]
        return AccountFamily(account_id=known, accounts=[*above, *below])

    async def renewal_opportunity(
        self, account_id: str, opportunity_id: str, renews_on: date
    ) -> RenewalOpportunity:
        """The deal that renews another; within half a year of the renewal unless it names it."""
        account, deal = id18(account_id), id18(opportunity_id) or ""
        found: Row | None = None
        at = self._client.clock()
        if account is not None:
            query = renewals_query(
                account, deal, renews_on, self._renewals, multi_currency=not self._currency
            )
            batch = await self._api.batch(query)
            at, found = batch.at, renewal_among(batch.rows, deal, renews_on, self._renewals)
        return from_salesforce_renewal(found, account_id, at, self._currency)

    async def put_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef:
        """Set the renewal fields of the deal that brought the contract; raises NotFound."""
        deal = _opportunity(readiness.opportunity_id)
        values = to_salesforce_readiness(readiness)
        await self._api.update("Opportunity", deal, values, stamp.correlation_id)
        return _shown(deal, readiness)

    async def find_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef | None:
        """Read the deal's renewal fields and compare."""
        deal = _opportunity(readiness.opportunity_id)
        record = await self._api.record("Opportunity", deal, READINESS_FIELDS)
        wanted = to_salesforce_readiness(readiness)
        if record is None or any(record.get(name) != value for name, value in wanted.items()):
            return None
        return _shown(deal, readiness)

    async def records(self) -> AsyncIterator[RecordSummary]:
        """Every opportunity that Tieline has written to."""
        async for record in self._api.query(write_backs_query()):
            yield RecordSummary(
                kind="write_back",
                id=record["Id"],
                business_id=record["Id"],
                status=record.get("Activation_Status__c") or "",
            )

    async def _accounts(self, record: Row | None) -> list[Account]:
        found = {a.id: a for a in await with_everybody_above(self._api, record)}
        bill_to = (record or {}).get("Bill_To_Account__r")
        if bill_to:
            account = from_salesforce_account(bill_to)
            found.setdefault(account.id, account)
        return list(found.values())


def _shown(deal: str, readiness: ReadinessUpdate) -> ExternalRef:
    return ExternalRef(id=deal, detail={"snapshot": readiness.snapshot_id})


def _opportunity(opportunity_id: str) -> str:
    known = id18(opportunity_id)
    if known is None:
        raise NotFound(f"{opportunity_id!r} is not a Salesforce record id", about=opportunity_id)
    return known
