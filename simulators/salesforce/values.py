"""Field values: how a body or an export cell becomes what the org stores and answers."""

import math
from datetime import UTC, date, datetime
from typing import Any

from simulators.salesforce.errors import SalesforceError
from simulators.salesforce.ids import canonical_id
from simulators.salesforce.schema import Field

TEXT_CHARACTERS_MAX = 255
LONG_TEXT_CHARACTERS_MAX = 32_768


def stamp(seconds: float) -> str:
    """A moment as the REST API writes it: UTC, milliseconds, `+0000`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def parse_moment(text: str) -> datetime:
    """A datetime with its zone, as SOQL and bodies write it; raises ValueError otherwise."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text:
        raise ValueError(f"no time zone: {text}")
    return moment.astimezone(UTC)


def store_value(field: Field, value: Any) -> Any:
    """A JSON value as stored, or the refusal the org gives for one of the wrong type."""
    if value is None or value == "":
        return False if field.type == "boolean" else None
    if field.type == "boolean":
        if isinstance(value, bool):
            return value
        raise _wrong_type(field, value)
    if field.type in ("double", "int"):
        return _number(field, value)
    if not isinstance(value, str):
        raise _wrong_type(field, value)
    if field.type in ("id", "reference"):
        known = canonical_id(value)
        if known is None:
            message = f"{field.name}: id value of incorrect type: {value}"
            raise SalesforceError(400, "MALFORMED_ID", message, (field.name,))
        return known
    if field.type in ("date", "datetime"):
        return _temporal(field, value)
    most = LONG_TEXT_CHARACTERS_MAX if field.type == "textarea" else TEXT_CHARACTERS_MAX
    if len(value) > most:
        message = f"{field.name}: data value too large (max length={most})"
        raise SalesforceError(400, "STRING_TOO_LONG", message, (field.name,))
    return value


def read_cell(field: Field, text: str) -> Any:
    """A cell of an exported CSV file as stored; raises ValueError when it cannot be."""
    if text == "":
        return False if field.type == "boolean" else None
    if field.type == "boolean":
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(f"{text!r} is not a boolean")
        return text.lower() in ("true", "1")
    try:
        if field.type in ("double", "int"):
            return _number(field, float(text))
        return store_value(field, text)
    except (SalesforceError, ValueError):
        raise ValueError(f"{text!r} is not a valid {field.type}") from None


def _number(field: Field, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong_type(field, value)
    return int(value) if field.type == "int" else float(value)


def _temporal(field: Field, value: str) -> str:
    try:
        if field.type == "date":
            return date.fromisoformat(value).isoformat()
        return stamp(parse_moment(value).timestamp())
    except ValueError:
        raise _wrong_type(field, value) from None


def _wrong_type(field: Field, value: Any) -> SalesforceError:
    kind = "VALUE_STRING" if isinstance(value, str) else f"VALUE_{type(value).__name__.upper()}"
    return SalesforceError(
        400, "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {kind} value {value}",
        (field.name,),
    )  # fmt: skip
