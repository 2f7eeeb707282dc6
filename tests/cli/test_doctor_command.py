"""The doctor finds what a process would miss, and says what to do about it."""

from pathlib import Path

from temporalio.client import Client

from tests.cli.terminal import Said, awaited
from tests.world import World, eventually, world
from tieline.rehearsal.credentials import Credentials

CONNECTIONS = ["crm", "billing", "erp", "support", "success"]
SECRET = "canary-of-the-erp"


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
        "temporal",
        "search attributes",
        "worker processes",
        *(f"worker {name}" for name in CONNECTIONS),
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
    assert len(said.json) == 16
    assert table.out.splitlines()[-1] == "1 of 16 checks failed."
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
