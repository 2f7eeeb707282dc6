"""A rehearsal has a warehouse, whose usage stays fresh while time is skipped."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.warehouse import WarehouseUsage
from canonical.usage import UsageSource
from tieline.rehearsal.demo import SAMPLE
from tieline.rehearsal.warehouse import NAME, make_warehouse

GLOBEX = "001TL0000000001YAA"


async def test_the_sample_accounts_use_what_they_bought(tmp_path: Path) -> None:
    """Eight of ten users are active, now and in a year; nobody knows a stranger."""
    source = UsageSource(name=NAME, **make_warehouse(tmp_path, SAMPLE))
    usage = WarehouseUsage.from_source(source)
    now = datetime.now(UTC)

    assert "daily_usage of warehouse is known up to" in await usage.check()
    for until in (now, now + timedelta(days=365)):
        told = await usage.adoption(GLOBEX, until)
        assert (told.active_users, told.active_users_before, told.licensed_users) == (8, 8, 10)
        assert told.as_of is not None
        assert until - told.as_of < timedelta(days=4)
    assert (await usage.adoption("001TL0000000999YAA", now)).as_of is None
    await usage.aclose()


def test_a_rehearsal_without_an_export_has_an_empty_one(tmp_path: Path) -> None:
    """Made anew each time, and readable by its owner alone."""
    for _ in range(2):
        table = make_warehouse(tmp_path, None)

    secret = Path(table["url"].removeprefix("file:"))
    assert secret.stat().st_mode & 0o077 == 0
