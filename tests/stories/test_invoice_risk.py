"""Late invoices are a risk that people see, until it is over."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical.facts import Kind
from tests.stories.portfolio import Portfolio
from tests.world import world
from tieline.rehearsal.credentials import Credentials


@pytest.fixture
async def portfolio(
    tmp_path: Path, clocks: WorkflowEnvironment, credentials: Credentials
) -> AsyncIterator[Portfolio]:
    """A world whose days pass when the story says so."""
    with clocks.with_time_skipping_disabled():
        async with world(tmp_path, clocks.client, credentials) as built:
            yield Portfolio(built, clocks)


async def test_overdue_escalated_paid(portfolio: Portfolio) -> None:
    """One invoice, from its first late day to its payment."""
    tieline = portfolio.tieline
    deal = tieline.deal("Globex")
    await tieline.fulfilled(deal)
    account = tieline.account("Globex")
    invoice = await portfolio.late(deal, days=2)

    # Two days late is within the grace: somebody watches, and nobody is told
    process = portfolio.risk(account)
    await portfolio.standing(process, "none")
    assert "Risk_Level__gc" not in company(portfolio)

    # Then the days pass
    for days, level in ((4, "watch"), (10, "high"), (30, "critical")):
        await portfolio.pass_days(days, process)
        assert await portfolio.standing(process, level)
        assert company(portfolio)["Risk_Level__gc"] == level
        assert organization(portfolio)["payment_risk"] == f"payment_risk_{level}"
        assert len(calls_about_payment(portfolio, closed=False)) == 1

    # And when Globex pays, nothing of it is left but a closed call
    tieline.billing.happen(invoice, "pay")
    await portfolio.hear("billing", Kind.INVOICE, invoice)
    ended = await process.result()
    assert (ended.stage, ended.worst) == ("completed", "critical")
    assert company(portfolio)["Risk_Level__gc"] is None
    assert organization(portfolio)["payment_risk"] is None
    assert len(calls_about_payment(portfolio, closed=True)) == 1
    assert calls_about_payment(portfolio, closed=False) == []


def company(portfolio: Portfolio, name: str = "Globex") -> dict[str, Any]:
    """An account as customer success shows it."""
    companies = portfolio.tieline.success.state()["Company"].values()
    return next(one for one in companies if one["Name"] == name)


def organization(portfolio: Portfolio, name: str = "Globex") -> dict[str, Any]:
    """An account's own fields as support shows them."""
    organizations = portfolio.tieline.support.state()["organizations"]
    fields: dict[str, Any] = next(one for one in organizations if one["name"] == name)
    return fields["organization_fields"]  # type: ignore[no-any-return]


def calls_about_payment(portfolio: Portfolio, *, closed: bool) -> list[dict[str, Any]]:
    """The CSM's calls about late payments."""
    calls = portfolio.tieline.success.state()["call_to_action"].values()
    late = [one for one in calls if one["Name"].startswith("Late payments")]
    return [one for one in late if one["IsClosed"] is closed]
