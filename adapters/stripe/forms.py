"""Nested parameters as Stripe's bracketed form fields; pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def to_stripe_form(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`{"items": [{"price": "p"}]}` as `items[0][price]=p`; None is left out, "" clears."""
    return [pair for name, value in params.items() for pair in _fields(name, value)]


def _fields(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _fields(f"{name}[{key}]", item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for place, item in enumerate(value):
            yield from _fields(f"{name}[{place}]", item)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)
