"""Loads the settings, and says in one sentence what is wrong with them and what to do."""

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from canonical.errors import Misconfigured
from tieline.settings import PREFIX, Settings, settings_file

EXAMPLE = "tieline.example.toml"


def load_settings(path: Path | None = None) -> Settings:
    """The settings of this process; raises Misconfigured naming file, key and remedy."""
    file = settings_file(path)
    if file is not None and not file.is_file():
        raise Misconfigured(
            f"{file}: there is no such file; copy {EXAMPLE} there or name another with --config",
            about=str(file),
        )
    return _load(file)


def _load(file: Path | None) -> Settings:
    class _FromFile(Settings):
        model_config = {"toml_file": file}

    where = str(file) if file else "the environment"
    try:
        return _FromFile()
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(
            f"{where}: not valid TOML: {error}; correct it there", about=where
        ) from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{where}: not UTF-8; save it as UTF-8", about=where) from error
    except OSError as error:
        raise Misconfigured(
            f"{where}: cannot be read: {error.strerror}; check its permissions", about=where
        ) from error
    except SettingsError as error:
        raise Misconfigured(
            f"the environment: {error}; write lists and tables as JSON", about="environment"
        ) from error
    except ValidationError as error:
        raise _explained(where, error) from None


def _explained(where: str, error: ValidationError) -> Misconfigured:
    first, *others = error.errors(include_input=False, include_url=False)
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    more = f" ({len(others)} more after that)" if others else ""
    sentence = ": ".join(part for part in (_origin(where, first), key, _what(first)) if part)
    return Misconfigured(f"{sentence}; {_remedy(first)}{more}", about=key or where)


def _origin(where: str, error: ErrorDetails) -> str:
    """The environment variable, where one is the cause; otherwise the file."""
    parts = [str(part).upper() for part in error["loc"]]
    for depth in range(len(parts), 0, -1):
        variable = PREFIX + "__".join(parts[:depth])
        if variable in {name.upper() for name in os.environ}:
            return variable
    return where


def _what(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such setting"
    if error["type"] == "missing":
        return "it is missing"
    message = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _remedy(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return f"remove it or correct its spelling ({EXAMPLE} lists all)"
    if error["type"] == "missing":
        return f"add it ({EXAMPLE} shows how)"
    return f"correct it ({EXAMPLE} shows how)"
