"""Reads one catalogue file, and says in one sentence what is wrong with it and what to do."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from canonical.errors import Misconfigured
from governance.section import Section

FILE_BYTES_MAX = 1_048_576
T = TypeVar("T", bound=Section)


def read_section(file: Path, model: type[T]) -> T:
    """The file as its model; raises Misconfigured naming file, key and remedy."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _wrong(file, f"cannot be read: {error.strerror}", "check its permissions") from error
    if len(content) > FILE_BYTES_MAX:
        raise _wrong(file, f"has more than {FILE_BYTES_MAX} bytes", "make it smaller")
    try:
        # Decimal, so that an amount such as 0.1 is what was written.
        values = tomllib.loads(content.decode(), parse_float=Decimal)
        return model.model_validate(values)
    except UnicodeDecodeError as error:
        raise _wrong(file, "is not UTF-8", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, f"is not valid TOML: {error}", "correct it there") from error
    except ValidationError as error:
        raise _explained(file, error) from None


def _wrong(file: Path, what: str, remedy: str) -> Misconfigured:
    return Misconfigured(f"{file.name} {what}; {remedy}", about=file.name)


def _explained(file: Path, error: ValidationError) -> Misconfigured:
    first, *others = error.errors(include_url=False)
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    more = f" ({len(others)} more after that)" if others else ""
    subject = f"{file.name}: {key}" if key else f"{file.name}:"
    return Misconfigured(f"{subject} {_what(first)}{more}", about=file.name, details={"key": key})


def _what(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a known key; remove it or correct its spelling"
    if error["type"] == "missing":
        return "is missing; add it"
    if error["type"] == "value_error":
        sentence = error["msg"].removeprefix("Value error, ")
        return f"{sentence}; correct it"
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"is {error['input']!r}: {message}; correct it"
