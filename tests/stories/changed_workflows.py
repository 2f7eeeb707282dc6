"""Quote-to-cash as a careless change would leave it: what the replay test has to catch."""

from typing import Any

from temporalio import workflow

from canonical.messages import QuoteToCashInput, QuoteToCashResult
from canonical.requests import ActivateSubscription
from workflows.quote_to_cash import QuoteToCash


@workflow.defn(name="quote-to-cash")
class BooksBeforeBilling(QuoteToCash):
    """Registers the customer first and activates the subscription when that is done."""

    @workflow.init
    def __init__(self, start: QuoteToCashInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: QuoteToCashInput) -> QuoteToCashResult:
        """As ever."""
        return await super().run(start)

    async def fulfil(self) -> None:
        """The gates one after the other."""
        await self.accept_order()
        customer = await self.register_customer()
        subscription = await self.activate_subscription()
        await self.book_order(subscription, customer)


@workflow.defn(name="quote-to-cash")
class ChargesTenfold(QuoteToCash):
    """The same commands in the same order, with other amounts in them."""

    @workflow.init
    def __init__(self, start: QuoteToCashInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: QuoteToCashInput) -> QuoteToCashResult:
        """As ever."""
        return await super().run(start)

    async def step(self, name: str, activity: Any, request: Any, **options: Any) -> Any:
        """Every unit of a subscription costs ten times as much."""
        return await super().step(name, activity, lambda: _tenfold(request()), **options)


def _tenfold(request: Any) -> Any:
    if not isinstance(request, ActivateSubscription):
        return request
    dearer = [
        phase.model_copy(
            update={
                "items": [
                    item.model_copy(update={"unit_amount_minor": item.unit_amount_minor * 10})
                    for item in phase.items
                ]
            }
        )
        for phase in request.subscription.phases
    ]
    subscription = request.subscription.model_copy(update={"phases": dearer})
    return request.model_copy(update={"subscription": subscription})
