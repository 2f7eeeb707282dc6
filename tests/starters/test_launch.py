"""A process is started once for its business key, on a real Temporal server."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import Priority, SearchAttributeKey

from canonical.errors import Conflict, Unavailable
from canonical.ids import quote_to_cash_id
from canonical.messages import QuoteToCashInput
from starters.launch import Started, start_process
from tieline.devserver import free_port
from tieline.settings import Settings, Temporal
from tieline.temporal import connect


async def start(client: Client, deal: str, crm: str = "salesforce", **options: Any) -> Started:
    """Start quote-to-cash of a deal; no worker takes it on, so it stays open."""
    return await start_process(
        client,
        "quote-to-cash",
        QuoteToCashInput(crm=crm, opportunity_id=deal),
        workflow_id=quote_to_cash_id("salesforce", deal),
        task_queue="nobody",
        **options,
    )


async def test_a_second_report_of_a_deal_finds_the_first_run(client: Client) -> None:
    """Whoever reports the deal, it has one process."""
    first = await start(client, "globex-renewal")
    second = await start(client, "globex-renewal")

    assert (first.new, second.new) == (True, False)
    assert first.workflow_id == "quote-to-cash/salesforce/globex-renewal"
    assert first.run_id == second.run_id != ""


async def test_ten_reports_at_once_start_one_run(client: Client) -> None:
    """Webhook, poller and a person may all come at the same moment."""
    started = await asyncio.gather(*(start(client, "globex-at-once") for _ in range(10)))

    assert sum(each.new for each in started) == 1
    assert len({each.run_id for each in started}) == 1


async def test_a_closed_run_is_not_repeated(client: Client) -> None:
    """A deal that was fulfilled is not fulfilled again by a late delivery."""
    first = await start(client, "globex-closed")
    await client.get_workflow_handle(first.workflow_id).terminate("closed for the test")

    late = await start(client, "globex-closed")

    assert (late.new, late.run_id) == (False, first.run_id)


@pytest.mark.parametrize("closed", [False, True])
async def test_another_input_under_the_same_key_is_a_conflict(client: Client, closed: bool) -> None:
    """Silence would hide that two different things were asked for."""
    deal = f"globex-conflict-{closed}"
    first = await start(client, deal)
    if closed:
        await client.get_workflow_handle(first.workflow_id).terminate("closed for the test")

    with pytest.raises(Conflict, match="another input"):
        await start(client, deal, crm="hubspot")


async def test_operators_find_a_process_from_its_start(client: Client) -> None:
    """Process and stage are search attributes, the deal is in the summary."""
    started = await start(
        client,
        "globex-visible",
        stage="accepting",
        summary="Globex, net 45",
        priority=Priority(priority_key=2),
    )

    run = await client.get_workflow_handle(started.workflow_id).describe()

    attributes = run.typed_search_attributes
    assert attributes[SearchAttributeKey.for_keyword("TielineProcess")] == "quote-to-cash"
    assert attributes[SearchAttributeKey.for_keyword("TielineStage")] == "accepting"
    assert await run.static_summary() == "Globex, net 45"
    assert run.raw_info.priority.priority_key == 2


async def test_a_server_that_is_away_is_unavailable() -> None:
    """The caller may ask again: nothing was started."""
    settings = Settings(temporal=Temporal(address=f"127.0.0.1:{free_port()}"))
    away = await connect(settings, lazy=True)

    with pytest.raises(Unavailable):
        await start(away, "globex-unheard")
