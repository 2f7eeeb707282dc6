"""Stripe in the role of billing."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Self

from adapters.http import HttpClient, StaticAuth, require_environment, secret
from adapters.stripe.api import Record, StripeApi
from adapters.stripe.contracts import from_stripe_contract
from adapters.stripe.errors import ERRORS
from adapters.stripe.mapping import (
    ACCOUNT,
    KEY,
    OPPORTUNITY,
    require_billable_start,
    schedule_total,
    subscription_total,
    to_stripe_customer,
    to_stripe_schedule,
    to_stripe_subscription,
)
from adapters.stripe.paths import CUSTOMERS, GONE, SCHEDULES, SUBSCRIPTIONS
from adapters.stripe.receivables import StripeReceivables
from adapters.stripe.records import TERMS
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.errors import DuplicateRecord, Malformed, NotFound
from canonical.facts import InvoiceFacts
from canonical.money import Money
from canonical.plan import CustomerSpec, SubscriptionSpec
from canonical.ports.billing import BillingPort
from canonical.ports.port import Booking, RecordSummary
from canonical.renewal import ContractTerms

PRICES = ("phases.items.price",)
SCHEDULE_PREFIX = "sub_sched_"
UNBEGUN = ("customer", *PRICES)
LISTED_PRICES = ("data.phases.items.price",)


class StripeBilling(BillingPort):
    """Customers carry their account, subscriptions the key of the effect that made them."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._api = StripeApi(client)
        self._receivables = StripeReceivables(self._api)

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it; raises Misconfigured for a live key on a test connection and the reverse."""
        key = secret(connection, "api_key")
        require_environment(connection, looks_live(key))
        return cls(HttpClient(connection, StaticAuth.bearer(key), ERRORS))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> str:
        """List one customer."""
        newest = await anext(self._api.list(CUSTOMERS), None)
        customers = "customers can be read" if newest else "no customers yet"
        return f"Stripe at {self._client.base_url}: {customers}"

    async def put_customer(
        self, customer: CustomerSpec, known_id: str | None, stamp: Stamp
    ) -> ExternalRef:
        """Create the customer, or bring the known one up to date (setting fields is repeatable)."""
        if known_id is None:
            params = to_stripe_customer(customer, stamp, new=True)
            record = await self._api.create(
                CUSTOMERS, params, stamp, lambda: self._customer(customer.account_id)
            )
        else:
            record = await self._api.post(
                f"{CUSTOMERS}/{known_id}", to_stripe_customer(customer, stamp, new=False),
                correlation_id=stamp.correlation_id,
            )  # fmt: skip
        return ExternalRef(id=record["id"])

    async def find_customer(self, account_id: str) -> ExternalRef | None:
        """Page through all customers and compare: Stripe lists neither by metadata nor, after a
        write, reliably by search."""
        record = await self._customer(account_id)
        return None if record is None else ExternalRef(id=record["id"])

    async def create_subscription(
        self, spec: SubscriptionSpec, customer_id: str, stamp: Stamp
    ) -> ExternalRef:
        """A subscription for one phase that has begun, otherwise a schedule."""
        today = self._client.clock().date()
        require_billable_start(spec, today)

        async def probe() -> Record | None:
            return await self._standing(customer_id, stamp)

        if len(spec.phases) > 1 or spec.phases[0].starts_on > today:
            params = to_stripe_schedule(spec, customer_id, stamp) | {"expand": PRICES}
            record = await self._api.create(SCHEDULES, params, stamp, probe)
        else:
            params = to_stripe_subscription(spec, customer_id, stamp)
            record = await self._api.create(SUBSCRIPTIONS, params, stamp, probe)
        _verify(record, spec)
        return _ref(record)

    async def find_subscription(self, customer_id: str, stamp: Stamp) -> ExternalRef | None:
        """The customer's standing subscription, or schedule that has not begun, with this key."""
        record = await self._standing(customer_id, stamp)
        return None if record is None else _ref(record)

    async def cancel_subscription(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Cancel at once; raises NotFound for a subscription that never was."""
        schedule_id = str(ref.detail.get("schedule", ""))
        subscription_id = "" if ref.id == schedule_id else ref.id
        if schedule_id:
            schedule = await self._existing(f"{SCHEDULES}/{schedule_id}", ref)
            subscription_id = _subscription_of(schedule) or subscription_id
            if schedule["status"] in ("not_started", "active"):
                await self._api.post(
                    f"{SCHEDULES}/{schedule_id}/cancel",
                    {"invoice_now": False, "prorate": False},
                    correlation_id=stamp.correlation_id,
                )
        if not subscription_id:
            return
        subscription = await self._existing(f"{SUBSCRIPTIONS}/{subscription_id}", ref)
        if subscription["status"] not in GONE:
            await self._api.delete(
                f"{SUBSCRIPTIONS}/{subscription_id}", {"invoice_now": False, "prorate": False},
                stamp.correlation_id,
            )  # fmt: skip

    async def invoices(self, account_id: str, since: date) -> list[InvoiceFacts]:
        """Of the account's one customer; raises DuplicateRecord when there are several."""
        customer = await self._searched(account_id) or await self._customer(account_id)
        return [] if customer is None else await self._receivables.of_customer(customer, since)

    async def contract(self, contract_id: str) -> ContractTerms:
        """The subscription, or the schedule as long as there is none; raises NotFound."""
        record = await self._contract(contract_id)
        return from_stripe_contract(record, contract_id, self._client.connection.name)

    async def records(self) -> AsyncIterator[RecordSummary]:
        """Customers of ours, then subscriptions with the value computed from their items."""
        async for customer in self._api.list(CUSTOMERS):
            if account := customer["metadata"].get(ACCOUNT):
                yield RecordSummary(kind="customer", id=customer["id"], business_id=account)
        schedules: dict[str, Record] = {}
        async for schedule in self._api.list(SCHEDULES, expand=LISTED_PRICES):
            if KEY not in schedule["metadata"] or schedule["status"] == "canceled":
                continue
            schedules[_subscription_of(schedule) or schedule["id"]] = schedule
            if schedule["status"] == "not_started":
                yield _booking(schedule, schedule)
        async for subscription in self._api.list(SUBSCRIPTIONS, status="all"):
            if KEY in subscription["metadata"] and subscription["status"] not in GONE:
                yield _booking(subscription, schedules.get(subscription["id"], subscription))

    async def _contract(self, contract_id: str) -> Record:
        ref = ExternalRef(id=contract_id)
        if contract_id.startswith(SCHEDULE_PREFIX):
            schedule = await self._existing(f"{SCHEDULES}/{contract_id}", ref, UNBEGUN)
            contract_id = _subscription_of(schedule)
            if not contract_id:
                return schedule
        return await self._existing(f"{SUBSCRIPTIONS}/{contract_id}", ref, TERMS)

    async def _searched(self, account_id: str) -> Record | None:
        """The customer by Stripe's search, in one request however many customers there are.

        It lags by a minute or more: good enough to read by, never to decide what to write by.
        """
        if not account_id.isalnum():
            return None  # nothing that could end the quotation goes into a query
        query = f"metadata['{ACCOUNT}']:'{account_id}'"
        found, _ = await self._api.page(f"{CUSTOMERS}/search", query=query, limit=2)
        same = [c for c in found if c["metadata"].get(ACCOUNT) == account_id]
        return _only(same, f"customers of account {account_id}")

    async def _customer(self, account_id: str) -> Record | None:
        found = [
            c async for c in self._api.list(CUSTOMERS) if c["metadata"].get(ACCOUNT) == account_id
        ]
        return _only(found, f"customers of account {account_id}")

    async def _standing(self, customer_id: str, stamp: Stamp) -> Record | None:
        found = [
            s
            async for s in self._api.list(SUBSCRIPTIONS, customer=customer_id, status="all")
            if s["metadata"].get(KEY) == stamp.key and s["status"] not in GONE
        ]
        found += [
            s
            async for s in self._api.list(
                SCHEDULES, customer=customer_id, scheduled=True, expand=LISTED_PRICES
            )
            if s["metadata"].get(KEY) == stamp.key and s["status"] == "not_started"
        ]
        return _only(found, f"subscriptions with key {stamp.key}")

    async def _existing(self, path: str, ref: ExternalRef, expand: tuple[str, ...] = ()) -> Record:
        record = await self._api.get(path, expand)
        if record is None:
            raise NotFound(f"Stripe has no {path}", about=ref.id)
        return record


def looks_live(key: str) -> bool | None:
    """Whether a key is for live money, by its prefix; None when it does not tell."""
    _, _, rest = key.partition("_")
    return {"live": True, "test": False}.get(rest.partition("_")[0])


def _only(found: list[Record], what: str) -> Record | None:
    if len(found) > 1:
        ids = [str(record["id"]) for record in found]
        raise DuplicateRecord(f"Stripe has {len(found)} {what}", details={"ids": ids[:20]})
    return found[0] if found else None


def _subscription_of(schedule: Record) -> str:
    return str(schedule.get("subscription") or schedule.get("released_subscription") or "")


def _ref(record: Record) -> ExternalRef:
    """The subscription, or the schedule as long as there is none."""
    if record["object"] == "subscription_schedule":
        begun = _subscription_of(record)
        return ExternalRef(id=begun or record["id"], detail={"schedule": record["id"]})
    schedule = record.get("schedule")
    return ExternalRef(id=record["id"], detail={"schedule": str(schedule)} if schedule else {})


def _charged(record: Record) -> Money:
    try:
        if record["object"] == "subscription_schedule":
            return schedule_total(record)
        return subscription_total(record)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise Malformed(
            f"Stripe's {record.get('object')} {record.get('id')} cannot be added up: {error!r}"
        ) from None


def _verify(record: Record, spec: SubscriptionSpec) -> None:
    if record["object"] == "subscription" and record.get("schedule"):
        return  # found by the probe, and only its current phase is on it
    charged = _charged(record)
    if charged != spec.total:
        raise Malformed(
            f"Stripe's {record['id']} charges {charged}, {spec.total} were ordered",
            about=spec.opportunity_id,
        )


def _booking(record: Record, priced: Record) -> Booking:
    return Booking(
        kind="subscription",
        id=record["id"],
        business_id=record["metadata"].get(OPPORTUNITY, ""),
        status=record["status"],
        amount=_charged(priced),
    )
