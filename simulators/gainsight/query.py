"""Where-clauses: named conditions put together by an expression such as `A AND (B OR C)`."""

import re
from collections.abc import Callable
from typing import Any

from simulators.gainsight.errors import GainsightRefusal
from simulators.gainsight.fields import DATES, to_millis
from simulators.gainsight.store import Record, Table

Test = Callable[[Record], bool]
TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z]\w*)\s*")
BAD_WHERE = "GSOBJ_1012"


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, list[Any]], bool]:
    def test(held: Any, wanted: list[Any]) -> bool:
        try:
            return held is not None and bool(compare(held, wanted[0]))
        except TypeError:
            return False

    return test


def _has(held: Any, wanted: list[Any]) -> bool:
    return isinstance(held, str) and str(wanted[0]).lower() in held.lower()


OPERATORS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "EQ": lambda held, wanted: held == wanted[0],
    "NE": lambda held, wanted: held != wanted[0],
    "IN": lambda held, wanted: held in wanted,
    "NOT_IN": lambda held, wanted: held not in wanted,
    "CONTAINS": _has,
    "NOT_CONTAINS": lambda held, wanted: not _has(held, wanted),
    "STARTS_WITH": lambda held, wanted: isinstance(held, str) and held.startswith(wanted[0]),
    "GT": _ordered(lambda held, wanted: held > wanted),
    "GTE": _ordered(lambda held, wanted: held >= wanted),
    "LT": _ordered(lambda held, wanted: held < wanted),
    "LTE": _ordered(lambda held, wanted: held <= wanted),
    "BETWEEN": lambda held, wanted: held is not None and wanted[0] <= held <= wanted[1],
    "BTW": lambda held, wanted: held is not None and wanted[0] <= held <= wanted[1],
    "IS_NULL": lambda held, _: held is None,
    "IS_NOT_NULL": lambda held, _: held is not None,
}


class Condition:
    """One named condition on one field."""

    def __init__(self, given: Record, name_key: str) -> None:
        field = given.get(name_key, given.get("name", given.get("fieldName")))
        operator = str(given.get("operator", "EQ")).upper()
        if not isinstance(field, str) or operator not in OPERATORS:
            raise GainsightRefusal(400, BAD_WHERE, f"Invalid condition: {given}")
        value = given.get("value", [])
        values = value if isinstance(value, list) else [value]
        if not values and operator not in ("IS_NULL", "IS_NOT_NULL"):
            raise GainsightRefusal(400, BAD_WHERE, f"A condition on {field} needs a value.")
        if field in DATES or field in ("CreatedDate", "ModifiedDate"):
            values = [to_millis(field, v) for v in values]
        self.field, self.operator, self.values = field, operator, values
        self.alias = str(given.get("alias", ""))

    def holds(self, record: Record) -> bool:
        """Whether a record meets the condition."""
        return OPERATORS[self.operator](record.get(self.field), self.values)


def select_records(table: Table, where: Any, name_key: str = "name") -> list[Record]:
    """The records a where-clause describes, by index where an equality allows it."""
    if not where or not where.get("conditions"):
        return list(table.records.values())
    conditions = [Condition(given, name_key) for given in where["conditions"]]
    expression = where.get("expression") or " AND ".join(c.alias for c in conditions)
    test = _parse(expression, {c.alias: c for c in conditions})
    return [record for record in _candidates(table, conditions, expression) if test(record)]


def _candidates(table: Table, conditions: list[Condition], expression: str) -> list[Record]:
    if not re.search(r"\bOR\b", expression, re.I):
        for condition in conditions:
            texts = all(isinstance(value, str) for value in condition.values)
            if condition.operator in ("EQ", "IN") and texts:
                wanted = condition.values if condition.operator == "IN" else condition.values[:1]
                return [r for value in wanted for r in table.by(condition.field, value)]
    return list(table.records.values())


def _parse(expression: str, conditions: dict[str, Condition]) -> Test:
    tokens = TOKEN.findall(expression)
    if "".join(tokens) != re.sub(r"\s", "", expression):
        raise GainsightRefusal(400, BAD_WHERE, f"Invalid expression: {expression}")

    def one() -> Test:
        if not tokens:
            raise GainsightRefusal(400, BAD_WHERE, f"Invalid expression: {expression}")
        word = tokens.pop(0)
        if word == "(":
            inner = joined("OR")
            if not tokens or tokens.pop(0) != ")":
                raise GainsightRefusal(400, BAD_WHERE, f"Invalid expression: {expression}")
            return inner
        if word not in conditions:
            raise GainsightRefusal(400, BAD_WHERE, f"No condition has the alias {word}.")
        return conditions[word].holds

    def joined(word: str) -> Test:
        parts = [joined("AND") if word == "OR" else one()]
        while tokens and tokens[0].upper() == word:
            tokens.pop(0)
            parts.append(joined("AND") if word == "OR" else one())
        combine = any if word == "OR" else all
        return lambda record: combine(part(record) for part in parts)

    test = joined("OR")
    if tokens:
        raise GainsightRefusal(400, BAD_WHERE, f"Invalid expression: {expression}")
    return test


def page(records: list[Record], body: Record, limit: int, offset: int) -> list[Record]:
    """One page of records in the order and with the fields the body asks for."""
    for field, direction in reversed(list((body.get("orderBy") or {}).items())):
        records = sorted(
            records,
            key=lambda r, f=field: (r.get(f) is not None, r.get(f)),  # type: ignore[misc]
            reverse=str(direction).lower() == "desc",
        )
    select = body.get("select") or []
    chosen = records[offset : offset + limit]
    if not select:
        return chosen
    return [{"Gsid": r["Gsid"], **{field: r.get(field) for field in select}} for r in chosen]
