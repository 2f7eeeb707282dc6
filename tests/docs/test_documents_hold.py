"""What the documents say exists: links lead somewhere, commands run, the README stays short."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from tests.docs.corpus import README, ROOT, code, documents, links
from tieline.cli.app import app

README_LINES_MAX = 150
DECISION_HEADINGS = ["Context", "Decision", "Consequences", "Alternatives"]


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as web views make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_stays_short() -> None:
    """At most 150 lines."""
    assert len(README.read_text().splitlines()) <= README_LINES_MAX


@pytest.mark.parametrize("document", documents(), ids=lambda d: str(d.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    """To a file or folder that is there, and to a heading in it."""
    for link in links(document):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", documents(), ids=lambda d: str(d.relative_to(ROOT)))
def test_every_path_that_is_named_is_there(document: Path) -> None:
    """A span such as `ledger/effects.py` or `adapters/http/` is a file or folder of this tree."""
    tops = {entry.name for entry in ROOT.iterdir() if entry.is_dir()}
    for span in re.findall(r"`([\w.-]+/[\w./-]*)`", document.read_text()):
        if span.split("/")[0] in tops and not re.search(r"[A-Z]{3,}", span):
            assert (ROOT / span).exists(), span


def test_the_readme_names_the_test_command_that_the_checks_run() -> None:
    """`.ci/run` takes the line that starts with `uv run pytest`."""
    assert re.search(r"^uv run pytest\b", README.read_text(), re.MULTILINE)
    assert "uv run pytest" in (ROOT / ".ci" / "run").read_text()


def invocations() -> Iterator[list[str]]:
    """Every `tieline …` that the documents show, as words."""
    for line in code().splitlines():
        for found in re.finditer(r"(?:^|uv run |\$ )(tieline(?: +[^#\n]*)?)", line.strip()):
            typed = re.split(r"\s{2,}", found[1])[0]
            yield shlex.split(typed.replace("'{", '"{') if typed.count("'") % 2 else typed)


def missing(words: list[str]) -> str:
    """What of a command line the program does not have; empty when it is all there."""
    command: Any = get_command(app)
    for word in words[1:]:
        known = {option for parameter in command.params for option in parameter.opts}
        known |= {o for p in command.params for o in getattr(p, "secondary_opts", ())}
        if word.startswith("--"):
            if word not in known | {"--help"}:
                return word
        elif hasattr(command, "commands") and re.fullmatch(r"[a-z][a-z-]+", word):
            if word not in command.commands:
                return word
            command = command.commands[word]
            command = getattr(command, "loaded", command)
    return ""


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    """What can be copied can be run."""
    shown = list(invocations())

    assert len(shown) > 20
    assert {" ".join(words): what for words in shown if (what := missing(words))} == {}


def test_every_decision_is_one_page_under_the_four_headings() -> None:
    """Context, decision, consequences, alternatives; numbered without a gap."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == DECISION_HEADINGS
        assert len(page.read_text().splitlines()) <= 60, page.name
