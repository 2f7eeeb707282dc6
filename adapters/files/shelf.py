"""The folder, and `done/` in it: what was dropped becomes a row of files that nobody writes to.

A file is taken by renaming it to `done/{time taken}-{digest}-{its name}`. The names sort in the
order in which files were taken: `done/` is the feed, and a place in it is a name. What is renamed
is read later, however often, so that a poll that dies loses nothing.
"""

import hashlib
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

STAMP_FORMAT = "%Y%m%dT%H%M%S%fZ"
TAKEN = re.compile(r"(?P<stamp>\d{8}T\d{12}Z)-(?P<digest>[0-9a-f]{32})-.+")
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", "~")
DUPLICATE, REJECTED = ".duplicate", ".rejected"
FILE_BYTES_MAX = 256 * 1024 * 1024
FILES_PER_POLL_MAX = 1000
NAME_BYTES_MAX = 180


def stamp_of(time: datetime) -> str:
    """A time as names of taken files begin with it."""
    return time.astimezone(UTC).strftime(STAMP_FORMAT)


def taken_at(name: str) -> datetime:
    """When a taken file was taken."""
    return datetime.strptime(name[:22], STAMP_FORMAT).replace(tzinfo=UTC)


class Shelf:
    """One drop's files; every method raises OSError as the file system does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done_folder = folder / "done"
        self._digests: dict[tuple[str, int, int], str] = {}

    def take(self, now: datetime, settle_seconds: float) -> None:
        """Move what is complete to `done/`, oldest first; what was read from there already, under
        the same digest and without a complaint, is put aside as a duplicate."""
        self.done_folder.mkdir(exist_ok=True)
        names = self._all()
        faulty = {name.removesuffix(REJECTED) for name in names if name.endswith(REJECTED)}
        known = {name[23:55] for name in self.done() if name not in faulty}
        last = names[-1][:22] if names else ""
        for path in self._complete(now, settle_seconds)[:FILES_PER_POLL_MAX]:
            try:
                digest = self._digest(path)
                ending = DUPLICATE if digest in known else ""
                last = _later(last, now)
                path.rename(self.done_folder / f"{last}-{digest}-{_plain(path.name)}{ending}")
            except FileNotFoundError:
                continue  # taken by another poll, or withdrawn
            known.add(digest)

    def done(self) -> list[str]:
        """The names of the files that were taken to be read, in their order."""
        if not self.done_folder.is_dir():
            return []
        return [name for name in self._all() if not name.endswith((DUPLICATE, REJECTED))]

    def path(self, name: str) -> Path:
        """Where a taken file is."""
        return self.done_folder / name

    def digest(self, name: str) -> str:
        """The digest of a taken file as it is now; in its name is the one that it was taken
        with."""
        path = self.path(name)
        status = path.stat()
        key = (name, status.st_size, status.st_mtime_ns)
        if key not in self._digests:
            self._digests = {key: self._digest(path)}
        return self._digests[key]

    def _complete(self, now: datetime, settle_seconds: float) -> list[Path]:
        until = (now - timedelta(seconds=settle_seconds)).timestamp()
        found: list[tuple[int, str, Path]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                # A link could lead anywhere on the machine.
                if not entry.is_file(follow_symlinks=False) or not _is_finished(entry.name):
                    continue
                changed = entry.stat(follow_symlinks=False)
                if changed.st_mtime <= until or settle_seconds == 0:
                    found.append((changed.st_mtime_ns, entry.name, Path(entry.path)))
        return [path for _, _, path in sorted(found)]

    def _digest(self, path: Path) -> str:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            # It is not read, so that its digest need only tell it from others.
            return hashlib.sha256(f"{path.name}/{size}".encode()).hexdigest()[:32]
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]

    def _all(self) -> list[str]:
        with os.scandir(self.done_folder) as entries:
            return sorted(entry.name for entry in entries if TAKEN.fullmatch(entry.name))


def _later(last: str, now: datetime) -> str:
    # Later than whatever was taken before, also when the clock was set back meanwhile.
    if last >= stamp_of(now):
        now = taken_at(last) + timedelta(microseconds=1)
    return stamp_of(now)


def _is_finished(name: str) -> bool:
    return not name.startswith(".") and not name.lower().endswith((*UNFINISHED, REJECTED))


def _plain(name: str) -> str:
    plain = re.sub(r"[^\w.-]", "_", name)
    # The end says how to read it.
    return plain.encode()[-NAME_BYTES_MAX:].decode(errors="ignore")
