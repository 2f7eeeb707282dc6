"""The receiver's own description: what may be posted where, and every answer it gives."""

from collections.abc import Iterable
from typing import Any

JSON = "application/json"

_ERROR = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
}
_STORED = {
    "type": "object",
    "required": ["stored", "duplicate"],
    "properties": {"stored": {"const": True}, "duplicate": {"type": "boolean"}},
}
_HEALTH = {
    "type": "object",
    "required": ["intake", "dispatch", "pending", "oldest_seconds", "dead"],
    "properties": {
        "intake": {"const": "ok"},
        "dispatch": {"enum": ["ok", "waiting"]},
        "pending": {"type": "integer", "minimum": 0},
        "oldest_seconds": {"type": "number", "minimum": 0},
        "dead": {"type": "integer", "minimum": 0},
    },
}
_REFUSALS = {
    "400": "the message cannot be read, or is for another environment",
    "401": "the message does not prove where it comes from",
    "404": "no source of this name is configured",
    "408": "the body did not arrive in time",
    "413": "the body is larger than allowed",
    "415": "the content type is not application/json",
    "503": "not stored; send it again after Retry-After seconds",
}


def openapi(sources: Iterable[str], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document for these sources."""
    names = sorted(sources)
    parameter = {
        "name": "source",
        "in": "path",
        "required": True,
        "schema": {"type": "string"} | ({"examples": names} if names else {}),
    }
    receive = {
        "operationId": "receive",
        "summary": "Store one signed event, once; 202 before anything is done about it",
        "parameters": [parameter],
        "requestBody": {
            "required": True,
            "description": "The vendor's own message, signed as the vendor signs",
            "content": {JSON: {"schema": {"type": "object"}}},
        },
        "responses": {"202": _answer("stored, now or by an earlier delivery", _STORED)}
        | {status: _answer(said, _ERROR) for status, said in _REFUSALS.items()},
    }
    health = {
        "operationId": "health",
        "summary": "Whether events are taken in, and what waits",
        "responses": {
            "200": _answer("events are taken in", _HEALTH),
            "503": _answer("the ledger does not answer", _ERROR),
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tieline webhooks", "version": version},
        "paths": {"/webhooks/{source}": {"post": receive}, "/health": {"get": health}},
    }


def _answer(said: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": said, "content": {JSON: {"schema": schema}}}
