"""The living catalogue: edits take effect without a restart, broken ones do not."""

import os
from pathlib import Path

import pytest

from canonical.errors import Misconfigured
from governance.catalogue import SHIPPED
from governance.source import CatalogueSource
from tests.governance.test_catalogue import edited

ALIAS = ('erp_item = "GTX-PRO"', 'erp_item = "GTX-PRO"\naliases = ["GTXPRO"]')


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def save(folder: Path, edit: tuple[str, str], at_second: int) -> None:
    """Save an edit of the product map with a modification time of its own."""
    edited(folder, "products.toml", *edit)
    os.utime(folder / "products.toml", (at_second, at_second))


def test_an_alias_takes_effect_within_a_second_and_without_a_restart(tmp_path: Path) -> None:
    """The 209 deals of GTXPRO need an edit, not a release (R104)."""
    clock = Clock()
    source = CatalogueSource(tmp_path, clock)
    before = source.current().version

    save(tmp_path, ALIAS, 100)
    clock.now = 0.9
    assert source.current().version == before
    clock.now = 1.0

    found = source.current().products.find("GTXPRO")
    assert found is not None and found.erp_item == "GTX-PRO"
    assert source.current().version != before
    assert source.problem is None


def test_a_broken_edit_keeps_the_last_good_version_and_says_so(tmp_path: Path) -> None:
    """Orders go on by the rules that were in force, and the next good edit is taken up."""
    clock = Clock()
    source = CatalogueSource(tmp_path, clock)
    before = source.current().version

    save(tmp_path, ("revision = 1", "revision = 0"), 100)
    clock.now = 2.0
    assert source.current().version == before
    assert source.problem is not None and source.problem.startswith("products.toml: revision")

    save(tmp_path, ALIAS, 200)
    clock.now = 4.0
    assert source.current().products.find("GTXPRO") is not None
    assert source.problem is None


def test_a_folder_that_comes_back_unchanged_clears_the_problem(tmp_path: Path) -> None:
    """A file of a wrong name is reported until it is gone."""
    clock = Clock()
    source = CatalogueSource(tmp_path, clock)
    stray = tmp_path / "regoins.toml"

    stray.write_bytes((SHIPPED / "regions.toml").read_bytes())
    clock.now = 2.0
    source.current()
    assert source.problem is not None and "regoins.toml is not a catalogue file" in source.problem
    stray.unlink()
    clock.now = 4.0
    source.current()

    assert source.problem is None


def test_the_first_read_refuses_a_broken_catalogue(tmp_path: Path) -> None:
    """There is no last good version to go on with."""
    save(tmp_path, ("revision = 1", "revision = 0"), 100)

    with pytest.raises(Misconfigured, match="revision"):
        CatalogueSource(tmp_path)
