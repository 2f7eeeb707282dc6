"""Lists, searches and `expand[]`: several objects, or an object inside another, as answered."""

import re
from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any

from simulators.stripe.errors import StripeError, missing_resource
from simulators.stripe.forms import Params, integer, mapping
from simulators.stripe.store import Account, Obj, Table, public

PAGE_MAX = 100
PAGE_DEFAULT = 10
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})

_CLAUSE = re.compile(
    r"""\s*(?:metadata\[['"](?P<key>[^'"]+)['"]\]|(?P<name>[a-z_]+))\s*
    (?P<operator>[:~])\s*(?:'(?P<a>[^']*)'|"(?P<b>[^"]*)"|(?P<number>\d+))\s*""",
    re.VERBOSE,
)
_RANGES: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda v, bound: v > bound, "gte": lambda v, bound: v >= bound,
    "lt": lambda v, bound: v < bound, "lte": lambda v, bound: v <= bound,
}  # fmt: skip


def limit_of(params: Params) -> int:
    """How many objects a page may hold."""
    limit = integer(params, "limit")
    if limit is not None and not 1 <= limit <= PAGE_MAX:
        raise StripeError(f"Limit must be between 1 and {PAGE_MAX}.", param="limit")
    return limit or PAGE_DEFAULT


def page(
    table: Table, params: Params, url: str, *, index: str = "", equal: tuple[str, ...] = (),
    keep: Callable[[Obj], bool] | None = None,
) -> Obj:  # fmt: skip
    """A page of a table, newest first: by one index, equal fields and the `created` filter."""
    limit = limit_of(params)
    in_time = created_filter(params)
    wanted = [(name, params[name]) for name in equal if params.get(name)]

    def kept(obj: Obj) -> bool:
        return (
            in_time(obj)
            and all(_same(obj.get(name), value) for name, value in wanted)
            and (keep is None or keep(obj))
        )

    used = index if params.get(index) else ""
    after, before = params.get("starting_after", ""), params.get("ending_before", "")
    for name, edge in (("starting_after", after), ("ending_before", before)):
        if edge and edge not in table.places:
            raise missing_resource(table.noun, edge, name)
    found = filter(kept, table.newest_first(used, params.get(index), after))
    if before:
        newer = list(takewhile(lambda o: table.places[o["id"]] > table.places[before], found))
        return as_list([public(o) for o in newer[-limit:]], url, len(newer) > limit)
    rows = list(islice(found, limit + 1))
    return as_list([public(row) for row in rows[:limit]], url, len(rows) > limit)


def _same(held: Any, sent: str) -> bool:
    return str(held).lower() == sent.lower() if isinstance(held, bool) else held == sent


def created_filter(params: Params) -> Callable[[Obj], bool]:
    """`created=…` or `created[gte]=…` as a test of an object."""
    given = params.get("created")
    if given in (None, ""):
        return lambda _: True
    if isinstance(given, str):
        exact = integer(params, "created")
        return lambda obj: obj["created"] == exact
    bounds = []
    for name in mapping(params, "created"):
        if name not in _RANGES:
            raise StripeError(f"Received unknown parameter: created[{name}]",
                              code="parameter_unknown", param=f"created[{name}]")  # fmt: skip
        bounds.append((_RANGES[name], integer(given, name, f"created[{name}]") or 0))
    return lambda obj: all(test(obj["created"], bound) for test, bound in bounds)


def as_list(data: list[Any], url: str, has_more: bool = False) -> Obj:
    """Stripe's list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def search(account: Account, table: Table, params: Params, url: str) -> Obj:
    """A search over what the index has caught up with; never for reading one's own writes."""
    tests, start = _clauses(params["query"]), integer(params, "page") or 0
    horizon = account.now() - account.search_lag_seconds
    found = (o for o in table.newest_first() if o["created"] <= horizon)
    matching = (o for o in found if all(test(o) for test in tests))
    limit = limit_of(params)
    rows = list(islice(matching, start, start + limit + 1))
    more = len(rows) > limit
    return {
        "object": "search_result", "data": [public(row) for row in rows[:limit]],
        "has_more": more, "next_page": str(start + limit) if more else None, "url": url,
    }  # fmt: skip


def _clauses(query: str) -> list[Callable[[Obj], bool]]:
    tests: list[Callable[[Obj], bool]] = []
    for clause in re.split(r"\s+AND\s+", query.strip(), flags=re.IGNORECASE):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise StripeError(f"We were unable to parse your search query: {query}", param="query")
        value = match["a"] or match["b"] or match["number"] or ""
        tests.append(_clause(match["key"], match["name"], match["operator"], value))
    return tests


def _clause(key: str | None, name: str, operator: str, value: str) -> Callable[[Obj], bool]:
    def test(obj: Obj) -> bool:
        held = str(obj["metadata"].get(key, "") if key else obj.get(name) or "").lower()
        return held == value.lower() if operator == ":" else value.lower() in held

    return test


def expand(account: Account, answer: Obj, paths: list[str]) -> Obj:
    """The answer with the ids at these paths replaced by the objects they name."""
    for path in paths:
        answer = _expanded(account, answer, path.split("."), path)
    return answer


def _expanded(account: Account, node: Any, steps: list[str], path: str) -> Any:
    if isinstance(node, list):
        return [_expanded(account, item, steps, path) for item in node]
    if not steps:
        table = account.table_of(node) if isinstance(node, str) else None
        found = table.get(node) if table else None
        return public(found) if found else node
    if isinstance(node, str):
        node = _expanded(account, node, [], path)
    if node is None:
        return None
    if not isinstance(node, dict) or steps[0] not in node:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    # Copied, so that what is stored keeps its ids.
    return {**node, steps[0]: _expanded(account, node[steps[0]], steps[1:], path)}
