"""A renewal's window opens once, on time, whatever is amended before, under either owner."""

from datetime import datetime, timedelta

from temporalio.common import SearchAttributeKey

from tests.stories.renewal_contracts import BillingContract
from tests.stories.renewals import A_MINUTE, MORNING, WINDOW, Renewal

DAY = timedelta(days=1)
UPSERTED = "upsert_workflow_search_attributes_event_attributes"


async def test_the_window_opens_on_its_morning(renewal: Renewal) -> None:
    """Not a minute before; everybody sees one view, and it is told once."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    opens = datetime.combine(renews_on - WINDOW, MORNING)

    # A minute before, nobody has looked
    await renewal.until(opens - A_MINUTE)
    assert (await renewal.stage(), await renewal.windows()) == ("waiting", [])

    # Then it is open, and everybody sees one view of it
    await renewal.passing(2 * A_MINUTE)
    view = await renewal.shown()
    (opened,) = await renewal.windows()
    assert timedelta() <= opened.occurred_at - opens < A_MINUTE
    assert opened.body["renews_on"] == renews_on.isoformat()
    assert (view.state, view.blocking) == ("at_risk", ["crm: there is no renewal opportunity"])
    assert renewal.company["Renewal_Readiness__gc"] == "at_risk"
    assert renewal.opportunity["Renewal_Forecast__c"] == view.forecast == "best_case"

    # Two months later there still is no deal: that blocks it, and opens nothing
    await renewal.looked_on(renews_on - 60 * DAY)
    await renewal.looked_on(renews_on - 30 * DAY)
    assert (await renewal.shown()).state == "blocked"
    assert len(await renewal.windows()) == 1


async def test_the_clock_is_found_by_its_account_from_its_start(renewal: Renewal) -> None:
    """Operators find what waits for a window without that anything was told to Temporal for it."""
    await renewal.signed()

    described = await renewal.process.describe()
    attributes = described.typed_search_attributes
    assert attributes[SearchAttributeKey.for_keyword("TielineStage")] == "waiting"
    account = renewal.tieline.account("Globex")
    assert attributes[SearchAttributeKey.for_keyword("TielineAccount")] == account
    history = await renewal.process.fetch_history()
    told = [e for e in history.events if e.HasField(UPSERTED)]
    assert len(told) == (0 if renewal.kind is BillingContract else 1)


async def test_the_clock_moves_with_the_contract(renewal: Renewal) -> None:
    """Earlier, later, to a common end, into the window and within it."""
    await renewal.signed()
    today, contract = renewal.today, renewal.contract

    # Globex wants to end in spring, then asks for more time
    contract.ends(today + 120 * DAY)
    await renewal.amended()
    contract.ends(today + 180 * DAY)
    await renewal.amended()
    await renewal.looked_on(today + 40 * DAY)
    assert (await renewal.stage(), await renewal.windows()) == ("waiting", [])

    # Notice moves nothing; a common end with another contract does, and it is near
    contract.needs_notice(60)
    await renewal.amended()
    common = today + 110 * DAY
    contract.co_terms(common)
    await renewal.amended()
    view = await renewal.shown()
    assert (view.dates.renews_on, view.dates.decided_by) == (common, "co_term")
    assert view.dates.notice_on == common - 60 * DAY
    assert await renewal.opened() == [common]

    # Within the window it moves once more: everybody sees it, and nothing opens again
    contract.co_terms(common + 5 * DAY)
    await renewal.amended()
    assert (await renewal.shown()).dates.renews_on == common + 5 * DAY
    assert len(await renewal.windows()) == 1


async def test_a_renewal_that_is_moved_out_of_its_window_waits_for_the_next(
    renewal: Renewal,
) -> None:
    """The one that was open closes without an outcome; the new one opens on its own morning."""
    await renewal.signed()
    today, contract = renewal.today, renewal.contract
    contract.ends(today + 60 * DAY)
    await renewal.amended()
    assert await renewal.stage() == "window_open"

    # Half a year more
    later = today + 240 * DAY
    contract.ends(later)
    await renewal.amended()
    view = await renewal.shown()
    assert (view.dates.renews_on, view.outcome) == (later, None)
    assert await renewal.stage() == "waiting"

    await renewal.looked_on(later - WINDOW)
    await renewal.standing("window_open")
    assert await renewal.opened() == [today + 60 * DAY, later]
    assert (await renewal.windows())[-1].occurred_at.date() == later - WINDOW


async def test_a_renewal_that_is_moved_past_has_lapsed(renewal: Renewal) -> None:
    """Its end turns out to have been last week."""
    await renewal.signed()
    renewal.contract.ends(renewal.today - 7 * DAY)
    await renewal.amended()

    ended = await renewal.process.result()
    view = await renewal.shown()
    assert (ended.outcome, view.state, view.forecast) == ("lapsed", "closed", "omitted")
