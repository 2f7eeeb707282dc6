"""The table of requirements is whole, and what it points to is there."""

import re
from functools import cache

import pytest

from tests.docs.corpus import ROOT, Requirement, requirements, spans

NUMBERS = range(1, 158)
STATUSES = {"met", "partly", "not yet"}
PATH = re.compile(r"^[\w.-]+(/[\w.-]+)*/?$")


@cache
def text_of(path: str) -> str:
    """The source of a test file."""
    return (ROOT / path).read_text()


def test_every_requirement_has_one_row_in_order() -> None:
    """1 to 157, none twice."""
    assert [row.number for row in requirements()] == list(NUMBERS)


@pytest.mark.parametrize("row", requirements(), ids=lambda row: f"R{row.number}")
def test_a_row_says_how_things_stand_and_where(row: Requirement) -> None:
    """A status; a place for what is met or partly met, and a test for what is met."""
    assert row.title
    assert row.status in STATUSES
    if row.status != "not yet":
        assert row.where
        assert row.shown_by


@pytest.mark.parametrize("row", requirements(), ids=lambda row: f"R{row.number}")
def test_the_tests_and_files_of_a_row_exist(row: Requirement) -> None:
    """`tests/x.py::test_y` is a function of that file; a path is in the tree."""
    for span in spans(row.shown_by):
        path, _, function = span.partition("::")
        assert path.startswith("tests/"), span
        assert (ROOT / path).is_file(), span
        assert not function or re.search(rf"def {function}\(", text_of(path)), span
    for span in spans(row.where):
        if "/" in span and PATH.match(span):
            assert (ROOT / span).exists() or span == "/health", span
