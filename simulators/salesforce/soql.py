"""The SOQL the simulator reads: a tokenizer and a recursive-descent parser to a small tree."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from simulators.salesforce.errors import SalesforceError

QUERY_CHARACTERS_MAX = 100_000

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
  | (?P<date>\d{4}-\d\d-\d\d)
  | (?P<number>[+-]?\d+(?:\.\d+)?)
  | (?P<name>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)
  | (?P<mark><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_COMPARISONS = ("=", "!=", "<>", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Literals:
    """A literal of a condition: its kind decides which fields it may be compared with."""

    kind: Literal["string", "number", "boolean", "null", "date", "datetime"]
    value: Any


@dataclass(frozen=True)
class Comparison:
    """field operator literal(s); `in` and `not in` carry several."""

    path: tuple[str, ...]
    operator: str
    literals: tuple[Literals, ...]


@dataclass(frozen=True)
class Junction:
    """Conditions joined by and / or; `not` holds one."""

    operator: Literal["and", "or", "not"]
    parts: tuple["Condition", ...]


Condition = Comparison | Junction


@dataclass(frozen=True)
class Order:
    """One term of ORDER BY."""

    path: tuple[str, ...]
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True)
class Select:
    """One query; `children` are its subqueries, whose `source` is a child relationship."""

    source: str
    fields: tuple[tuple[str, ...], ...]
    children: tuple["Select", ...] = ()
    count: bool = False
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def malformed(message: str) -> SalesforceError:
    """A query that cannot be read."""
    return SalesforceError(400, "MALFORMED_QUERY", message)


@dataclass
class _Tokens:
    text: str
    items: list[tuple[str, str]] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise malformed(
                    f"unexpected token: '{self.text[position : position + 20].strip()}'"
                )
            self.items.append((match.lastgroup or "", match[match.lastgroup or 0]))
            position = match.end()

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        """The token to come; ("end", "") after the last."""
        at = self.at + ahead
        return self.items[at] if at < len(self.items) else ("end", "")

    def take(self) -> tuple[str, str]:
        """The next token, used up."""
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Use up these words when they come next; keywords ignore case."""
        for ahead, word in enumerate(words):
            kind, text = self.peek(ahead)
            if kind not in ("name", "mark") or text.lower() != word:
                return False
        self.at += len(words)
        return True

    def expect(self, word: str) -> None:
        """Use up this word or refuse the query."""
        if not self.accept(word):
            raise malformed(f"expecting '{word}', found '{self.peek()[1] or '<EOF>'}'")

    def name(self) -> tuple[str, ...]:
        """A dotted name."""
        kind, text = self.take()
        if kind != "name":
            raise malformed(f"unexpected token: '{text or '<EOF>'}'")
        return tuple(text.split("."))

    def whole_number(self) -> int:
        """The number after LIMIT or OFFSET."""
        kind, text = self.take()
        if kind != "number" or not text.isdigit():
            raise malformed(f"unexpected token: '{text or '<EOF>'}'")
        return int(text)


@lru_cache(maxsize=2048)
def parse(text: str) -> Select:
    """A query's tree; raises MALFORMED_QUERY."""
    if len(text) > QUERY_CHARACTERS_MAX:
        raise SalesforceError(400, "QUERY_TOO_COMPLICATED", "SOQL statements is too long")
    tokens = _Tokens(text)
    select = _select(tokens)
    if tokens.peek()[0] != "end":
        raise malformed(f"unexpected token: '{tokens.peek()[1]}'")
    return select


def _select(tokens: _Tokens) -> Select:
    tokens.expect("select")
    fields: list[tuple[str, ...]] = []
    children: list[Select] = []
    count = tokens.accept("count", "(", ")")
    while not count:
        if tokens.accept("("):
            children.append(_select(tokens))
            tokens.expect(")")
        else:
            fields.append(tokens.name())
        if not tokens.accept(","):
            break
    tokens.expect("from")
    (source,) = tokens.name()[:1]
    where = _either(tokens) if tokens.accept("where") else None
    order = _order(tokens) if tokens.accept("order", "by") else ()
    limit = tokens.whole_number() if tokens.accept("limit") else None
    offset = tokens.whole_number() if tokens.accept("offset") else 0
    return Select(source, tuple(fields), tuple(children), count, where, order, limit, offset)


def _either(tokens: _Tokens) -> Condition:
    first = _both(tokens)
    parts = [first]
    while tokens.accept("or"):
        parts.append(_both(tokens))
    return first if len(parts) == 1 else Junction("or", tuple(parts))


def _both(tokens: _Tokens) -> Condition:
    first = _term(tokens)
    parts = [first]
    while tokens.accept("and"):
        parts.append(_term(tokens))
    return first if len(parts) == 1 else Junction("and", tuple(parts))


def _term(tokens: _Tokens) -> Condition:
    if tokens.accept("not"):
        return Junction("not", (_term(tokens),))
    if tokens.accept("("):
        inner = _either(tokens)
        tokens.expect(")")
        return inner
    path = tokens.name()
    if tokens.accept("not", "in"):
        return Comparison(path, "not in", _list(tokens))
    if tokens.accept("in"):
        return Comparison(path, "in", _list(tokens))
    if tokens.accept("like"):
        return Comparison(path, "like", (_literal(tokens),))
    operator = tokens.take()[1]
    if operator not in _COMPARISONS:
        raise malformed(f"unexpected token: '{operator or '<EOF>'}'")
    return Comparison(path, "!=" if operator == "<>" else operator, (_literal(tokens),))


def _list(tokens: _Tokens) -> tuple[Literals, ...]:
    tokens.expect("(")
    literals = [_literal(tokens)]
    while tokens.accept(","):
        literals.append(_literal(tokens))
    tokens.expect(")")
    return tuple(literals)


def _literal(tokens: _Tokens) -> Literals:
    kind, text = tokens.take()
    if kind == "string":
        unescaped = re.sub(
            r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.DOTALL
        )
        return Literals("string", unescaped)
    if kind == "number":
        return Literals("number", float(text))
    if kind == "date" or kind == "datetime":
        return Literals("date" if kind == "date" else "datetime", text)
    if kind == "name" and text.lower() in ("true", "false"):
        return Literals("boolean", text.lower() == "true")
    if kind == "name" and text.lower() == "null":
        return Literals("null", None)
    raise malformed(f"unexpected token: '{text or '<EOF>'}'")


def _order(tokens: _Tokens) -> tuple[Order, ...]:
    terms: list[Order] = []
    while True:
        path = tokens.name()
        descending = tokens.accept("desc")
        if not descending:
            tokens.accept("asc")
        nulls_last = tokens.accept("nulls", "last")
        if not nulls_last:
            tokens.accept("nulls", "first")
        terms.append(Order(path, descending, nulls_last))
        if not tokens.accept(","):
            return tuple(terms)
