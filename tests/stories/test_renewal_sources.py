"""What is not known of a renewal is unknown, never green, and is asked again."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from tests.stories.conftest import PROMPT_TIMERS, SKIPS_MAX
from tests.stories.evidence import calls
from tests.stories.renewals import A_WHILE, WINDOW, Renewal, renewal_world, state_of
from tieline.devserver import binary, server_arguments
from tieline.rehearsal.credentials import Credentials
from tieline.settings import Settings
from tieline.temporal import plugin

DAY = timedelta(days=1)
# A source is asked for ten minutes before it counts as away, and again in an hour.
AWAY = timedelta(minutes=12)
AGAIN = timedelta(hours=1, minutes=5)
SIGNALS = ("billing", "support", "usage", "implementation", "crm")


@pytest.fixture
async def short_histories() -> AsyncIterator[WorkflowEnvironment]:
    """A server that finds histories long much sooner than others do."""
    threshold = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=100")
    # A run that begins in skipped time has, by the server's own clock, not begun yet: it would wait
    # to go on in another until it has lasted a second.
    at_once = ("--dynamic-config-value", 'history.workflowIdReuseMinimalInterval="-100000h"')
    async with await WorkflowEnvironment.start_time_skipping_v2(
        ts_config=TimeSkippingConfig(max_session_skip_count=SKIPS_MAX),
        plugins=[plugin(Settings())],
        dev_server_existing_path=str(binary()),
        dev_server_log_level="error",
        dev_server_extra_args=[*server_arguments(), *PROMPT_TIMERS, *threshold, *at_once],
    ) as environment:
        yield environment


async def ready(renewal: Renewal) -> None:
    """Globex's window is open, and all five sources are green."""
    await renewal.signed()
    renews_on = await renewal.renews_on()
    renewal.renewal_deal(CloseDate=(renews_on - 20 * DAY).isoformat())
    await renewal.looked_on(renews_on - WINDOW)
    assert (await renewal.shown()).state == "ready"


@contextmanager
def down(renewal: Renewal, *signals: str) -> Iterator[None]:
    """The sources of some signals are away."""
    away = [source for name in signals if (source := vendor(renewal, name)) is not None]
    for source in away:
        source.faults.arm(kind="outage", seconds=3600)
    if "usage" in signals:
        renewal.warehouse_is(there=False)
    yield
    for source in away:
        source.faults.clear()
    if "usage" in signals:
        renewal.warehouse_is(there=True)


def vendor(renewal: Renewal, signal: str) -> Any:
    """The system that a signal comes from, under the preset of the story; none is a warehouse."""
    tieline = renewal.tieline
    return {
        "billing": tieline.billing if renewal.kind.connection == "billing" else tieline.erp,
        "support": tieline.support,
        "implementation": tieline.success,
        "crm": tieline.crm,
    }.get(signal)


async def test_each_source_that_is_down_is_unknown_until_it_is_back(renewal: Renewal) -> None:
    """One after the other: the other four stay as they were, and nobody calls it ready."""
    await ready(renewal)
    for name in SIGNALS:
        with down(renewal, name):
            await renewal.look_again()
            await renewal.passing(AWAY)
            (*_, view) = await renewal.views_with(name, "unknown")
            others = {state_of(view, other) for other in SIGNALS if other != name}
            assert (view.state, view.forecast, others) == ("unknown", "pipeline", {"green"})
            assert view.blocking == [f"{name}: it does not answer"]

        # It is back, which is found within the hour, without anybody's help
        await renewal.passing(AGAIN)
        assert (await renewal.seen(lambda view: view.state == "ready")).blocking == []


async def test_with_every_source_down_nothing_is_known(renewal: Renewal) -> None:
    """For two days; then all of it is known again, by the same people under the same id."""
    await ready(renewal)
    before = (await renewal.shown()).snapshot_id
    with down(renewal, *SIGNALS):
        await renewal.look_again()
        await renewal.passing(AWAY)
        (view,) = await renewal.views_with("crm", "unknown")
        assert {state_of(view, name) for name in SIGNALS} == {"unknown"}
        assert (view.state, view.outcome) == ("unknown", None)
        await renewal.passing(2 * DAY)
        assert await renewal.stage() == "window_open"

    await renewal.passing(DAY + AWAY)
    again = await renewal.seen(lambda view: view.state == "ready")
    assert again.snapshot_id == before
    assert len(await renewal.windows()) == 1


async def test_usage_that_is_stale_is_unknown_until_the_warehouse_is_filled(
    renewal: Renewal,
) -> None:
    """It was loaded last three weeks before the window opened; good usage of then is no usage."""
    await renewal.signed()
    opens = await renewal.renews_on() - WINDOW
    renewal.renewal_deal(CloseDate=(opens + 70 * DAY).isoformat())
    renewal.used_until(opens - 21 * DAY)
    await renewal.looked_on(opens)
    view = await renewal.shown()
    assert (view.state, state_of(view, "usage")) == ("unknown", "unknown")
    assert "usage is stale" in view.blocking[0]

    # It is filled, and asked for again before the next window
    renewal.used_until(opens + 90 * DAY)
    await renewal.passing(8 * DAY)
    assert (await renewal.seen(lambda view: view.state == "ready")).blocking == []


async def test_who_falls_silent_is_asked_again_soon_however_long_usage_is_stale(
    renewal: Renewal,
) -> None:
    """Stale usage is asked for once a week by then; support's outage is another, and new."""
    await ready(renewal)
    renewal.used_until(renewal.today - 20 * DAY)
    await renewal.look_again()
    await renewal.views_with("usage", "unknown")
    await renewal.passing(20 * DAY)

    with down(renewal, "support"):
        await renewal.look_again()
        await renewal.passing(AWAY)
        await renewal.views_with("support", "unknown")

    await renewal.passing(AGAIN)
    await renewal.seen(lambda view: state_of(view, "support") == "green")


async def test_a_system_that_is_away_holds_neither_the_looking_nor_the_other(
    renewal: Renewal,
) -> None:
    """Customer success is away for days; the CRM shows what is known meanwhile, and customer
    success the newest of it, once."""
    await ready(renewal)
    success = renewal.tieline.success
    success.faults.arm(kind="outage", method="PUT", path="/v1/data/objects/Company", seconds=3600)

    renewal.used_until(renewal.today - 20 * DAY)
    await renewal.look_again()
    await renewal.crm_shows("unknown")
    renewal.used_until(renewal.today + 900 * DAY)
    await renewal.passing(2 * DAY)
    await renewal.crm_shows("ready")
    renewal.contract.needs_notice(20)
    await renewal.amended()
    await renewal.passing(DAY)
    failed = len(calls(success, path="/v1/data/objects/Company"))
    assert failed > 1

    success.faults.clear()
    await renewal.passing(timedelta(hours=2))
    view = await renewal.shown()
    assert view.dates.notice_on == view.dates.renews_on - 20 * DAY


async def test_a_burst_of_events_is_a_few_looks(renewal: Renewal) -> None:
    """Twenty in a moment are two looks, at invoices alone; payments as agreed are none."""
    await ready(renewal)
    assert await asked_by(renewal, "payment.received") == {}

    asked = await asked_by(renewal, "invoice.overdue")
    assert set(asked) == {"finance.invoices"}
    assert 1 <= asked["finance.invoices"] <= 2


async def asked_by(renewal: Renewal, event: str) -> dict[str, int]:
    """What twenty events of a type make it ask."""
    before = await renewal.activities()
    for number in range(20):
        said = {"id": f"{event}-{number}", "type": event}
        await renewal.process.signal("business_event", said)
    await renewal.passing(2 * A_WHILE)
    after = await renewal.activities()
    return {name: after[name] - before[name] for name in after if after[name] > before[name]}


async def test_a_long_outage_leaves_no_long_history(
    tmp_path: Path, short_histories: WorkflowEnvironment, credentials: Credentials
) -> None:
    """The clock goes on in new runs, which know what was opened and shown."""
    async with renewal_world(tmp_path, short_histories, credentials) as renewal:
        await ready(renewal)
        first = (await renewal.process.describe()).run_id
        with down(renewal, "support"):
            await renewal.look_again()
            for _ in range(10):
                await renewal.passing(DAY)
            assert (await renewal.process.describe()).run_id != first
            assert len((await renewal.process.fetch_history()).events) < 200
        await renewal.passing(2 * DAY)
        assert (await renewal.seen(lambda view: view.state == "ready")).blocking == []
        assert len(await renewal.windows()) == 1
