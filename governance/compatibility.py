"""Whether a schema still says what was released: it may only gain optional fields (R91)."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]
Names: TypeAlias = tuple[str, str]

ANNOTATIONS = frozenset(
    {"$comment", "$defs", "$id", "$schema", "default", "deprecated", "description", "examples"}
    | {"title", "readOnly", "writeOnly"}
)
NAMED = frozenset(
    {"$ref", "properties", "required", "additionalProperties", "items", "prefixItems"}
)
COMBINED = frozenset({"allOf", "anyOf", "oneOf"})
ABSENT = object()


def breaking_changes(released: Schema, current: Schema) -> list[str]:
    """What a subscriber of the released schema could no longer rely on, each in one sentence.

    Empty when the current schema only has new optional fields or other words. References within
    each schema (`#/...`) are followed; one that leads nowhere raises KeyError.
    """
    return list(_Comparison(released, current, set()).changes(released, current, "data"))


class _Comparison:
    """One comparison; remembers which pairs of references it has entered, since models recurse."""

    def __init__(self, released: Schema, current: Schema, entered: set[Names]) -> None:
        self._roots = (released, current)
        self._entered = entered

    def changes(self, old: Any, new: Any, at: str) -> Iterator[str]:
        """The breaking changes below two schemas at one place."""
        if not isinstance(old, dict) or not isinstance(new, dict):
            if old is not new:
                yield f"{at}: {_text(old)} became {_text(new)}"
            return
        if "$ref" in old and "$ref" in new:
            names = (old["$ref"], new["$ref"])
            if names in self._entered:
                return
            self._entered.add(names)
        old, new = self._resolved(old, 0), self._resolved(new, 1)
        yield from self._properties(old, new, at)
        yield from self._additional(old, new, at)
        yield from self._items(old, new, at)
        yield from self._combined(old, new, at)
        yield from _keywords(old, new, at)

    def _resolved(self, schema: Schema, side: int) -> Schema:
        """The schema with what its reference names put in its place."""
        seen: set[str] = set()
        while (ref := schema.get("$ref")) is not None and ref not in seen:
            seen.add(ref)
            target: Any = self._roots[side]
            for part in ref.removeprefix("#").split("/")[1:]:
                target = target[part.replace("~1", "/").replace("~0", "~")]
            schema = target | {key: value for key, value in schema.items() if key != "$ref"}
        return schema

    def _properties(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_now = set(old.get("required", [])), set(new.get("required", []))
        for name in before:
            if name not in now:
                yield f"{at}.{name} was removed"
                continue
            yield from self.changes(before[name], now[name], f"{at}.{name}")
        for name in sorted(needed_now - needed_before):
            new_or_not = "became" if name in before else "is new and"
            yield f"{at}.{name} {new_or_not} required"
        for name in sorted((needed_before - needed_now) & now.keys()):
            yield f"{at}.{name} is no longer always there"

    def _additional(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        before, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if before is now or before is False:
            return
        if before is True or now is False:
            yield f"{at}: additionalProperties was tightened"
        else:
            yield from self.changes(before, now, f"{at}.*")

    def _items(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        if "items" in old or "items" in new:
            yield from self.changes(old.get("items", {}), new.get("items", {}), f"{at}[]")
        fixed = zip_longest(old.get("prefixItems", []), new.get("prefixItems", []))
        for place, (before, now) in enumerate(fixed):
            yield from self.changes(before, now, f"{at}[{place}]")

    def _combined(self, old: Schema, new: Schema, at: str) -> Iterator[str]:
        """Every branch has an equal on the other side, in whatever order."""
        for keyword in sorted(COMBINED & (old.keys() | new.keys())):
            before, now = old.get(keyword, []), new.get(keyword, [])
            if not before or not now:
                yield f"{at}: {keyword} was {'removed' if before else 'added'}"
                continue
            if len(before) == len(now) == 1:
                yield from self.changes(before[0], now[0], at)
                continue
            gone = [b for b in before if not any(self._alike(b, n) for n in now)]
            new_ones = [n for n in now if not any(self._alike(b, n) for b in before)]
            yield from (f"{at}: no longer {_brief(branch)}" for branch in gone)
            yield from (f"{at}: may now be {_brief(branch)}" for branch in new_ones)

    def _alike(self, old: Any, new: Any) -> bool:
        # A try that fails must not count as having compared what it entered.
        attempt = _Comparison(*self._roots, set(self._entered))
        return next(attempt.changes(old, new, ""), None) is None


def _keywords(old: Schema, new: Schema, at: str) -> Iterator[str]:
    """Whatever else limits a value (type, format, enum, pattern, minimum, ...) stays as it was."""
    for keyword in sorted((old.keys() | new.keys()) - ANNOTATIONS - NAMED - COMBINED):
        before, now = old.get(keyword, ABSENT), new.get(keyword, ABSENT)
        if keyword == "enum" and before is not ABSENT and now is not ABSENT:
            yield from (f"{at}: enum lost {value!r}" for value in before if value not in now)
            yield from (f"{at}: enum gained {value!r}" for value in now if value not in before)
        elif _comparable(before) != _comparable(now):
            yield f"{at}: {keyword} {_text(before)} became {_text(now)}"


def _comparable(value: Any) -> Any:
    """Types may be listed in any order."""
    return sorted(value, key=repr) if isinstance(value, list) else value


def _brief(schema: Any) -> str:
    return str(schema.get("$ref") or schema.get("type") or schema) if schema else repr(schema)


def _text(value: Any) -> str:
    return "nothing" if value is ABSENT or value is None else repr(value)
