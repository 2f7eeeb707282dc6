"""Contract suites are imported, not collected: pytest must be told to explain their asserts."""

from pathlib import Path

import pytest

from ledger.migrate import upgrade

pytest.register_assert_rewrite("tests.adapters.contracts")


@pytest.fixture(scope="session")
def ledger_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty ledger to copy."""
    path = tmp_path_factory.mktemp("adapters") / "ledger.db"
    upgrade(f"sqlite:///{path}")
    return path
