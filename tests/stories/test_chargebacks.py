"""A bank takes a payment back: Stripe's webhook of it is all that anybody is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical.facts import Kind
from canonical.inbound import Channel
from ledger.inbox import InboxState
from ledger.views.inbox import InboxLine, list_events
from simulators.stripe import disputes
from simulators.stripe.store import Call
from tests.stories.intake import receiving
from tests.stories.invoices import (
    InBilling,
    calls_about_payment,
    company,
    flag,
    is_untouched,
    level,
    seen,
    won,
)
from tests.stories.portfolio import Portfolio
from tests.world import eventually, world
from tieline.devserver import free_port
from tieline.rehearsal.credentials import Credentials

# What the story itself said of the invoice before Stripe did.
HEARD = f"{Kind.INVOICE}.changed"


@pytest.fixture
async def portfolio(
    tmp_path: Path, clocks: WorkflowEnvironment, credentials: Credentials
) -> AsyncIterator[Portfolio]:
    """A world in which Stripe may send its webhooks to the receiver."""
    address = clocks.client.service_client.config.target_host
    with clocks.with_time_skipping_disabled():
        async with (
            world(
                tmp_path,
                clocks.client,
                credentials,
                temporal_address=address,
                webhooks_port=free_port(),
            ) as built,
            receiving(built, credentials),
        ):
            yield Portfolio(built, clocks)


async def paid(portfolio: Portfolio, credentials: Credentials, *, heard: bool = True) -> str:
    """Globex has paid its invoice ten days before it is due, and that is `heard` or not; from now
    on Stripe tells."""
    invoices = InBilling(portfolio)
    invoice = await invoices.late(await won(portfolio), days=-10, net=30, tell=heard)
    await invoices.pay(invoice, tell=heard)
    port = portfolio.tieline.settings.webhooks.port
    destination = portfolio.tieline.billing.destination
    destination.url = f"http://127.0.0.1:{port}/webhooks/billing"
    destination.secret = credentials.webhook_secret.read_text()
    return invoice


@pytest.mark.parametrize(
    ("heard", "as_thin"),
    [(True, False), (False, True)],
    ids=["of a payment that was told, as a snapshot", "of an invoice never told, as a thin event"],
)
async def test_a_chargeback_alone_makes_the_account_a_risk(
    portfolio: Portfolio, credentials: Credentials, heard: bool, as_thin: bool
) -> None:
    """From the bank's first word until it gives the money back."""
    # Given Globex, which owes nothing
    invoice = await paid(portfolio, credentials, heard=heard)
    billing = portfolio.tieline.billing
    billing.destination.thin = as_thin
    assert is_untouched(portfolio)

    # When its bank takes the payment back, and Stripe's webhooks say so
    dispute = billing.happen(invoice, "dispute")
    assert await billing.deliver() == [202, 202]

    # Then customer success and support are shown it, and nobody is called about late payments
    await seen(portfolio, "watch")
    assert "disputed" in company(portfolio)["Risk_Reasons__gc"]
    assert calls_about_payment(portfolio) == []
    lines = await eventually(lambda: settled(portfolio))
    assert {(line.kind, line.subject) for line in lines} == {(Kind.DISPUTE, dispute["id"])}
    assert [line.state for line in lines] == [InboxState.RECORDED] * 2
    account = portfolio.tieline.account("Globex")
    assert {line.account_id for line in lines} == {account}

    # And when Globex's bank gives it back, it is over
    billing.happen(invoice, "dispute", status="won")
    assert await billing.deliver() == [202, 202]
    ended = await portfolio.risk(account).result()
    assert (ended.worst, level(portfolio), flag(portfolio)) == ("watch", "", "")
    told = await portfolio.told("invoice.adjusted", "invoice.overdue")
    assert told == ["invoice.adjusted", "invoice.adjusted"]


async def test_a_chargeback_of_a_payment_without_an_invoice_concerns_nobody(
    portfolio: Portfolio, credentials: Credentials
) -> None:
    """Somebody bought a book at the same account: it is on record, and nothing follows."""
    await paid(portfolio, credentials)
    billing = portfolio.tieline.billing
    disputes.dispute_payment(billing.account, Call((), {}), "pi_1Book", 4_900, "usd")

    assert await billing.deliver() == [202, 202]

    lines = await eventually(lambda: settled(portfolio))
    assert {(line.state, line.error) for line in lines} == {
        (InboxState.IGNORED, "its record is none of ours")
    }
    assert await portfolio.told("invoice.adjusted") == []
    assert is_untouched(portfolio)


async def settled(portfolio: Portfolio) -> list[InboxLine]:
    """What webhooks told, once nothing of it waits any more."""
    lines = await list_events(portfolio.tieline.house.database, limit=1000)
    told = [line for line in lines if line.channel == Channel.WEBHOOK and line.type != HEARD]
    return [] if any(line.state is InboxState.PENDING for line in told) else told
