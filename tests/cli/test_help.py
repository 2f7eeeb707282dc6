"""Help that can be followed: every command shows an example, and every example is accepted."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tests.cli.terminal import tieline
from tieline.cli.app import COMMANDS, app
from tieline.cli.deferred import Deferred

STOOD_FOR = {"CASE": "quote-to-cash/crm/0065g000KlPpzeOAIR/accept_order/1-0a1b2c3d"}


@cache
def commands() -> dict[str, TyperCommand]:
    """Every command that does something, by the words that call it."""
    return dict(_leaves("", get_command(app)))


def _leaves(words: str, command: Any) -> Iterator[tuple[str, TyperCommand]]:
    loaded = command.loaded if isinstance(command, Deferred) else command
    if isinstance(loaded, TyperGroup):
        for name, inner in loaded.commands.items():
            yield from _leaves(f"{words} {name}".strip(), inner)
    else:
        yield words, loaded


def examples(command: TyperCommand) -> list[str]:
    """The command lines in a command's help."""
    said = (command.epilog or "").replace("\n", " ")
    return [part.strip() for part in re.split(r"(?=\btieline )", said)[1:]]


def test_every_command_is_known() -> None:
    """What the tests below go through."""
    assert set(COMMANDS) == {words.split()[0] for words in commands()}
    assert {"exceptions resolve", "audit export", "start quote-to-cash"} <= set(commands())


@pytest.mark.parametrize("words", commands())
def test_the_help_of_every_command_shows_an_example(words: str) -> None:
    """Below what the command does and what its options mean."""
    said = tieline(*words.split(), "--help")

    assert (said.code, said.err) == (0, "")
    assert re.search(rf"Examples?:\s+tieline( --\S+( \S+)?)? {words}", said.out), said.out


@pytest.mark.parametrize("words", commands())
def test_every_example_is_accepted_as_it_stands(words: str) -> None:
    """An example with a misspelt option teaches the wrong thing."""
    *groups, name = words.split()
    for example in examples(commands()[words]):
        typed = [STOOD_FOR.get(word, word) for word in shlex.split(example)]
        shared, own = typed[1 : typed.index((*groups, name)[0])], typed[typed.index(name) + 1 :]
        if "--crm-export" in own:  # names a folder that only the reader has
            at = own.index("--crm-export")
            del own[at : at + 2]
        assert set(shared) <= {"--json", "--config", "prod.toml"}
        with commands()[words].make_context(name, own) as context:
            assert context.args == []


def test_the_help_of_all_says_what_each_command_says_of_itself() -> None:
    """Its summaries are kept apart from the commands, which it does not import."""
    said = tieline("--help")
    shown = " ".join(said.out.replace("\u2502", " ").split())
    deferred: dict[str, Any] = dict(cast(TyperGroup, get_command(app)).commands)

    assert (said.code, said.err) == (0, "")
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} {summary}" in shown
        assert " ".join(deferred[name].loaded.help.split("\n\n")[0].split()) == summary


def test_a_group_without_a_command_shows_its_help() -> None:
    """Exit code 2, since nothing was done."""
    for words in ([], ["exceptions"], ["audit"], ["start"]):
        said = tieline(*words)

        assert said.code == 2
        assert "Usage: tieline" in said.out + said.err
