"""The ERP port over NetSuite SuiteTalk REST.

Records are written by `PUT eid:…`, or `PATCH` on a known id: both leave the same end state however
often they are sent, so that a lost answer is settled by sending again.
"""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, Self

from adapters.http import Answer, HttpClient
from adapters.netsuite import facts, receivables, suiteql
from adapters.netsuite.auth import token_auth
from adapters.netsuite.changes import INTERNAL_ID
from adapters.netsuite.contracts import from_netsuite_contract
from adapters.netsuite.errors import NETSUITE_ERRORS
from adapters.netsuite.mapping import (
    customer_external_id,
    from_netsuite_customer_row,
    from_netsuite_order_row,
    from_netsuite_record,
    is_closed,
    order_external_id,
    to_netsuite_closure,
    to_netsuite_customer,
    to_netsuite_sales_order,
)
from adapters.netsuite.revenue import from_netsuite_revenue
from adapters.netsuite.settings import RECORD, NetSuiteSettings
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.errors import DuplicateRecord, Malformed, NotFound
from canonical.facts import InvoiceFacts
from canonical.plan import CustomerSpec, RevenueLine, SalesOrderSpec
from canonical.ports import RecordSummary
from canonical.renewal import ContractTerms

# By default NetSuite drops what it does not know and answers with a success.
STRICT = {
    "X-NetSuite-PropertyNameValidation": "Error",
    "X-NetSuite-PropertyValueValidation": "Error",
}


class NetSuiteErp:
    """Customers, sales orders and revenue plans of one NetSuite account."""

    def __init__(self, client: HttpClient, settings: NetSuiteSettings) -> None:
        self._client = client
        self._settings = settings

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it from a connection; raises Misconfigured when a setting or secret is missing."""
        client = HttpClient(connection, token_auth(connection), NETSUITE_ERRORS)
        return cls(client, NetSuiteSettings.from_connection(connection))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> str:
        """Prove that token, role and SuiteQL work."""
        async for row in suiteql.rows(self._client, suiteql.SUBSIDIARIES):
            return f"NetSuite answers SuiteQL: {row.get('subsidiaries', '0')} subsidiaries"
        raise Malformed("NetSuite counted no subsidiaries at all")

    async def put_customer(
        self, customer: CustomerSpec, known_id: str | None, stamp: Stamp
    ) -> ExternalRef:
        """Upsert the customer by its external id, or update the known one and give it that id."""
        external_id = customer_external_id(customer.account_id)
        body = to_netsuite_customer(customer, self._settings, stamp)
        method, key = "PUT", f"eid:{external_id}"
        if known_id:
            method, key, body = "PATCH", known_id, {**body, "externalId": external_id}
        answer = await self._write(method, f"customer/{key}", body, "addressBook", stamp)
        return _written(answer, external_id)

    async def find_customer(self, account_id: str) -> ExternalRef | None:
        """The customer under the account's external id."""
        record = await self._read(f"customer/eid:{customer_external_id(account_id)}")
        return from_netsuite_record(record) if record else None

    async def put_sales_order(
        self, order: SalesOrderSpec, customer_id: str, subscription_id: str, stamp: Stamp
    ) -> ExternalRef:
        """Upsert the sales order by its external id, all its lines replaced."""
        external_id = order_external_id(order.opportunity_id)
        body = to_netsuite_sales_order(order, self._settings, customer_id, subscription_id, stamp)
        path = f"salesOrder/eid:{external_id}"
        return _written(await self._write("PUT", path, body, "item", stamp), external_id)

    async def find_sales_order(self, opportunity_id: str, stamp: Stamp) -> ExternalRef | None:
        """The open sales order under the opportunity's external id.

        Raises DuplicateRecord when the record under that id carries another key than ours.
        """
        external_id = order_external_id(opportunity_id)
        record = await self._read(f"salesOrder/eid:{external_id}", stamp.correlation_id)
        if record is None or is_closed(record):
            return None
        if record.get("custbody_tieline_key") != stamp.key:
            raise DuplicateRecord(
                f"NetSuite's sales order {external_id} was not written for {stamp.key}",
                about=external_id,
                details={"id": record["id"], "key": record.get("custbody_tieline_key")},
            )
        return from_netsuite_record(record)

    async def close_sales_order(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Close every line of the order; an order that is closed or gone is left alone."""
        record = await self._read(f"salesOrder/{ref.id}", stamp.correlation_id)
        if record is None or is_closed(record):
            return
        body = to_netsuite_closure(record, stamp)
        await self._write("PATCH", f"salesOrder/{ref.id}", body, "", stamp)

    async def revenue_schedule(self, order_id: str, currency: str) -> list[RevenueLine]:
        """The plans of the order's revenue arrangement, which NetSuite makes in its own time."""
        query = suiteql.revenue_query(order_id)
        found = [row async for row in suiteql.rows(self._client, query)]
        return from_netsuite_revenue(found, currency)

    async def invoices(self, account_id: str, since: date) -> list[InvoiceFacts]:
        """By the external id of the account's customer, two queries whatever their number."""
        return await receivables.invoices(self._client, self._settings, account_id, since)

    async def contract(self, contract_id: str) -> ContractTerms:
        """A sales order; its head by SuiteQL, since only that names account and subsidiary, and
        its lines' dates from the record. Raises NotFound, and Malformed for a foreign id."""
        if not INTERNAL_ID.fullmatch(contract_id):
            raise Malformed(f"{contract_id!r} is not a NetSuite internal id", about=contract_id)
        names = {"id": contract_id, "type": facts.SALES_ORDER}
        query = facts.question(facts.HEADER, self._settings, **names)
        async for header in suiteql.rows(self._client, query):
            order = await self._read(f"salesOrder/{contract_id}")
            if order is not None:
                name = self._client.connection.name
                return from_netsuite_contract(header, order, name, self._settings)
        raise NotFound(f"NetSuite has no sales order {contract_id}", about=contract_id)

    async def records(self) -> AsyncIterator[RecordSummary]:
        """Our customers, then our open sales orders with their totals."""
        async for row in suiteql.rows(self._client, suiteql.CUSTOMERS):
            yield from_netsuite_customer_row(row)
        async for row in suiteql.rows(self._client, suiteql.OPEN_ORDERS):
            yield from_netsuite_order_row(row)

    async def _read(self, record: str, correlation_id: str = "") -> dict[str, Any] | None:
        try:
            answer = await self._client.request(
                "GET",
                f"{RECORD}/{record}",
                write=False,
                params={"expandSubResources": "true"},
                correlation_id=correlation_id,
            )
        except NotFound:
            return None
        if not isinstance(answer.exact, dict) or "id" not in answer.exact:
            raise answer.unreadable("not a record")
        return answer.exact

    async def _write(
        self, method: str, record: str, body: dict[str, Any], replaced: str, stamp: Stamp
    ) -> Answer:
        return await self._client.request(
            method,
            f"{RECORD}/{record}",
            write=True,
            params={"replace": replaced} if replaced else None,
            json=body,
            headers=STRICT,
            correlation_id=stamp.correlation_id,
        )


def _written(answer: Answer, external_id: str) -> ExternalRef:
    """The record that a 204 points to."""
    internal_id = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
    if not internal_id.isdigit():
        raise answer.unreadable("without the place of the record")
    return ExternalRef(id=internal_id, detail={"external_id": external_id})
