"""Form-encoded parameters with bracket nesting, and their reading as numbers, flags and words."""

import re
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

from simulators.stripe.errors import StripeError, missing_param, unknown_param

Params = dict[str, Any]

METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 500

_KEY = re.compile(r"\[([^\]]*)\]")


def parse_form(text: str) -> Params:
    """`items[0][price]=p` and `ids[]=a` as nested dicts and lists of strings."""
    root: Params = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        head, bracket, _ = key.partition("[")
        steps = _KEY.findall(key[len(head) :]) if bracket else []
        _put(root, [head, *steps], value)
    return {name: _listed(value) for name, value in root.items()}


def _put(node: Params, steps: list[str], value: str) -> None:
    for step, following in pairwise(steps):
        name = step or _append_name(node, following)
        child = node.get(name)
        if not isinstance(child, dict):
            child = node[name] = {}
        node = child
    node[steps[-1] or str(len(node))] = value


def _append_name(node: Params, following: str) -> str:
    # `items[][price]=a&items[][quantity]=1`: a name that is already there begins the next element.
    last = str(len(node) - 1)
    return str(len(node)) if last not in node or following in node[last] else last


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    children = {name: _listed(child) for name, child in node.items()}
    if children and all(name.isdigit() for name in children):
        return [children[name] for name in sorted(children, key=int)]
    return children


def check_names(
    params: Mapping[str, Any], known: Collection[str], required: Collection[str] = (), at: str = ""
) -> None:
    """Refuse parameters the endpoint does not know, then the absence of required ones."""
    for name in params:
        if name not in known:
            raise unknown_param(f"{at}[{name}]" if at else name)
    for name in required:
        if params.get(name) in (None, ""):
            raise missing_param(f"{at}[{name}]" if at else name)


def integer(params: Mapping[str, Any], name: str, at: str = "") -> int | None:
    """A whole number, or None when it was not sent."""
    value = params.get(name)
    if value in (None, ""):
        return None
    try:
        return int(str(value))
    except ValueError:
        raise StripeError(
            f"Invalid integer: {value}", code="parameter_invalid_integer", param=at or name
        ) from None


def flag(params: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A boolean, or the default when it was not sent."""
    value = params.get(name)
    if value in (None, ""):
        return default
    if str(value).lower() not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {value}", param=name)
    return str(value).lower() == "true"


def choice(params: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: str) -> str:
    """One of the allowed words, or the default when none was sent."""
    value = params.get(name) or default
    if value not in allowed:
        words = ", ".join(allowed[:-1]) + f", or {allowed[-1]}"
        raise StripeError(f"Invalid {name}: must be one of {words}", param=name)
    return str(value)


def rows(params: Mapping[str, Any], name: str, at: str = "") -> list[Params]:
    """A list of nested parameters; empty when none was sent."""
    value = params.get(name)
    if value in (None, ""):
        return []
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise StripeError("Invalid array", param=at or name)
    return value


def mapping(params: Mapping[str, Any], name: str) -> Params:
    """Nested parameters; empty when none were sent."""
    value = params.get(name)
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise StripeError("Invalid object", param=name)
    return value


def merge_metadata(held: Mapping[str, str], params: Mapping[str, Any]) -> dict[str, str]:
    """Metadata after a write: sent keys are set, blank ones removed, a blank whole clears all."""
    if params.get("metadata") == "":
        return {}
    merged = dict(held)
    for key, value in mapping(params, "metadata").items():
        if (
            len(key) > METADATA_KEY_CHARACTERS_MAX
            or len(str(value)) > METADATA_VALUE_CHARACTERS_MAX
        ):
            raise StripeError(
                f"Metadata keys can have up to {METADATA_KEY_CHARACTERS_MAX} characters and values "
                f"up to {METADATA_VALUE_CHARACTERS_MAX}.", param=f"metadata[{key}]",
            )  # fmt: skip
        if value == "":
            merged.pop(key, None)
        else:
            merged[key] = str(value)
    if len(merged) > METADATA_KEYS_MAX:
        raise StripeError(f"Metadata can have up to {METADATA_KEYS_MAX} keys.", param="metadata")
    return merged
