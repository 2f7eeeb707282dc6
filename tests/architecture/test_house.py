"""The tree is the architecture: what may import what, what is shipped, how large a file gets."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {
    "activities",
    "adapters",
    "canonical",
    "domain",
    "governance",
    "ledger",
    "simulators",
    "starters",
    "tieline",
    "workers",
    "workflows",
}
FILE_LINES_MAX = 600


def tracked() -> list[Path]:
    """The files of the repository, new ones included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_imports_keep_the_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers, and who may reach adapters, HTTP, SQL, Temporal and simulators."""
    monkeypatch.chdir(ROOT)

    assert lint_imports(no_cache=True) == 0


def test_every_package_is_shipped_checked_and_linted() -> None:
    """A package that is left out of one list would be neither shipped nor checked."""
    on_disk = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    tools = PROJECT["tool"]

    assert on_disk == PACKAGES
    assert set(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES
    assert set(tools["importlinter"]["root_packages"]) == PACKAGES
    assert set(tools["mypy"]["files"]) == PACKAGES


def test_no_package_hides_a_module_of_the_standard_library() -> None:
    """Top-level names are shared with everything that is installed."""
    assert PACKAGES & set(sys.stdlib_module_names) == set()


def test_no_file_grows_beyond_reading() -> None:
    """Six hundred lines is two rooms in one."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked()
        if path.suffix == ".py"
    }

    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_every_module_says_what_it_is() -> None:
    """One sentence at the top of each module that is shipped."""
    modules = [
        p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in PACKAGES
    ]

    silent = [str(p.relative_to(ROOT)) for p in modules if not p.read_text().startswith('"""')]

    assert silent == []


def canonical_name(requirement: str) -> str:
    """The name of a requirement or pin, as indexes compare it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_the_lock_pins_every_dependency_with_hashes_and_names_no_host() -> None:
    """The same files everywhere, from whichever index one trusts."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]

    pinned = {canonical_name(entry) for entry in entries}

    assert {canonical_name(name) for name in wanted} - pinned == set()
    assert [e for e in entries if not re.match(r"[a-z0-9.-]+==[^ ;]+", e)] == []
    assert [e.splitlines()[0] for e in entries if "--hash=sha256:" not in e] == []
    assert "://" not in text
    assert "--index" not in text
