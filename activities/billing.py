"""Billing activities: activate a subscription, and cancel it."""

from temporalio import activity

from activities.context import current_process
from activities.master import put_master_record
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.ids import effect_key
from canonical.milestones import Milestone
from canonical.plan import CustomerSpec
from canonical.ports.billing import BillingPort
from canonical.requests import ActivateSubscription, ActiveSubscription, CancelSubscription

CUSTOMER = "customer"
SUBSCRIPTION = "subscription"


class BillingActivities:
    """What processes ask of one billing connection."""

    def __init__(self, port: BillingPort, connection: str, effects: Effects) -> None:
        self._port = port
        self._connection = connection
        self._effects = effects

    @activity.defn(name="billing.activate_subscription")
    async def activate_subscription(self, request: ActivateSubscription) -> ActiveSubscription:
        """Make the customer known and its subscription active (R64)."""
        customer = await self._put_customer(request.customer)
        spec = request.subscription

        async def write(stamp: Stamp) -> ExternalRef:
            return await self._port.create_subscription(spec, customer.id, stamp)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            return await self._port.find_subscription(customer.id, stamp)

        subscription = await self._effects.once(
            Effect(
                key=self._key(spec.opportunity_id),
                connection=self._connection,
                kind=SUBSCRIPTION,
                subject=Subject(kind="opportunity", id=spec.opportunity_id),
                request=spec,
                scope=self._key(spec.opportunity_id),
                process=current_process(),
                legal_entity=request.customer.legal_entity,
                milestone=Milestone.SUBSCRIPTION_ACTIVATED,
            ),
            write,
            probe,
        )
        return ActiveSubscription(customer_id=customer.id, subscription_id=subscription.id)

    @activity.defn(name="billing.cancel_subscription")
    async def cancel_subscription(self, request: CancelSubscription) -> ExternalRef | None:
        """Undo of the activation; harmless when it never happened."""
        process = current_process()
        stamp_key = self._key(request.opportunity_id)

        async def probe(stamp: Stamp) -> ExternalRef | None:
            account = Subject(kind="account", id=request.account_id)
            customer_id = await self._effects.external_id(self._connection, CUSTOMER, account)
            if customer_id is None:
                return None
            return await self._port.find_subscription(customer_id, stamp)

        async def reverse(ref: ExternalRef) -> None:
            stamp = Stamp(key=stamp_key, token="", correlation_id=process.correlation_id)
            await self._port.cancel_subscription(ref, stamp)

        return await self._effects.undo(stamp_key, process, probe, reverse)

    async def _put_customer(self, spec: CustomerSpec) -> ExternalRef:
        return await put_master_record(
            self._effects,
            connection=self._connection,
            kind=CUSTOMER,
            account_id=spec.account_id,
            legal_entity=spec.legal_entity,
            request=spec,
            put=lambda known, stamp: self._port.put_customer(spec, known, stamp),
            find=lambda: self._port.find_customer(spec.account_id),
        )

    def _key(self, opportunity_id: str) -> str:
        return effect_key(self._connection, SUBSCRIPTION, opportunity_id)
