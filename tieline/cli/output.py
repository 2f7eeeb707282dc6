"""What commands print: tables for people, JSON for scripts, errors on standard error."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from canonical.errors import Misconfigured

if TYPE_CHECKING:
    from tieline.settings import Settings

# Wide enough for a row, so that what is piped into another program has an id on one line.
PIPED_COLUMNS = 400


def _console(stream: TextIO, *, stderr: bool = False) -> Console:
    """Prints what it is given: brackets and colons in data are data, not styles."""
    piped = not stream.isatty()
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        width=PIPED_COLUMNS if piped else None,
    )


out = _console(sys.stdout)
err = _console(sys.stderr, stderr=True)


@dataclass
class Context:
    """The options given before the command's name."""

    config: Path | None = None
    as_json: bool = False

    @property
    def file(self) -> Path:
        """The settings file in force; raises Misconfigured when there is none."""
        from tieline.settings import settings_file

        found = settings_file(self.config)
        if found is None:
            raise Misconfigured("there is no tieline.toml here; name one with --config")
        return found

    def settings(self) -> "Settings":
        """The settings of this call; raises Misconfigured."""
        # Imported late, since help and the simulators need no settings.
        from tieline.configure import load_settings

        return load_settings(self.config)


def context_of(context: typer.Context) -> Context:
    """The shared options of a command's call."""
    found = context.obj
    return found if isinstance(found, Context) else Context()


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(to_json(value, indent=2).decode())


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
        table.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    out.print(table)


def show(context: Context, value: Any, render: Callable[[], None]) -> None:
    """The value as JSON when asked for, else what `render` prints."""
    if context.as_json:
        print_json(value)
    else:
        render()


def complain(cause: str, sentence: str) -> None:
    """What is true and why, as one sentence on standard error."""
    err.print(Text.assemble((cause, "red"), f": {sentence}"), soft_wrap=True)
