"""What words mean: every example of every definition holds, and the page says what they are."""

from typing import Any

import pytest

from canonical.definitions import VERSIONS
from canonical.errors import NotFound
from domain.definitions.__main__ import FILE, main, page
from domain.definitions.definition import Definition, Example
from domain.definitions.registry import DEFINITIONS, definition
from governance.catalogue import load_catalogue

EXAMPLES = [(one, example) for one in DEFINITIONS.values() for example in one.examples]


NAMES = [f"{one.id}: {example.name}" for one, example in EXAMPLES]


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=NAMES)
def test_an_example_holds(one: Definition[Any], example: Example[Any]) -> None:
    """Outcome and reasons, from inputs of the declared model."""
    verdict = one.evaluate(example.inputs)

    assert (verdict.value, tuple(verdict.reasons)) == (example.value, example.reasons)
    assert verdict.definition == f"{one.name}@{one.version}"
    assert isinstance(example.inputs, one.inputs)
    assert one.inputs.model_validate(verdict.inputs) == example.inputs


@pytest.mark.parametrize("one", DEFINITIONS.values(), ids=lambda one: one.id)
def test_a_definition_says_in_one_sentence_what_it_means(one: Definition[Any]) -> None:
    """With the requirements it meets, and examples that no two share a name."""
    assert one.meaning.endswith(".") and ". " not in one.meaning
    assert one.requirements
    assert len({example.name for example in one.examples}) == len(one.examples) > 3


@pytest.mark.parametrize("one", DEFINITIONS.values(), ids=lambda one: one.id)
def test_most_outcomes_have_an_example(one: Definition[Any]) -> None:
    """A reader can see how a definition comes to say what it says; two outcomes of rare mistakes
    have none."""
    shown = {example.value for example in one.examples}

    assert {outcome.value for outcome in one.outcomes} - shown <= {"account_missing", "too_deep"}


def test_the_registry_has_the_versions_that_the_catalogue_may_choose() -> None:
    """None is missing, none is unknown, and every parameter is a key of the catalogue."""
    known = {(name, version) for name, versions in VERSIONS.items() for version in versions}
    settings = load_catalogue().definitions.model_dump()

    assert set(DEFINITIONS) == known
    for one in DEFINITIONS.values():
        for key in one.parameters:
            table, _, name = key.partition(".")
            assert name in settings[table], key


def test_a_definition_is_found_by_name_and_the_newest_is_meant_without_a_version() -> None:
    """What is not there is refused with what is."""
    assert definition("invoice_delinquent").version == 2
    assert definition("invoice_delinquent", 1).version == 1
    with pytest.raises(NotFound, match="there is no definition 'health'; there are invoice_"):
        definition("health")
    with pytest.raises(NotFound, match="invoice_delinquent has no version 7; it has 1, 2"):
        definition("invoice_delinquent", 7)


def test_the_page_of_definitions_is_what_the_registry_says() -> None:
    """Stale: run `python -m domain.definitions --write`."""
    assert FILE.read_text(encoding="utf-8") == page(load_catalogue().definitions)
    assert main(["--check"]) == 0
