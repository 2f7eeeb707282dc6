"""Salesforce record ids: always the 18 characters that survive systems which ignore case."""

import re

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def id18(value: str) -> str | None:
    """The 18-character form of a record id; None when it is no record id.

    The last three characters say which of the first fifteen are upper case.
    """
    if not re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", value):
        return None
    base = value[:15]
    chunks = (base[start : start + 5] for start in (0, 5, 10))
    return base + "".join(
        _ALPHABET[sum(1 << place for place, sign in enumerate(chunk) if sign.isupper())]
        for chunk in chunks
    )
