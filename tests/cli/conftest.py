"""Worlds to command, and a folder without settings of the person who runs the tests."""

import os
from pathlib import Path

import pytest

from tests.stories.conftest import client, credentials, patient, server, tieline

__all__ = ["client", "credentials", "patient", "server", "tieline"]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and no TIELINE_ variables; the folder."""
    for name in [name for name in os.environ if name.startswith("TIELINE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
