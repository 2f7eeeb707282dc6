"""A progress bar on standard error, for commands that work through many things."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from tieline.cli.output import err


class Bar:
    """A progress bar whose total may grow; silent where nobody watches."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._total = 0

    def grow(self, by: int) -> None:
        """There is more to do."""
        self._total += by
        self._progress.update(self._task, total=self._total)

    def advance(self, by: int = 1) -> None:
        """Something was done."""
        self._progress.advance(self._task, by)

    def reach(self, done: int) -> None:
        """So much is done now."""
        self._progress.update(self._task, completed=done)


@contextmanager
def progress_bar(label: str, total: int = 0) -> Iterator[Bar]:
    """A progress bar on standard error, gone when it is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    watched = err.is_terminal
    with Progress(*columns, console=err, transient=True, disable=not watched) as progress:
        bar = Bar(progress, progress.add_task(label, total=total or None))
        bar.grow(total)
        yield bar
