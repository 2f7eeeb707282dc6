"""The documents as tests see them: files, code spans, links and the rows of the requirements."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
REQUIREMENTS = ROOT / "docs" / "requirements.md"

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)


class Requirement(NamedTuple):
    """One row: number, what is asked for, status, where and what is missing, shown by."""

    number: int
    title: str
    status: str
    where: str
    shown_by: str


def documents() -> list[Path]:
    """README and everything under docs."""
    return [README, *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def code() -> str:
    """All code spans and fenced blocks of the documents, one a line."""
    found: list[str] = []
    for document in documents():
        text = document.read_text()
        found += _FENCED.findall(text)
        found += _INLINE.findall(_FENCED.sub("", text))
    return "\n".join(found)


def is_named(name: str) -> bool:
    """Whether a document names this, whole, in a code span or block."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", code()) is not None


def spans(text: str) -> list[str]:
    """The inline code spans of a text."""
    return _INLINE.findall(text)


def links(document: Path) -> list[str]:
    """The targets of a document's links, code left out."""
    return _LINK.findall(_INLINE.sub("", _FENCED.sub("", document.read_text())))


def requirements() -> list[Requirement]:
    """The rows of docs/requirements.md, in their order."""
    rows = _ROW.findall(REQUIREMENTS.read_text())
    found = []
    for number, rest in rows:
        cells = [cell.strip() for cell in rest.split(" |")]
        found.append(Requirement(int(number), *cells))
    return found
