"""The doctor finds what a process would miss, and says what to do about it."""

import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from canonical.ports.events import ChangePage
from ledger.feeds import Feeds
from ledger.relay import SqlRelay
from ledger.scopes import Lease
from starters.schedules import Planned, keep_schedules, planned
from tests.cli.terminal import Said, awaited
from tests.world import World, eventually, world
from tieline.rehearsal.credentials import Credentials

CONNECTIONS = ["crm", "billing", "erp", "support", "success"]
SECRET = "canary-of-the-erp"


@pytest.fixture(autouse=True)
async def watch(client: Client) -> AsyncIterator[list[Planned]]:
    """The schedules of a worker that has begun; what a test adds is removed like them."""
    kept = planned({})
    await keep_schedules(client, kept)
    yield kept
    await keep_schedules(client, [Planned(one.schedule_id, one.workflow) for one in kept])


def failed(said: Said) -> dict[str, str]:
    """What the checks that failed say."""
    return {one["check"]: one["says"] for one in said.json if not one["good"]}


async def once_served(tieline: World) -> Said:
    """What the doctor says once the workers, which have just begun, have asked for work."""

    async def well() -> Said | None:
        said = await awaited("--config", tieline.config, "--json", "doctor")
        return said if said.code == 0 else None

    said: Said = await eventually(well)
    return said


async def test_a_house_in_order_passes_every_check(tieline: World) -> None:
    """Catalogue, ledger, five vendors, Temporal, search attributes, and somebody on each queue."""
    said = await once_served(tieline)
    table = await awaited("--config", tieline.config, "doctor")

    assert (said.code, said.err, failed(said)) == (0, "", {})
    checks = [one["check"] for one in said.json]
    assert checks == [
        "catalogue",
        "ledger",
        *(f"{name} {name}" for name in CONNECTIONS),
        "payload encryption",
        "relay processes",
        "temporal",
        "search attributes",
        "worker processes",
        *(f"worker {name}" for name in CONNECTIONS),
        "schedule intake-watch",
        "schedule renewal-reconcile",
    ]
    assert table.code == 0
    assert table.out.splitlines()[-1] == "All is well."


async def test_a_vendor_that_is_down_is_the_one_that_is_named(tieline: World) -> None:
    """Exit code 1, and the rest is looked at all the same."""
    await once_served(tieline)
    tieline.erp.faults.arm(kind="outage", status=503, seconds=60)

    said = await awaited("--config", tieline.config, "--json", "doctor")
    table = await awaited("--config", tieline.config, "doctor")

    assert said.code == table.code == 1
    assert list(failed(said)) == ["erp erp"]
    assert failed(said)["erp erp"].startswith("Unavailable: ")
    assert len(said.json) == 19
    assert table.out.splitlines()[-1] == "1 of 19 checks failed."
    assert "Traceback" not in said.err + table.err


async def test_a_secret_that_is_wrong_or_missing_is_never_shown(
    tieline: World, tmp_path: Path
) -> None:
    """A vendor refuses one, another is not where the settings say."""
    wrong = tmp_path / "billing.key"
    wrong.write_text(SECRET)
    text = tieline.config.read_text()
    billing = text.index("[connections.billing]")
    reference = text[text.index("file:", billing) : text.index('"', text.index("file:", billing))]
    support = text.index("[connections.support]")
    other = text[text.index("file:", support) : text.index('"', text.index("file:", support))]
    changed = tmp_path / "changed.toml"
    changed.write_text(text.replace(reference, f"file:{wrong}").replace(other, "env:NO_TOKEN"))

    await once_served(tieline)
    said = await awaited("--config", changed, "--json", "doctor")

    assert said.code == 1
    found = failed(said)
    assert set(found) == {"billing billing", "support support"}
    assert found["billing billing"].startswith("Unauthorized: ")
    assert found["support support"] == "Misconfigured: secret env:NO_TOKEN is missing or empty"
    assert SECRET not in said.out + said.err


async def test_a_feed_says_how_far_it_was_read_and_why_it_stands_still(
    tieline: World, client: Client, watch: list[Planned]
) -> None:
    """Polled and read: well. Read long ago, or failing now: the feed is named, with the reason."""
    # Given billing is to be polled, and nobody has begun to
    await once_served(tieline)
    with tieline.config.open("a") as config:
        config.write("[connections.billing.poll]\nevery_seconds = 86400\n")
    never = await awaited("--config", tieline.config, "--json", "doctor")
    polled = {"billing": tieline.settings.connections["billing"].poll}
    polled["billing"] = polled["billing"].model_copy(update={"every_seconds": 86400})
    watch[:] = planned(polled)
    feeds = Feeds(tieline.house.database)

    # Then a connection that was never asked is found out, twice
    assert failed(never) == {
        "feed billing": "NotFound: never read; start `tieline worker`, which asks what changed",
        "schedule event-poll/billing": (
            "NotFound: not in Temporal; start `tieline worker`, which makes it"
        ),
    }

    # When it is asked, the feed is well; when its place is old, it is not
    await keep_schedules(client, watch)
    await eventually(lambda: feeds.cursor("billing", "events"))
    well = await awaited("--config", tieline.config, "--json", "doctor")
    long_ago = datetime.now(UTC) - timedelta(days=16)
    page = ChangePage(events=[], cursor="evt_1", read_up_to=long_ago)
    await feeds.keep("billing", "events", page)
    await feeds.failed("billing", "events", "Stripe refuses the key")
    behind = await awaited("--config", tieline.config, "--json", "doctor")

    # Then
    assert (well.code, failed(well)) == (0, {})
    assert {"feed billing/events", "schedule event-poll/billing"} <= {
        one["check"] for one in well.json
    }
    assert behind.code == 1
    (said,) = failed(behind).values()
    assert said.startswith("CursorBehind: last read up to ")
    assert "Stripe refuses the key" in said


async def test_a_listener_that_stopped_is_named_with_the_command_that_listens(
    tieline: World,
) -> None:
    """Nothing of the connection is polled, so nothing else would find it out."""
    await once_served(tieline)
    feeds, topic = Feeds(tieline.house.database), "/event/Order_Closed_Won__e"
    await feeds.listened("crm", topic)
    well = await awaited("--config", tieline.config, "--json", "doctor")
    assert (well.code, failed(well)) == (0, {})

    long_ago = datetime.now(UTC) - timedelta(days=16)
    await feeds.keep("crm", topic, ChangePage(events=[], cursor="7", read_up_to=long_ago))
    behind = await awaited("--config", tieline.config, "--json", "doctor")

    (said,) = failed(behind).values()
    assert said.startswith("CursorBehind: last read up to ")
    assert "see that `tieline listen --connection crm` runs" in said


async def test_a_schedule_that_somebody_paused_is_named_with_the_note(
    tieline: World, client: Client
) -> None:
    """Nothing is watched until it is resumed, and the doctor says how."""
    await once_served(tieline)
    await client.get_schedule_handle("intake-watch").pause(note="Ada: migration")

    said = await awaited("--config", tieline.config, "--json", "doctor")

    assert list(failed(said)) == ["schedule intake-watch"]
    assert "Ada: migration" in failed(said)["schedule intake-watch"]
    assert "--unpause --schedule-id intake-watch" in failed(said)["schedule intake-watch"]


async def test_a_target_of_the_relay_says_whether_it_takes_events(tieline: World) -> None:
    """Never relayed to, well, failing, asked for no more: each with what to do."""
    await once_served(tieline)
    with tieline.config.open("a") as config:
        config.write(
            "[subscribers.finance-hub]\nurl = 'https://hub.globex.example/tieline'\n"
            "secret = 'env:FINANCE_HUB_SECRET'\n"
        )

    async def says() -> str:
        said = await awaited("--config", tieline.config, "--json", "doctor")
        assert set(failed(said)) <= {"relay finance-hub"}
        return failed(said).get("relay finance-hub", "")

    hub = SqlRelay(tieline.house.database, "finance-hub", Lease("test", 30.0))
    assert await says() == "NotFound: never relayed to; start `tieline relay`"
    await hub.begin()
    assert await says() == ""
    await hub.failing("answered 401")
    assert "0 events wait: answered 401" in await says()
    await hub.stop("answered 410")
    assert "once it is well again: `tieline events resume finance-hub`" in await says()


@pytest.fixture
def base_installation() -> Iterator[None]:
    """A machine without gRPC: the extra was not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "adapters.salesforce.pubsub.wire", raising=False)
        patch.setitem(sys.modules, "grpc", None)
        yield


async def test_an_event_bus_without_its_extra_says_what_to_install(
    tieline: World, base_installation: None
) -> None:
    """The settings speak of a topic, and nothing here could hear it."""
    await once_served(tieline)
    text = tieline.config.read_text()
    topic = '"pubsub_topic" = "/event/Order_Closed_Won__e", '
    at = text.index("options = { ", text.index("[connections.crm]")) + len("options = { ")
    tieline.config.write_text(text[:at] + topic + text[at:])

    said = await awaited("--config", tieline.config, "--json", "doctor")

    assert list(failed(said)) == ["bus crm"]
    assert "pip install 'tieline[salesforce-pubsub]'" in failed(said)["bus crm"]


async def test_queues_that_nobody_serves_are_named(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> None:
    """Temporal forgets who polled only after minutes, so this one asks for queues of its own."""
    async with world(
        tmp_path, client, credentials, temporal_address=server, run_workers=False
    ) as idle:
        text = idle.config.read_text().replace("[connections.erp]", "[connections.erp-of-nobody]")
        text = text.replace('connection = "erp"', 'connection = "erp-of-nobody"')
        idle.config.write_text(text)

        said = await awaited("--config", idle.config, "--json", "doctor")

    assert said.code == 1
    assert failed(said)["worker erp-of-nobody"] == (
        "Unavailable: nobody serves the queue connection.erp-of-nobody; start `tieline worker`"
    )


async def test_what_is_away_is_reported_line_by_line(tmp_path: Path) -> None:
    """A new machine: no connection yet, no tables, no Temporal."""
    config = tmp_path / "tieline.toml"
    config.write_text(
        f"ledger_url = 'sqlite:///{tmp_path}/ledger.db'\n[temporal]\naddress = '127.0.0.1:9'\n"
    )

    said = await awaited("--config", config, "--json", "doctor")
    table = await awaited("--config", config, "doctor")

    assert said.code == table.code == 1
    assert list(failed(said)) == ["ledger", "connections", "temporal"]
    assert "start `tieline worker` once" in failed(said)["ledger"]
    # Brackets are part of the remedy
    assert "none; add [connections.NAME] tables to tieline.toml" in table.out
