"""A part of a view: what it says, from whom, as of when, and whether it can be relied on (R21)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from canonical.definitions import in_force
from canonical.orders import Fact
from governance.definitions import Definitions

UNKNOWN = "unknown"


class Completeness(StrEnum):
    """Whether a block can be relied on."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    NEVER_READ = "never_read"


class Block(Fact):
    """One part of the view.

    `says` is the outcome in a word, `unknown` unless the block is known; `as_of` the age of the
    oldest thing it rests on, None where none is known; `definitions` are `name@version` (R121).
    """

    name: str
    says: str
    completeness: Completeness
    sources: list[str] = []
    as_of: datetime | None = None
    definitions: list[str] = []
    reasons: list[str] = []
    facts: dict[str, Any] = {}


def block(
    name: str,
    says: str,
    *,
    seen: bool,
    missing: Sequence[str],
    sources: Iterable[str],
    ages: Sequence[datetime],
    definitions: list[str],
    facts: Mapping[str, Any],
    reasons: Sequence[str] = (),
) -> Block:
    """A block that says `unknown` unless everything that it rests on is there."""
    completeness = Completeness.KNOWN
    if not seen:
        completeness = Completeness.NEVER_READ
    elif missing:
        completeness = Completeness.UNKNOWN
    return Block(
        name=name,
        says=says if completeness is Completeness.KNOWN else UNKNOWN,
        completeness=completeness,
        sources=sorted(sources),
        as_of=min(ages, default=None),
        definitions=definitions,
        reasons=list(dict.fromkeys([*reasons, *missing])),
        facts=dict(facts) if seen else {},
    )


def named(definitions: Definitions, *names: str) -> list[str]:
    """The versions in force of definitions, as `name@version`."""
    return [in_force(name, definitions.versions) for name in names]
