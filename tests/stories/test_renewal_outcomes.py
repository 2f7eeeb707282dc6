"""A renewal ends in one way, everybody sees which, and a contract that goes on has a next one."""

from datetime import date, timedelta

from canonical.renewal import ReadinessSnapshot
from ledger.views.renewals import list_renewals
from tests.stories.renewals import WINDOW, Renewal

DAY = timedelta(days=1)


def a_year_later(day: date) -> date:
    """The end of the next term: contracts of these stories run for twelve whole months."""
    after = day + DAY
    return after.replace(year=after.year + 1) - DAY


def is_decided(view: ReadinessSnapshot) -> bool:
    """Whether a view tells how the renewal ended."""
    return view.outcome is not None


async def test_a_renewal_that_is_won_starts_the_clock_of_the_next_term(renewal: Renewal) -> None:
    """The deal is won in the window, the contract renews by itself, and a year later it is time
    again."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    deal = renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)
    assert (await renewal.shown()).state == "ready"

    # The deal is won, which is seen a month before the end
    renewal.won(deal)
    await renewal.looked_on(renews_on - 30 * DAY)
    view = await renewal.seen(is_decided)
    assert (view.outcome, view.state, view.forecast) == ("won", "closed", "closed")
    await renewal.standing("waiting")

    # A year later there is no deal yet: the one that was won is not taken for it
    following = a_year_later(renews_on)
    await renewal.looked_on(following - WINDOW)
    await renewal.standing("window_open")
    view = await renewal.shown()
    assert (view.dates.renews_on, view.outcome) == (following, None)
    assert await renewal.opened() == [renews_on, following]


async def test_a_renewal_for_less_is_downsized(renewal: Renewal) -> None:
    """Three quarters of what it was."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    close_on = (renews_on - 20 * DAY).isoformat()
    deal = renewal.renewal_deal(CloseDate=close_on, Amount="9000.00")
    renewal.won(deal)

    await renewal.looked_on(renews_on - WINDOW)
    view = await renewal.seen(is_decided)
    assert (view.outcome, view.forecast) == ("downsized", "closed")
    await renewal.standing("waiting")


async def test_a_renewal_that_is_lost_ends_with_the_contract(renewal: Renewal) -> None:
    """It is out of the forecast at once; the clock is kept until nothing runs any more."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    deal = renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)

    # Globex leaves: the deal is lost, and billing is told not to go on
    renewal.lost(deal)
    renewal.contract.ends(renews_on)
    await renewal.amended()
    view = await renewal.seen(is_decided)
    assert (view.outcome, view.forecast) == ("lost", "omitted")

    # The contract runs to its end, and no further
    await renewal.standing("waiting")
    await renewal.looked_on(renews_on + DAY)
    ended = await renewal.process.result()
    assert (ended.stage, ended.outcome) == ("completed", "lost")
    assert len(await renewal.windows()) == 1


async def test_a_contract_that_is_cancelled_in_its_window_has_no_renewal(renewal: Renewal) -> None:
    """Sixty days before its end, Globex is gone."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)

    renewal.contract.cancelled()
    await renewal.amended()

    ended = await renewal.process.result()
    view = await renewal.seen(is_decided)
    assert (ended.outcome, view.state, view.forecast) == ("cancelled", "closed", "omitted")
    assert view.dates.renews_on == renews_on


async def test_a_contract_that_is_cancelled_before_its_window_has_none(renewal: Renewal) -> None:
    """There is nothing to prepare, and nobody is told of a renewal."""
    await renewal.signed()
    await renewal.passing(100 * DAY)

    renewal.contract.cancelled()
    await renewal.amended()

    ended = await renewal.process.result()
    assert (ended.stage, ended.outcome) == ("completed", None)
    assert (await renewal.windows(), await renewal.views()) == ([], [])
    (line,) = await list_renewals(renewal.tieline.house.database)
    assert (line.state, line.renews_on, line.next_look) == ("cancelled", None, None)


async def test_a_contract_that_renewed_itself_is_won_by_the_date_that_it_had(
    renewal: Renewal,
) -> None:
    """Its owner states the next end by the time that somebody looks: that is no delay."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    await renewal.looked_on(renews_on - WINDOW)

    # It is amended in the window, and again when it has renewed
    renewal.contract.needs_notice(10)
    await renewal.amended()
    assert (await renewal.shown()).dates.notice_on == renews_on - 10 * DAY
    await renewal.looked_on(renews_on)
    renewal.contract.co_terms(a_year_later(renews_on))
    await renewal.looked_on(renews_on + DAY)

    view = await renewal.seen(is_decided)
    assert (view.dates.renews_on, view.outcome) == (renews_on, "won")
    await renewal.standing("waiting")
    await renewal.looked_on(a_year_later(renews_on) - WINDOW)
    await renewal.standing("window_open")
    assert await renewal.opened() == [renews_on, a_year_later(renews_on)]
