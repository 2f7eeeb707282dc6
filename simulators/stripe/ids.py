"""Ids in Stripe's shapes: a prefix and characters that look random but follow from the seed."""

import hashlib

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHORT, _LONG = 14, 24
_LENGTHS = {"cus": _SHORT, "prod": _SHORT, "si": _SHORT, "req": _SHORT}


class IdCounter:
    """Gives the nth id of each prefix; the same seed gives the same ids."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._next: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        """A fresh id such as `cus_…` or `sub_1…`."""
        count = self._next.get(prefix, 0) + 1
        self._next[prefix] = count
        digest = hashlib.blake2b(f"{self._seed}/{prefix}/{count}".encode(), digest_size=18).digest()
        number, letters = int.from_bytes(digest, "big"), []
        for _ in range(_LENGTHS.get(prefix, _LONG)):
            number, digit = divmod(number, 62)
            letters.append(_BASE62[digit])
        tail = "".join(letters)
        return f"{prefix}_{tail}" if prefix in _LENGTHS else f"{prefix}_1{tail[1:]}"
