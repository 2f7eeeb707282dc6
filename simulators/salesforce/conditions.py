"""Fields and conditions of a parsed query, resolved against the org into plain functions."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from simulators.salesforce.errors import SalesforceError
from simulators.salesforce.ids import canonical_id
from simulators.salesforce.schema import OBJECTS, Field, ObjectType
from simulators.salesforce.soql import Comparison, Condition, Junction, Literals
from simulators.salesforce.store import Record, Store
from simulators.salesforce.values import parse_moment, stamp

PARENT_LEVELS_MAX = 5

Getter = Callable[[Record], Any]
Test = Callable[[Record], bool]

_LITERAL_OF_TYPE = {
    "id": "string", "reference": "string", "string": "string", "double": "number",
    "int": "number", "boolean": "boolean", "date": "date", "datetime": "datetime",
}  # fmt: skip


def resolve(path: tuple[str, ...], start: ObjectType) -> tuple[list[Field], Field]:
    """The references to follow and the field at the end; raises INVALID_FIELD."""
    parts = path[1:] if len(path) > 1 and path[0].lower() == start.name.lower() else path
    if len(parts) > 1 and path[0].lower() in start.parents:
        parts = path  # a relationship named like the object itself wins
    steps: list[Field] = []
    here = start
    for name in parts[:-1]:
        step = here.parents.get(name.lower())
        if step is None:
            raise _invalid_field(f"Didn't understand relationship '{name}' in field path.", path)
        steps.append(step)
        here = OBJECTS[step.refers_to]
    if len(steps) > PARENT_LEVELS_MAX:
        raise _invalid_field("SOQL statements may cross 5 parent relationships.", path)
    found = here.find(parts[-1])
    if found is None:
        raise _invalid_field(f"No such column '{parts[-1]}' on entity '{here.name}'.", path)
    return steps, found


def getter(path: tuple[str, ...], start: ObjectType, store: Store) -> tuple[Getter, Field]:
    """A function that reads a (dotted) field of a record, and the field it reads."""
    steps, found = resolve(path, start)
    name = found.name
    if not steps:
        return lambda record: record[name], found
    hops = [(step.name, store.tables[step.refers_to].live) for step in steps]

    def read(record: Record) -> Any:
        for key, table in hops:
            parent = table.get(record[key]) if record[key] else None
            if parent is None:
                return None
            record = parent
        return record[name]

    return read, found


def compile_condition(condition: Condition, start: ObjectType, store: Store) -> Test:
    """A condition as a function of a record."""
    if isinstance(condition, Comparison):
        return _comparison(condition, start, store)
    tests = [compile_condition(part, start, store) for part in condition.parts]
    if condition.operator == "not":
        return lambda record: not tests[0](record)
    if condition.operator == "and":
        return lambda record: all(test(record) for test in tests)
    return lambda record: any(test(record) for test in tests)


def candidates(condition: Condition | None, start: ObjectType, store: Store) -> Iterable[Record]:
    """The live records worth testing: by Id or index when the condition allows, else all."""
    table = store.tables[start.name]
    parts = condition.parts if isinstance(condition, Junction) else (condition,)
    if isinstance(condition, Junction) and condition.operator != "and":
        parts = ()
    for part in parts:
        if not isinstance(part, Comparison) or part.operator not in ("=", "in"):
            continue
        found = start.find(part.path[-1]) if len(part.path) == 1 else None
        if found is None or any(literal.kind != "string" for literal in part.literals):
            continue
        keys = dict.fromkeys(_operand(literal, found) for literal in part.literals)
        if found.type == "id":
            return [table.live[key] for key in keys if key in table.live]
        if found.name in table.indexes:
            return [record for key in keys for record in table.where(found.name, key)]
    return table.live.values()


def _comparison(condition: Comparison, start: ObjectType, store: Store) -> Test:
    read, field = getter(condition.path, start, store)
    operands = [_operand(literal, field) for literal in condition.literals]
    text = field.type == "string"
    raw, operator = operands[0], condition.operator
    if operator in ("in", "not in", "=", "!="):
        wanted = {o.casefold() if text and o is not None else o for o in operands}
        inside = operator in ("in", "=")

        def member(record: Record) -> bool:
            value = read(record)
            return ((value.casefold() if text and value is not None else value) in wanted) is inside

        return member
    if operator == "like":
        return _like(read, field, raw)
    if raw is None or field.type in ("boolean", "reference"):
        raise _invalid_operator(operator, field)
    compare: Callable[[Any], bool] = {
        "<": lambda v: v < raw, "<=": lambda v: v <= raw,
        ">": lambda v: v > raw, ">=": lambda v: v >= raw,
    }[operator]  # fmt: skip

    def ordered(record: Record) -> bool:
        value = read(record)
        return value is not None and compare(value)

    return ordered


def _like(read: Getter, field: Field, raw: Any) -> Test:
    if field.type != "string" or raw is None:
        raise _invalid_operator("like", field)
    pattern = re.escape(raw).replace("%", ".*").replace("_", ".")
    match = re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch
    return lambda record: match(read(record) or "") is not None


def _operand(literal: Literals, field: Field) -> Any:
    """A literal as the field stores it; raises INVALID_FIELD when the types do not go together."""
    if field.type == "textarea":
        message = f"field '{field.name}' can not be filtered in a query call"
        raise SalesforceError(400, "INVALID_FIELD", message)
    if literal.kind == "null":
        return None
    expected = _LITERAL_OF_TYPE[field.type]
    if literal.kind != expected:
        enclosed = "not be" if literal.kind == "string" else "be"
        raise SalesforceError(
            400, "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {field.type} "
            f"and should {enclosed} enclosed in quotes",
        )  # fmt: skip
    if field.type in ("id", "reference"):
        known = canonical_id(literal.value)
        if known is None:
            message = f"invalid ID field: {literal.value}"
            raise SalesforceError(400, "INVALID_QUERY_FILTER_OPERATOR", message)
        return known
    if field.type == "datetime":
        return stamp(parse_moment(literal.value).timestamp())
    return literal.value


def _invalid_field(message: str, path: tuple[str, ...]) -> SalesforceError:
    return SalesforceError(400, "INVALID_FIELD", f"{'.'.join(path)}: {message}")


def _invalid_operator(operator: str, field: Field) -> SalesforceError:
    message = f"invalid operator '{operator}' on {field.type} field '{field.name}'"
    return SalesforceError(400, "INVALID_QUERY_FILTER_OPERATOR", message)
