"""Commands that are imported when they are called: each starts with only what it needs itself."""

from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_group


class Deferred(TyperCommand):
    """A command, or a group of them, that a module registers; listed by its summary until used."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name, help=summary, rich_markup_mode="rich")
        self.module = module

    @cached_property
    def loaded(self) -> Any:
        """The command itself."""
        holder = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)
        import_module(self.module).register(holder)
        return get_group(holder).commands[self.name or ""]

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """The context of a call, or of a completion, and with it the command that runs."""
        return self.loaded.make_context(*arguments, **options)
