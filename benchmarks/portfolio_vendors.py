"""A portfolio in the simulators: accounts with one contract each, and what happens to invoices.

Everything stands there as quote-to-cash would have left it, so that every source of a renewal's
view can answer: a source that cannot is asked again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from adapters.gainsight.mapping import ACCOUNT_FIELD, REFERENCE_FIELD
from adapters.stripe.facts import from_stripe_invoice, from_stripe_subscription
from adapters.stripe.mapping import ACCOUNT, OPPORTUNITY, TERM
from benchmarks.portfolio_clocks import Calendar
from canonical.facts import ContractFacts, InvoiceFacts
from simulators.gainsight import GainsightSimulator
from simulators.kernel import Simulator
from simulators.salesforce import SalesforceSimulator
from simulators.stripe import StripeSimulator
from simulators.stripe.customers import create as create_customer
from simulators.stripe.invoices import create as create_invoice
from simulators.stripe.invoices import finalize
from simulators.stripe.lines import Charge, add_lines
from simulators.stripe.payments import settle, tell_overdue
from simulators.stripe.store import Call
from simulators.stripe.subscriptions import create as create_subscription
from simulators.zendesk import ZendeskSimulator

BILLING = "billing"
MONTHLY_MINOR = 50_000
MONTHS = 12
TERMS_DAYS = 30
MONTH_SECONDS = 30 * 86_400
PRODUCT = "gtx-pro"
PERSON_CALL = "call_to_action"

Obj = dict[str, Any]


@dataclass
class Subscription:
    """One account's contract, and the invoices that came of it so far."""

    account_id: str
    opportunity_id: str
    renewal_deal_id: str
    customer_id: str
    contract_id: str
    invoices: list[Obj] = field(default_factory=list)


class Vendors:
    """The CRM, billing, support and customer success of a portfolio, on one calendar."""

    def __init__(self, simulators: Mapping[str, Simulator], calendar: Calendar) -> None:
        self.calendar = calendar
        self.subscriptions: list[Subscription] = []
        crm, billing = simulators["salesforce"], simulators["stripe"]
        support, success = simulators["zendesk"], simulators["gainsight"]
        assert isinstance(crm, SalesforceSimulator)
        assert isinstance(billing, StripeSimulator)
        assert isinstance(support, ZendeskSimulator)
        assert isinstance(success, GainsightSimulator)
        self.crm, self.billing, self.support, self.success = crm, billing, support, success
        billing.clock = calendar

    def open_accounts(self, number: int) -> None:
        """So many accounts, each with a contract of a year from today and its first invoice."""
        for position in range(1, number + 1):
            self.subscriptions.append(self._open(f"Globex {position:05d}"))

    def turned(self) -> None:
        """The calendar has moved on, and vendors with it."""
        ahead = self.calendar.ahead.total_seconds()
        self.support.moved_seconds = self.success.moved_seconds = ahead
        tell_overdue(self.billing.account, Call((), {}))

    def post(self, subscription: Subscription, month: int) -> Obj:
        """A month's invoice is finalized; that of the first month came with the subscription."""
        account = self.billing.account
        if month:
            asked = {
                "customer": subscription.customer_id,
                "subscription": subscription.contract_id,
                "collection_method": "send_invoice",
                "days_until_due": str(TERMS_DAYS),
            }
            invoice = create_invoice(account, Call((), asked))
            now = account.now()
            add_lines(
                account, invoice, [Charge(MONTHLY_MINOR, "GTX Pro", now, now + MONTH_SECONDS)]
            )
            subscription.invoices.append(finalize(account, Call((), {}), invoice))
        return subscription.invoices[month]

    def pay(self, subscription: Subscription, month: int) -> Obj:
        """A month's invoice is paid in full."""
        return settle(self.billing.account, Call((), {}), subscription.invoices[month])

    def read(self, subscription: Subscription, month: int) -> InvoiceFacts:
        """A month's invoice as it is now."""
        customer = self.billing.account.customers.need(subscription.customer_id)
        invoice, now = {**subscription.invoices[month], "customer": customer}, self.calendar.now()
        return from_stripe_invoice(invoice, known_at=now, changed_at=now)

    def read_contract(self, subscription: Subscription) -> ContractFacts:
        """A contract as it is now."""
        account, now = self.billing.account, self.calendar.now()
        customer = account.customers.need(subscription.customer_id)
        made = {**account.subscriptions.need(subscription.contract_id), "customer": customer}
        return from_stripe_subscription(made, known_at=now, changed_at=now)

    def win_renewal(self, subscription: Subscription) -> None:
        """The renewal's deal is won; nobody is told, the next look sees it."""
        self.crm.close_won(subscription.renewal_deal_id)

    def _open(self, name: str) -> Subscription:
        account_id = self.crm.add("Account", Name=name, BillingCountry="United States")
        renews = (self.calendar.begin + timedelta(days=MONTHS * 30)).date().isoformat()
        deal = {"AccountId": account_id, "Amount": "6000.00"}
        opportunity = self.crm.add(
            "Opportunity", Name=f"{name} - new business", StageName="Closed Won",
            CloseDate=self.calendar.begin.date().isoformat(), **deal,
        )  # fmt: skip
        renewal = self.crm.add(
            "Opportunity", Name=f"{name} - renewal", StageName="Negotiation/Review",
            Type="Renewal", CloseDate=renews, **deal,
        )  # fmt: skip
        self.support.directory.organizations.create({"name": name, "external_id": account_id})
        self._onboarded(name, account_id, opportunity)
        customer, contract, first = self._billed(name, account_id, opportunity)
        return Subscription(account_id, opportunity, renewal, customer, contract, [first])

    def _onboarded(self, name: str, account_id: str, opportunity: str) -> None:
        tenant = self.success.tenant
        company = tenant.put(
            "Company", {"Gsid": tenant.gsid("1P02"), "Name": name, ACCOUNT_FIELD: account_id}
        )
        onboarding = {
            "Gsid": tenant.gsid("1S01"), "Name": f"Onboarding: {name}", "IsClosed": True,
            "CompanyId": company["Gsid"], "Status": "Closed Success",
            "StatusId__gr.Name": "Closed Success",
            REFERENCE_FIELD: f"success/onboarding/{opportunity}",
        }  # fmt: skip
        tenant.put(PERSON_CALL, onboarding)

    def _billed(self, name: str, account_id: str, opportunity: str) -> tuple[str, str, Obj]:
        account = self.billing.account
        given: Obj = {"name": name, "metadata": {ACCOUNT: account_id}}
        customer = create_customer(account, Call((), given))
        price = {
            "currency": "usd", "product": PRODUCT, "unit_amount": str(MONTHLY_MINOR),
            "recurring": {"interval": "month", "interval_count": "1"},
        }  # fmt: skip
        asked: Obj = {
            "customer": customer["id"],
            "collection_method": "send_invoice",
            "days_until_due": str(TERMS_DAYS),
            "items": [{"price_data": price, "quantity": "1"}],
            "metadata": {ACCOUNT: account_id, OPPORTUNITY: opportunity, TERM: str(MONTHS)},
        }
        made = create_subscription(account, Call((), asked))
        return customer["id"], made["id"], account.invoices.need(made["latest_invoice"])
