"""What a morning's looks will ask is asked beforehand, for many renewals at once."""

from datetime import time, timedelta

from canonical.gathering import Gathered
from tests.stories.renewals import A_WHILE, MORNING, WINDOW, Renewal
from tests.stories.rounds import round_of

DAY = timedelta(days=1)
READS = {
    "finance.invoices",
    "finance.contract",
    "support.incidents",
    "usage.adoption",
    "success.onboarding_tasks",
    "crm.renewal_opportunity",
}


async def asked(renewal: Renewal) -> dict[str, int]:
    """The questions that the present run of the process has put itself."""
    return {name: times for name, times in (await renewal.activities()).items() if name in READS}


async def test_a_renewal_is_watched_to_its_end_without_a_question_of_its_own(
    renewal: Renewal,
) -> None:
    """Its window opens, is looked at twice more, and closes; what it shows is from the rounds."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    deal = renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    itself = await asked(renewal)

    for days, answers in ((90, 6), (60, 5), (30, 5)):
        day = renews_on - timedelta(days=days)
        assert await round_of(renewal, day) == Gathered(answered=answers)
        await renewal.looked_on(day)
        view = await renewal.shown()
        assert view.state == "ready"
        assert await asked(renewal) == itself
    support = next(one for one in view.signals if one.name == "support")
    assert support.as_of is not None
    renewal.won(deal)
    assert await round_of(renewal, renews_on + DAY) == Gathered(answered=2)
    await renewal.looked_on(renews_on + DAY)
    assert (await renewal.seen(lambda one: one.outcome is not None)).outcome == "won"
    assert await renewal.opened() == [renews_on]
    assert await asked(renewal) == {}  # the next term's run goes by what this one knew


async def test_who_is_away_during_the_round_is_asked_by_the_process(renewal: Renewal) -> None:
    """The others' answers hold."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    itself = await asked(renewal)
    renewal.tieline.support.faults.arm(kind="outage", seconds=3600)

    found = await round_of(renewal, renews_on - WINDOW)
    renewal.tieline.support.faults.clear()
    await renewal.looked_on(renews_on - WINDOW)

    assert found == Gathered(answered=5, unanswered=1)
    assert (await renewal.shown()).state == "ready"
    assert await asked(renewal) == itself | {"support.incidents": 1}


async def test_what_is_told_after_the_round_is_asked_for_anew(renewal: Renewal) -> None:
    """The answers of the round would undo what the process has seen since."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)
    before = await asked(renewal)
    await round_of(renewal, renews_on - WINDOW + 30 * DAY)
    (onboarding,) = renewal.tieline.success.state()["call_to_action"]
    renewal.tieline.success.cockpit.change(onboarding, status="Work In Progress")

    await renewal.process.signal("business_event", {"id": "1", "type": "implementation.reopened"})
    await renewal.passing(A_WHILE)
    await renewal.looked_on(renews_on - WINDOW + 30 * DAY)

    after = await asked(renewal)
    assert {name: after[name] - before[name] for name in before if after[name] > before[name]} == {
        "finance.invoices": 1,
        "support.incidents": 1,
        "usage.adoption": 1,
        "success.onboarding_tasks": 2,
        "crm.renewal_opportunity": 1,
    }


async def test_a_round_that_comes_too_late_asks_nobody(renewal: Renewal) -> None:
    """The looks of the day are over."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    await renewal.looked_on(renews_on - WINDOW)
    assert await round_of(renewal, renews_on - WINDOW, time(7, tzinfo=MORNING.tzinfo)) == Gathered()
