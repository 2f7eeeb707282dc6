"""The search endpoints' query language, as far as integrations use it."""

import re
from typing import Any

from simulators.zendesk.store import Account, Record, Table

TERM = re.compile(r'(-?)(?:([a-z_]+)(:|>=|<=|>|<))?("[^"]*"|\S+)', re.I)
KINDS = ("organization", "user", "ticket")
RANKS = {
    "priority": {"low": 1, "normal": 2, "high": 3, "urgent": 4},
    "status": {"new": 1, "open": 2, "pending": 3, "hold": 4, "solved": 5, "closed": 6},
}
FIELDS = {
    "created": "created_at", "updated": "updated_at", "organization": "organization_id",
    "requester": "requester_id", "ticket_type": "type", "tags": "tags",
}  # fmt: skip
Condition = tuple[bool, str, str, str]


def search(account: Account, query: str) -> list[Record]:
    """The records a query finds among those the search index knows by now."""
    conditions: list[Condition] = []
    kinds: list[str] = []
    for minus, field, operator, raw in TERM.findall(query):
        value = raw.strip('"')
        if field.lower() == "type" and value in KINDS:
            kinds.append(value)
        elif value != "*":
            conditions.append((minus == "-", FIELDS.get(field, field), operator, value))
    found: list[Record] = []
    for kind in kinds or KINDS:
        for record in _candidates(account.search.visible(kind), conditions):
            if all(_holds(record, condition) for condition in conditions):
                found.append({**record, "result_type": kind})
    return found


def _candidates(table: Table, conditions: list[Condition]) -> list[Record]:
    for minus, field, operator, value in conditions:
        if not minus and operator == ":" and field in table.indexed:
            return table.by(field, value)
    return table.ordered()


def _holds(record: Record, condition: Condition) -> bool:
    minus, field, operator, value = condition
    if not field:
        text = " ".join(str(record.get(f) or "") for f in ("name", "subject", "email"))
        return (value.lower() in text.lower()) != minus
    held: Any = record.get(field)
    if operator == ":":
        values = held if isinstance(held, list) else [held]
        return (value.lower() in [str(v).lower() for v in values]) != minus
    if held is None:
        return False
    ranks = RANKS.get(field, {})
    left: Any = ranks.get(held, str(held))
    right: Any = ranks.get(value, value)
    if isinstance(left, str) and isinstance(right, str):
        left = left[: len(right)]
    elif type(left) is not type(right):
        return False
    compared: bool = {
        ">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right,
    }[operator]  # fmt: skip
    return compared != minus
