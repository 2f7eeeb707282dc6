"""The events as an AsyncAPI 3.0 document, made from the catalogue and the models.

`python -m governance.asyncapi` prints it as YAML; with `--write` it is put into
`docs/asyncapi.yaml`, and with `--check` the exit code is 1 when that file says something else.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from canonical.connections import Environment
from canonical.events import EVENT_DATA, NO_LEGAL_ENTITY, schema_id
from canonical.ids import digest
from governance.catalogue import Catalogue, load_catalogue
from governance.events import Event, Status
from governance.examples import example
from governance.schemas import data_schema, envelope_schema

FILE = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"
CONTENT_TYPE = "application/cloudevents+json"
VERSION_CHARACTERS = 12
SHARED = "#/components/schemas/{model}"
ENVELOPE = "CloudEvent"
DESCRIPTION = (
    "What happened in the systems that Tieline connects, in its own words. Events are CloudEvents "
    "1.0 in structured mode and are delivered at least once; the same `id` is the same event. "
    "Fields may be added to a version: ignore those that you do not know. Anything else is a new "
    "version, told beside the old one until that is retired."
)


def asyncapi(catalogue: Catalogue) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of a catalogue's events; equal catalogues give equal documents."""
    events = [
        (name, event)
        for name, event in sorted(catalogue.events.events.items())
        if event.status is not Status.RETIRED
    ]
    body: dict[str, Any] = {
        "defaultContentType": CONTENT_TYPE,
        "channels": {name: _channel(name, event) for name, event in events},
        "operations": {f"send.{name}": _operation(name, event) for name, event in events},
        "components": {
            "messages": {
                message_name(name, version): _message(name, version, event)
                for name, event in events
                for version in versions(name)
            },
            "parameters": _parameters(),
            "schemas": _schemas([name for name, _ in events]),
        },
    }
    info = {
        "title": "Tieline events",
        "version": digest(body)[:VERSION_CHARACTERS],
        "description": DESCRIPTION,
    }
    return {"asyncapi": "3.0.0", "id": "urn:tieline:events", "info": info} | body


def versions(name: str) -> list[int]:
    """The versions of an event type that are told, oldest first."""
    return sorted(version for told, version in EVENT_DATA if told == name)


def message_name(name: str, version: int) -> str:
    """What the document calls one version of an event."""
    return f"{name}.v{version}"


def _channel(name: str, event: Event) -> dict[str, Any]:
    told = [message_name(name, version) for version in versions(name)]
    return {
        "address": f"tieline.{{environment}}.{name}.{{legalEntity}}",
        "title": name,
        "description": event.meaning,
        "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in told},
        "parameters": {
            parameter: {"$ref": f"#/components/parameters/{parameter}"}
            for parameter in _parameters()
        },
    }


def _parameters() -> dict[str, Any]:
    environments = [environment.value for environment in Environment]
    legal_entity = f"The legal entity's code; `{NO_LEGAL_ENTITY}` where there is none."
    return {
        "environment": {"description": "Whether it is about live money.", "enum": environments},
        "legalEntity": {"description": legal_entity},
    }


def _operation(name: str, event: Event) -> dict[str, Any]:
    told = [message_name(name, version) for version in versions(name)]
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": event.meaning,
        "messages": [{"$ref": f"#/channels/{name}/messages/{one}"} for one in told],
        "x-producer": event.producer,
        "x-consumers": event.consumers,
    }


def _message(name: str, version: int, event: Event) -> dict[str, Any]:
    shown = example(name, version)
    message = {
        "name": name,
        "title": message_name(name, version),
        "summary": event.meaning,
        "contentType": CONTENT_TYPE,
        "correlationId": {"location": "$message.payload#/correlationid"},
        "headers": {
            "type": "object",
            "properties": {
                "Nats-Msg-Id": {"type": "string", "description": "The event's id, on NATS."}
            },
        },
        "payload": _payload(name, version) | _deprecated(version, event),
        "x-owner": event.owner,
        "x-status": event.status.value,
        "x-retention-days": event.retention_days,
        "x-data-classes": event.data_classes,
    }
    if shown is not None:
        message["examples"] = [{"name": name.replace(".", "_"), "payload": shown}]
    return message | _leaving(version, event)


def _deprecated(version: int, event: Event) -> dict[str, Any]:
    leaving = event.status is Status.DEPRECATED or version < event.version
    return {"deprecated": True} if leaving else {}


def _leaving(version: int, event: Event) -> dict[str, Any]:
    """What is said of a version that nobody should begin to use."""
    said: dict[str, Any] = {}
    if event.deprecated_on is not None:
        said["x-deprecated-on"] = event.deprecated_on.isoformat()
    if event.replaced_by is not None:
        said["x-replaced-by"] = event.replaced_by
    if version < event.version:
        said["x-newer-version"] = event.version
    return said


def _payload(name: str, version: int) -> dict[str, Any]:
    told = {
        "type": {"const": name},
        "eventversion": {"const": version},
        "dataschema": {"const": schema_id(name, version)},
        "data": {"$ref": SHARED.format(model=message_name(name, version))},
    }
    envelope = {"$ref": SHARED.format(model=ENVELOPE)}
    return {"allOf": [envelope, {"type": "object", "properties": told}]}


def _schemas(names: list[str]) -> dict[str, Any]:
    schemas = {ENVELOPE: envelope_schema()}
    for name in names:
        for version in versions(name):
            schema = data_schema(name, version, SHARED)
            # Models that events share stand beside them, since `$defs` is no keyword of AsyncAPI.
            schemas |= schema.pop("$defs", {})
            schemas[message_name(name, version)] = schema
    return schemas


def as_yaml(document: dict[str, Any]) -> str:
    """The document as YAML, in its own order and without anchors."""

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(document, Dumper=Plain, sort_keys=False, width=100, allow_unicode=True)
    return (
        "# Made by `python -m governance.asyncapi --write`; a test fails when it is stale.\n" + text
    )


def main(arguments: list[str]) -> int:
    """Print, write or check the document of the shipped catalogue; returns the exit code."""
    text = as_yaml(asyncapi(load_catalogue()))
    if arguments == ["--check"]:
        return int(not FILE.is_file() or FILE.read_text(encoding="utf-8") != text)
    if arguments == ["--write"]:
        FILE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
