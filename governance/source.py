"""Keeps the catalogue current: correcting a map needs no code and no restart (R104)."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from canonical.desk import Action
from canonical.errors import Misconfigured
from canonical.money import Money
from governance.catalogue import Catalogue, catalogue_files, load_catalogue

CHECK_SECONDS = 1.0

log = logging.getLogger(__name__)

Signature = tuple[tuple[str, int, int], ...]


class CatalogueSource:
    """The current catalogue of a folder, read again when a file has changed.

    A broken edit keeps the last good version in force; `problem` says in one sentence what is wrong
    with it. The first read raises Misconfigured. `clock` counts seconds and never goes back.
    """

    def __init__(
        self, folder: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._clock = clock
        # Taken before the read: an edit in between is then noticed by the next check.
        self._signature = _signature(folder)
        self._catalogue = load_catalogue(folder)
        self._checked = clock()
        self.problem: str | None = None

    def current(self) -> Catalogue:
        """The last good catalogue; looks for changes at most once a second."""
        now = self._clock()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self._refresh()
        return self._catalogue

    def _refresh(self) -> None:
        try:
            before, self._signature = self._signature, ()
            self._signature = _signature(self._folder)
            if self._signature == before:
                return
            self._catalogue = load_catalogue(self._folder)
        except Misconfigured as error:
            self._report(str(error))
            return
        self.problem = None
        log.info("catalogue %s is in force", self._catalogue.version)

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            log.error("catalogue %s stays in force: %s", self._catalogue.version, problem)
        self.problem = problem

    def owner_of(self, cause: str, step: str) -> str:
        """As `Policies.owner_of`, by the current catalogue."""
        return self.current().policies.owner_of(cause, step)

    def escalation_owner(self, cause: str, step: str, level: int) -> str:
        """As `Policies.escalation_owner`, by the current catalogue."""
        return self.current().policies.escalation_owner(cause, step, level)

    def deadline(self, cause: str, step: str, level: int) -> timedelta:
        """As `Policies.deadline`, by the current catalogue."""
        return self.current().policies.deadline(cause, step, level)

    def actions_for(self, cause: str, step: str, gates: bool) -> list[Action]:
        """As `Policies.actions_for`, by the current catalogue."""
        return self.current().policies.actions_for(cause, step, gates)

    def approvals_required(self, held: Money | None) -> int:
        """As `Policies.approvals_required`, by the current catalogue."""
        return self.current().policies.approvals_required(held)


def _signature(folder: Path | None) -> Signature:
    entries = []
    for file in catalogue_files(folder).values():
        try:
            status = file.stat()
        except OSError:
            entries.append((str(file), 0, -1))
            continue
        entries.append((str(file), status.st_mtime_ns, status.st_size))
    return tuple(entries)
