"""Avro payloads read by the schema that each names; a schema's id never changes its meaning."""

import io
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
from fastavro import parse_schema, schemaless_reader

from canonical.errors import Malformed

SCHEMAS_MAX = 100


class Schemas:
    """The schemas seen so far; `fetch` gets one as JSON by its id."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    async def decoded(
        self, schema_id: str, payload: bytes, fetch: Callable[[str], Awaitable[str]]
    ) -> dict[str, Any]:
        """The payload's fields; raises Malformed when its schema does not fit."""
        if schema_id not in self._known:
            text = await fetch(schema_id)
            if len(self._known) >= SCHEMAS_MAX:
                self._known.clear()
            self._known[schema_id] = _parsed(text)
        try:
            record = schemaless_reader(io.BytesIO(payload), self._known[schema_id], None)
        except Exception as error:  # the reader raises whatever the bytes lead it to
            raise Malformed(f"an event is no Avro record: {type(error).__name__}") from None
        if not isinstance(record, dict):
            raise Malformed("an event is an Avro value, but no record")
        return cast(dict[str, Any], record)


def _parsed(text: str) -> Any:
    try:
        return parse_schema(orjson.loads(text))
    except Exception as error:  # SchemaParseException, UnknownType, ValueError, KeyError
        raise Malformed(f"an Avro schema cannot be read: {type(error).__name__}") from None
