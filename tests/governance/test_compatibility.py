"""Released schemas only gain optional fields; anything else needs a new version (R91)."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical.events import EVENT_DATA
from governance.catalogue import load_catalogue
from governance.compatibility import breaking_changes
from governance.schemas import released_schema
from tests.contracts.release import RELEASED, golden, release, released_versions, text_of

CATALOGUE = load_catalogue()
VERSIONS = released_versions(CATALOGUE)
INVOICE: dict[str, Any] = {
    "$defs": {
        "Money": {
            "type": "object",
            "properties": {"amount_minor": {"type": "integer"}, "currency": {"type": "string"}},
            "required": ["amount_minor", "currency"],
        },
        "Line": {
            "type": "object",
            "properties": {
                "price": {"$ref": "#/$defs/Money"},
                "below": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
                "beside": {"anyOf": [{"$ref": "#/$defs/Line"}, {"type": "null"}]},
            },
        },
    },
    "type": "object",
    "properties": {
        "id": {"type": "string", "maxLength": 40},
        "total": {"$ref": "#/$defs/Money"},
        "due_on": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "status": {"enum": ["open", "paid"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "notes": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["id", "total"],
}
TEXT, NONE = {"type": "string"}, {"type": "null"}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The invoice's schema with another value at a path; `...` takes away what is there."""
    schema = deepcopy(INVOICE)
    *way, last = path.split("/")
    place: Any = schema
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return schema


BREAKING: list[tuple[str, Any, str]] = [
    ("properties/status", ..., "data.status was removed"),
    ("properties/id", ..., "data.id was removed"),
    ("required", ["id", "total", "status"], "data.status became required"),
    ("required", ["id", "total", "paid_on"], "data.paid_on is new and required"),
    ("required", ["id"], "data.total is no longer always there"),
    ("properties/id/type", "integer", "data.id: type 'string' became 'integer'"),
    ("properties/id/type", ["string", "null"], "data.id: type 'string' became ['string', 'null']"),
    ("properties/id/maxLength", 20, "data.id: maxLength 40 became 20"),
    ("properties/id/maxLength", ..., "data.id: maxLength 40 became nothing"),
    ("properties/id/pattern", "^in_", "data.id: pattern nothing became '^in_'"),
    ("properties/id/format", "uuid", "data.id: format nothing became 'uuid'"),
    ("properties/status/enum", ["open"], "data.status: enum lost 'paid'"),
    ("properties/status/enum", ["open", "paid", "void"], "data.status: enum gained 'void'"),
    ("additionalProperties", False, "data: additionalProperties was tightened"),
    ("additionalProperties", TEXT, "data: additionalProperties was tightened"),
    ("properties/notes/additionalProperties", False, "notes: additionalProperties was tightened"),
    ("properties/notes/additionalProperties", NONE, "data.notes.*: type 'string' became 'null'"),
    ("properties/notes/additionalProperties", True, "data.notes.*: {'type': 'string'} became True"),
    ("properties/due_on/anyOf", [{"type": "string", "format": "date"}], "no longer null"),
    ("properties/due_on/anyOf", [{"type": "string", "format": "date"}, NONE, {"type": "integer"}],
     "data.due_on: may now be integer"),
    ("properties/due_on/anyOf", [{"type": "string", "format": "date-time"}, NONE],
     "data.due_on: no longer string"),
    ("properties/due_on", TEXT, "data.due_on: anyOf was removed"),
    ("$defs/Money/properties/currency", ..., "data.total.currency was removed"),
    ("$defs/Money/properties/amount_minor/type", "number", "total.amount_minor: type 'integer'"),
    ("$defs/Money/additionalProperties", False, "data.total: additionalProperties was tightened"),
    ("$defs/Line/properties/price", ..., "data.lines[].price was removed"),
    ("$defs/Line/properties/below/items", TEXT, "data.lines[].below[].price was removed"),
    ("properties/lines/items", TEXT, "data.lines[].price was removed"),
    ("properties/lines/prefixItems", [TEXT], "data.lines[0]: nothing became {'type': 'string'}"),
]  # fmt: skip
ADDITIVE: list[tuple[str, Any]] = [
    ("properties/paid_on", {"type": "string", "format": "date"}),
    ("$defs/Money/properties/exponent", {"type": "integer", "default": 2}),
    ("$defs/Line/properties/next", {"$ref": "#/$defs/Line"}),
    ("description", "An invoice."),
    ("properties/id/title", "Id"),
    ("properties/id/examples", ["in_globex"]),
    ("properties/due_on/anyOf", [NONE, {"format": "date", "type": "string"}]),
    ("properties/status/enum", ["paid", "open"]),
    ("properties/total", {"$ref": "#/$defs/Money", "description": "All of it."}),
    ("properties/total", INVOICE["$defs"]["Money"]),
    ("required", ["total", "id"]),
    ("additionalProperties", True),
]


@pytest.mark.parametrize(("path", "value", "sentence"), BREAKING)
def test_what_a_subscriber_relied_on_and_cannot_any_more_is_named(
    path: str, value: Any, sentence: str
) -> None:
    """With the place, through references and lists."""
    found = breaking_changes(INVOICE, changed(path, value))

    assert any(sentence in change for change in found), found


@pytest.mark.parametrize(("path", "value"), ADDITIVE)
def test_a_new_optional_field_and_other_words_break_nothing(path: str, value: Any) -> None:
    """Nor does another order of what has none."""
    assert breaking_changes(INVOICE, changed(path, value)) == []


def test_a_closed_schema_that_opens_breaks_nothing_and_the_way_back_does() -> None:
    """A reader that was told less may ignore more."""
    closed = changed("additionalProperties", False)

    assert breaking_changes(closed, INVOICE) == []
    assert breaking_changes(INVOICE, closed) != []


LEAVES = st.sampled_from(
    [TEXT, {"type": "integer"}, {"type": "string", "format": "date"}, {"enum": ["a", "b"]}]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
        st.builds(
            lambda properties: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:1],
            },
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        ),
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(SCHEMAS)
def test_a_schema_is_compatible_with_itself(schema: dict[str, Any]) -> None:
    """Whatever it is."""
    assert breaking_changes(schema, deepcopy(schema)) == []


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), SCHEMAS), SCHEMAS)
def test_any_optional_field_may_be_added_and_none_taken_away(
    fields: dict[str, Any], added: dict[str, Any]
) -> None:
    """The way forth is free, the way back is not."""
    less = {"type": "object", "properties": fields}
    more = {"type": "object", "properties": fields | {"new": added}}

    assert breaking_changes(less, more) == []
    assert breaking_changes(more, less) == ["data.new was removed"]


@settings(deadline=None)
@given(SCHEMAS, SCHEMAS, SCHEMAS)
def test_two_compatible_steps_are_one(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    """Nothing is broken slowly."""
    if not breaking_changes(one, two) and not breaking_changes(two, three):
        assert breaking_changes(one, three) == []


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_every_released_event_still_says_what_was_released(name: str, version: int) -> None:
    """Where this fails with changes, make a new version; where a schema only grew or is missing,
    `python -m tests.contracts.release` keeps it."""
    file = golden(name, version)
    assert file.exists(), f"{file.name} is missing: run python -m tests.contracts.release"
    kept, schema = file.read_text(encoding="utf-8"), released_schema(name, version)

    assert breaking_changes(json.loads(kept), schema) == []
    assert kept == text_of(schema), f"{file.name} has grown: run python -m tests.contracts.release"


def test_no_released_version_was_taken_away() -> None:
    """Its model stays as long as events of it may be read."""
    known = {golden(name, version).name for name, version in EVENT_DATA}

    assert {file.name for file in RELEASED.iterdir()} <= known


def test_the_release_keeps_what_grew_and_refuses_what_broke(tmp_path: Path) -> None:
    """A refused schema stays as it was released."""
    assert release(CATALOGUE, tmp_path) == []
    grown, broken = golden("invoice.posted", 1, tmp_path), golden("case.escalated", 1, tmp_path)
    less = json.loads(grown.read_text())
    del less["properties"]["number"]
    more = json.loads(broken.read_text())
    more["properties"]["agent"] = {"type": "string"}
    grown.write_text(text_of(less))
    broken.write_text(text_of(more))

    refused = release(CATALOGUE, tmp_path)

    assert refused == ["case.escalated.v1: data.agent was removed"]
    assert json.loads(broken.read_text()) == more
    assert grown.read_text() == text_of(released_schema("invoice.posted", 1))
