"""Record ids in Salesforce's shape: 15 case-sensitive characters and 3 of case checksum."""

import re

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5]{3})?")


def checksum(id15: str) -> str:
    """The suffix that tells two ids apart when case is lost."""
    return "".join(
        _SUFFIX[sum(1 << bit for bit in range(5) if id15[start + bit].isupper())]
        for start in (0, 5, 10)
    )


def canonical_id(value: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when it is neither."""
    if not _SHAPE.fullmatch(value):
        return None
    full = value[:15] + checksum(value)
    return full if len(value) == 15 or value == full else None


class IdCounter:
    """Gives ids in sequence, per key prefix; the seed keeps two orgs' ids apart."""

    def __init__(self, seed: int) -> None:
        self._instance = _base62(seed % 62**4, 4)
        self._next: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        """A fresh 18-character id for a 3-character object prefix."""
        number = self._next.get(prefix, 0) + 1
        self._next[prefix] = number
        id15 = f"{prefix}{self._instance}{_base62(number, 8)}"
        return id15 + checksum(id15)


def _base62(number: int, width: int) -> str:
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
