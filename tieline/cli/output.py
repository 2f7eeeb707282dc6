"""What commands print: tables for people, JSON for scripts, errors on standard error."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from canonical.errors import Misconfigured, TielineError
from tieline.configure import load_settings
from tieline.settings import Settings, settings_file

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@dataclass
class Context:
    """The options given before the command's name."""

    config: Path | None = None
    as_json: bool = False

    @property
    def file(self) -> Path:
        """The settings file in force; raises Misconfigured when there is none."""
        found = settings_file(self.config)
        if found is None:
            raise Misconfigured("there is no tieline.toml here; name one with --config")
        return found

    def settings(self) -> Settings:
        """The settings of this call; raises Misconfigured."""
        return load_settings(self.config)


def context_of(context: typer.Context) -> Context:
    """The shared options of a command's call."""
    found = context.obj
    return found if isinstance(found, Context) else Context()


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(to_json(value, indent=2))


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", empty: str = ""
) -> None:
    """A table, or the sentence `empty` when there is nothing to show; numbers go right."""
    if not rows:
        out.print(empty or "Nothing to show.")
        return
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)


def show(context: Context, value: Any, render: Callable[[], None]) -> None:
    """The value as JSON when asked for, else what `render` prints."""
    if context.as_json:
        print_json(value)
    else:
        render()


def complain(error: TielineError) -> None:
    """One sentence on standard error."""
    err.print(f"[red]{error.cause}[/red]: {error}", soft_wrap=True)


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
    with Progress(*columns, console=err, transient=True) as progress:
        bar = Bar(progress, progress.add_task(label, total=total or None))
        bar.grow(total)
        yield bar
