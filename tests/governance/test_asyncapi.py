"""The published document: fresh, valid AsyncAPI 3.0, and its examples are what it describes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from canonical.events import EVENT_DATA
from governance.asyncapi import FILE, as_yaml, asyncapi, main
from governance.catalogue import load_catalogue
from governance.events import Event, Events

CONTRACTS = Path(__file__).parents[1] / "contracts"
CATALOGUE = load_catalogue()
DOCUMENT = asyncapi(CATALOGUE)
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
OFFICIAL: dict[str, Any] = json.loads((CONTRACTS / "asyncapi" / "3.0.0.json").read_text())


def violations(document: dict[str, Any]) -> list[str]:
    """What the official schema of AsyncAPI 3.0.0 finds wrong."""
    assert jsonschema.validators.validator_for(OFFICIAL) is Draft7Validator
    return [found.message for found in Draft7Validator(OFFICIAL).iter_errors(document)]


def errors(message: dict[str, Any], payload: Any) -> list[str]:
    """What a message's own schema finds wrong with a payload."""
    schema = message["payload"] | {"components": DOCUMENT["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    found = Draft202012Validator(schema, format_checker=checker).iter_errors(payload)
    return [error.message for error in found]


def with_event(name: str, **facts: Any) -> dict[str, Any]:
    """The document of a catalogue in which one event is different."""
    changed = Event.model_validate(CATALOGUE.events.events[name].model_dump() | facts)
    events = Events(events=CATALOGUE.events.events | {name: changed})
    return asyncapi(CATALOGUE.model_copy(update={"events": events}))


def test_the_document_in_docs_is_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m governance.asyncapi --write` brings it up to date."""
    assert FILE.read_text(encoding="utf-8") == as_yaml(DOCUMENT)
    assert main(["--check"]) == 0
    assert main([]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == DOCUMENT


def test_a_stale_document_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the exit code, and writing repairs it; so is one that is not there."""
    monkeypatch.setattr("governance.asyncapi.FILE", tmp_path / "asyncapi.yaml")

    assert main(["--check"]) == 1
    (tmp_path / "asyncapi.yaml").write_text("asyncapi: 3.0.0\n")
    assert main(["--check"]) == 1
    assert main(["--write"]) == 0
    assert main(["--check"]) == 0


def test_the_document_is_valid_asyncapi() -> None:
    """By the schema that the AsyncAPI Initiative publishes, which notices what is wrong."""
    assert violations(DOCUMENT) == []
    assert violations(DOCUMENT | {"operations": {"x": {"action": "shout"}}})
    assert violations(DOCUMENT | {"asyncapi": "2.6.0"})


def test_every_version_of_every_event_is_a_message_on_a_channel() -> None:
    """With an owner, and by the address under which it is told."""
    assert set(MESSAGES) == {f"{name}.v{version}" for name, version in EVENT_DATA}
    for name, version in EVENT_DATA:
        channel = DOCUMENT["channels"][name]
        assert channel["address"] == f"tieline.{{environment}}.{name}.{{legalEntity}}"
        assert f"{name}.v{version}" in channel["messages"]
        assert DOCUMENT["operations"][f"send.{name}"]["action"] == "send"
        assert MESSAGES[f"{name}.v{version}"]["x-owner"] == CATALOGUE.events.events[name].owner


def test_every_reference_leads_somewhere() -> None:
    """None is left from the models' own `$defs`."""

    def follow(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(ref := part.get("$ref"), str):
                target: Any = DOCUMENT
                for level in ref.removeprefix("#/").split("/"):
                    target = target[level]
            for value in part.values():
                follow(value)
        elif isinstance(part, list):
            for value in part:
                follow(value)

    follow(DOCUMENT)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_examples_of_a_message_are_what_it_describes(name: str) -> None:
    """And it is not a description that anything fits."""
    message = MESSAGES[name]

    assert message["examples"]
    for example in message["examples"]:
        assert errors(message, example["payload"]) == []
        assert errors(message, example["payload"] | {"dataschema": "urn:other"})
        assert errors(message, example["payload"] | {"data": {}})
        assert errors(message, example["payload"] | {"time": "yesterday"})


def test_a_subscriber_accepts_a_field_that_it_does_not_know() -> None:
    """Otherwise no field could ever be added."""
    message = MESSAGES["invoice.posted.v1"]
    payload = message["examples"][0]["payload"]
    grown = payload | {"data": payload["data"] | {"new": 1}, "traceparent": "00-1"}

    assert errors(message, grown) == []


def test_a_deprecated_event_is_marked_and_a_retired_one_is_gone() -> None:
    """With the day, and with what comes instead."""
    leaving = {"deprecated_on": "2026-12-31", "replaced_by": "record.confirmed"}

    marked = with_event("record.reversed", status="deprecated", **leaving)
    gone = with_event("record.reversed", status="retired", **leaving)

    message = marked["components"]["messages"]["record.reversed.v1"]
    assert message["payload"]["deprecated"] is True
    assert message["x-deprecated-on"] == "2026-12-31"
    assert message["x-replaced-by"] == "record.confirmed"
    assert "record.reversed" not in gone["channels"]
    assert violations(marked) == violations(gone) == []
    assert len({document["info"]["version"] for document in (DOCUMENT, marked, gone)}) == 3
