"""JSON Schemas of events as they are published: what a subscriber may rely on (R90, R93)."""

from typing import Any

from canonical.connections import Environment
from canonical.events import EVENT_DATA, schema_id

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def data_schema(event_type: str, version: int, ref: str = "#/$defs/{model}") -> dict[str, Any]:
    """The schema of an event's data, with the models it uses under `$defs`.

    Open, although whoever writes events uses closed models: a field that is new tomorrow must not
    make a subscriber refuse what it understood yesterday.
    """
    model = EVENT_DATA[(event_type, version)]
    schema = model.model_json_schema(mode="serialization", ref_template=ref)
    schema.pop("additionalProperties", None)
    return schema


def released_schema(event_type: str, version: int) -> dict[str, Any]:
    """The schema as a document of its own, as the released ones are kept."""
    name = {"$schema": DIALECT, "$id": schema_id(event_type, version)}
    return name | data_schema(event_type, version)


def envelope_schema() -> dict[str, Any]:
    """The CloudEvents 1.0 attributes of every event, without what depends on its type."""
    text = {"type": "string", "minLength": 1}
    properties: dict[str, Any] = {
        "specversion": {"const": "1.0"},
        "id": text | {"description": "The same id is the same event, however often it comes."},
        "source": text | {"format": "uri-reference", "description": "/tieline/ENVIRONMENT/NAME"},
        "type": text,
        "subject": text | {"description": "KIND/ID of the record it is about."},
        "time": {"type": "string", "format": "date-time", "description": "When it happened."},
        "datacontenttype": {"const": "application/json"},
        "dataschema": text | {"format": "uri"},
        "eventversion": {"type": "integer", "minimum": 1},
        "environment": {"enum": [environment.value for environment in Environment]},
        "correlationid": text | {"description": "One id for all records of one process."},
        "causationid": text | {"description": "What brought it about: an effect, or an event."},
        "legalentity": text,
        "data": {"type": "object"},
    }
    optional = ("correlationid", "causationid", "legalentity")
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}
