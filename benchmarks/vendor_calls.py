"""The fourteen vendor calls of an order, by plain httpx: what the public samples would write.

They are the calls that Tieline makes for a new customer's order, read off the simulators' logs,
with the same credentials. Nothing is kept, compared or looked up before it is written.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Self

import httpx

from adapters.gainsight.auth import authentication as gainsight_auth
from adapters.http import HttpClient, StaticAuth, secret
from adapters.netsuite.auth import token_auth as netsuite_auth
from adapters.netsuite.errors import NETSUITE_ERRORS
from adapters.salesforce.oauth import salesforce_auth
from adapters.zendesk.auth import authentication as zendesk_auth
from canonical.connections import Connection
from tieline.settings import Settings

CONNECTIONS_MAX = 50
KEEPALIVE_SECONDS = 4.0
STRIPE_VERSION = "2026-10-28.endive"
SALESFORCE = "/services/data/v67.0"
NETSUITE = "/services/rest/record/v1"

AUTHENTICATION = {
    "salesforce": salesforce_auth,
    "stripe": lambda connection: StaticAuth.bearer(secret(connection, "api_key")),
    "netsuite": netsuite_auth,
    "zendesk": zendesk_auth,
    "gainsight": gainsight_auth,
}


@dataclass(frozen=True)
class Sale:
    """A deal, and the id of everything that was made of it so far."""

    opportunity_id: str
    account_id: str = ""
    name: str = ""
    email: str = ""
    closed_on: str = ""
    customer_id: str = ""
    subscription_id: str = ""
    erp_customer_id: str = ""
    sales_order_id: str = ""
    company_id: str = ""

    def known(self, **facts: str) -> "Sale":
        """The sale with more known of it."""
        return replace(self, **facts)


class VendorCalls:
    """One client a vendor, authorized once."""

    def __init__(self, clients: dict[str, httpx.AsyncClient], options: dict[str, str]) -> None:
        self._clients = clients
        self._erp_options = options

    @classmethod
    async def connect(cls, settings: Settings) -> Self:
        """Clients with the credentials of the settings' connections."""
        connections = settings.connections.values()
        clients = {c.vendor: await _client(c) for c in connections}
        erp = next(c for c in connections if c.vendor == "netsuite")
        return cls(clients, dict(erp.options))

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def fetch_opportunity(self, opportunity_id: str) -> Sale:
        """Read the deal, its account and its lines."""
        query = (
            "SELECT Id, Name, AccountId, Amount, CloseDate, Account.Name, Account.Billing_Email__c,"
            " (SELECT Id, ProductCode, Quantity, TotalPrice FROM OpportunityLineItems)"
            f" FROM Opportunity WHERE Id = '{opportunity_id}'"
        )
        found = await self._ask("salesforce", "GET", f"{SALESFORCE}/query", params={"q": query})
        deal = found.json()["records"][0]
        return Sale(
            opportunity_id=opportunity_id,
            account_id=deal["AccountId"],
            name=deal["Account"]["Name"],
            email=deal["Account"]["Billing_Email__c"],
            closed_on=deal["CloseDate"],
        )

    async def create_customer(self, sale: Sale) -> str:
        """A customer in billing."""
        form = {"name": sale.name, "email": sale.email, "address[country]": "US"}
        return str((await self._bill("/v1/customers", form))["id"])

    async def create_subscription(self, sale: Sale) -> str:
        """Its subscription, with a one-time item on the first invoice."""
        price, extra = "items[0][price_data]", "add_invoice_items[0][price_data]"
        form = {
            "customer": sale.customer_id,
            "currency": "usd",
            "collection_method": "send_invoice",
            "days_until_due": "30",
            f"{price}[currency]": "usd",
            f"{price}[product]": "gtx-pro",
            f"{price}[unit_amount]": "480000",
            f"{price}[recurring][interval]": "year",
            "items[0][quantity]": "1",
            f"{extra}[currency]": "usd",
            f"{extra}[product]": "implementation",
            f"{extra}[unit_amount]": "120000",
        }
        return str((await self._bill("/v1/subscriptions", form))["id"])

    async def put_erp_customer(self, sale: Sale) -> str:
        """The customer in the ERP."""
        body = {
            "companyName": sale.name,
            "isPerson": False,
            "email": sale.email,
            "subsidiary": {"id": self._erp_options["subsidiary.US01"]},
            "currency": {"id": self._erp_options["currency.USD"]},
        }
        path = f"{NETSUITE}/customer/eid:{sale.account_id}"
        return _placed(await self._ask("netsuite", "PUT", path, json=body))

    async def put_sales_order(self, sale: Sale) -> str:
        """The sales order in the ERP."""
        ends_on = date.fromisoformat(sale.closed_on) + timedelta(days=364)
        service = {"revRecStartDate": sale.closed_on, "revRecEndDate": ends_on.isoformat()}
        at_once = {"revRecStartDate": sale.closed_on, "revRecEndDate": sale.closed_on}
        lines = (("GTX-PRO", 4800, service), ("IMPLEMENTATION", 1200, at_once))
        body = {
            "entity": {"id": sale.erp_customer_id},
            "subsidiary": {"id": self._erp_options["subsidiary.US01"]},
            "currency": {"id": self._erp_options["currency.USD"]},
            "tranDate": sale.closed_on,
            "orderStatus": {"id": "B"},
            "custbody_billing_subscription": sale.subscription_id,
            "item": {
                "items": [
                    {"item": {"externalId": item}, "quantity": 1, "price": {"id": "-1"}}
                    | {"amount": amount, **dates}
                    for item, amount, dates in lines
                ]
            },
        }
        path = f"{NETSUITE}/salesOrder/eid:so-{sale.opportunity_id}"
        return _placed(await self._ask("netsuite", "PUT", path, json=body))

    async def query_revenue(self, sale: Sale) -> int:
        """The revenue plan's rows; how many there are."""
        query = (
            "SELECT rp.plannedperiod AS period, rp.amount AS amount FROM revenuearrangement ra "
            "JOIN revenueelement re ON re.revenuearrangement = ra.id "
            "JOIN transactionline tl ON tl.transaction = re.sourcetransaction "
            "AND tl.linesequencenumber = re.sourcetransactionline "
            "LEFT JOIN revenueplan rp ON rp.revenueelement = re.id "
            f"WHERE ra.sourcetransaction = {sale.sales_order_id}"
        )
        path = "/services/rest/query/v1/suiteql"
        headers = {"Prefer": "transient"}
        found = await self._ask("netsuite", "POST", path, json={"q": query}, headers=headers)
        return len(found.json()["items"])

    async def find_organization(self, sale: Sale) -> int:
        """The customer's organization in support; how many there are."""
        found = await self._ask(
            "zendesk", "GET", "/api/v2/organizations/show_many",
            params={"external_ids": sale.account_id},
        )  # fmt: skip
        return len(found.json()["organizations"])

    async def put_organization(self, sale: Sale) -> str:
        """The organization, with its tier."""
        organization = {
            "external_id": sale.account_id,
            "name": sale.name,
            "organization_fields": {"support_tier": "standard"},
            "tags": ["tier_standard"],
        }
        path = "/api/v2/organizations/create_or_update"
        answer = await self._ask("zendesk", "POST", path, json={"organization": organization})
        return str(answer.json()["organization"]["id"])

    async def find_company(self, sale: Sale) -> int:
        """The customer's company in customer success, of which finding none is answered 400."""
        condition = {
            "name": "SFDC_Account_Id__gc", "alias": "A", "value": [sale.account_id],
            "operator": "EQ",
        }  # fmt: skip
        body = {
            "select": ["Gsid", "Name"], "limit": 2, "offset": 0,
            "where": {"conditions": [condition], "expression": "A"},
        }  # fmt: skip
        path = "/v1/data/objects/query/Company"
        answer = await self._clients["gainsight"].post(path, json=body)
        return len((answer.json().get("data") or {}).get("records") or [])

    async def create_company(self, sale: Sale) -> str:
        """The company."""
        body = {"records": [{"Name": sale.name, "SFDC_Account_Id__gc": sale.account_id}]}
        answer = await self._ask("gainsight", "POST", "/v1/data/objects/Company", json=body)
        return str(answer.json()["data"]["records"][0]["Gsid"])

    async def put_person(self, sale: Sale) -> int:
        """The company's contact."""
        body = {"Email": sale.email, "companies": [{"Company_ID": sale.company_id}]}
        path = "/v1/peoplemgmt/v1.0/people"
        return (await self._ask("gainsight", "PUT", path, json=body)).status_code

    async def open_cta(self, sale: Sale) -> int:
        """The onboarding, as a call to action."""
        record = {
            "referenceId": uuid.uuid4().hex, "Name": f"Onboarding: {sale.name}",
            "CompanyId": sale.company_id, "OwnerEmail": "csm@rehearsal.example",
            "DueDate": sale.closed_on, "type": "Lifecycle", "reason": "Onboarding",
            "status": "New", "priority": "Medium",
        }  # fmt: skip
        body = {"requests": [{"record": record}]}
        answer = await self._ask("gainsight", "POST", "/v2/cockpit/cta", json=body)
        if answer.json()["result"] is not True:
            raise RuntimeError(answer.text)
        return answer.status_code

    async def write_back(self, sale: Sale) -> int:
        """Tell the CRM what the deal has become."""
        values = {
            "ERP_Order_Id__c": sale.sales_order_id,
            "Billing_Subscription_Id__c": sale.subscription_id,
            "Activation_Status__c": "Active",
        }
        path = f"{SALESFORCE}/sobjects/Opportunity/{sale.opportunity_id}"
        return (await self._ask("salesforce", "PATCH", path, json=values)).status_code

    async def _bill(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        headers = {"Idempotency-Key": uuid.uuid4().hex, "Stripe-Version": STRIPE_VERSION}
        record: dict[str, Any] = (
            await self._ask("stripe", "POST", path, data=form, headers=headers)
        ).json()
        return record

    async def _ask(self, vendor: str, method: str, path: str, **request: Any) -> httpx.Response:
        answer = await self._clients[vendor].request(method, path, **request)
        if answer.is_error:
            raise RuntimeError(f"{vendor} answered {answer.status_code}: {answer.text[:300]}")
        return answer


def _placed(answer: httpx.Response) -> str:
    return answer.headers["location"].rpartition("/")[2]


async def _client(connection: Connection) -> httpx.AsyncClient:
    auth = AUTHENTICATION[connection.vendor](connection)
    asking = HttpClient(connection, auth, NETSUITE_ERRORS)
    headers = dict(await auth.headers(asking))
    await asking.aclose()
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX, keepalive_expiry=KEEPALIVE_SECONDS)
    return httpx.AsyncClient(
        base_url=connection.url, headers=headers, limits=limits, timeout=30.0, trust_env=False
    )
