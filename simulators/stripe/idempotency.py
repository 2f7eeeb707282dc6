"""Idempotency keys: the first result of a key is kept for a day and told again."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from simulators.stripe.errors import MESSAGES, StripeError

KEPT_SECONDS = 24 * 3600
KEY_CHARACTERS_MAX = 255


@dataclass
class Result:
    """What a key's first request was and, once it is over, what it answered."""

    fingerprint: int
    at: float
    request_id: str
    status: int | None = None
    body: bytes = b""


def fingerprint(method: str, path: str, body: bytes) -> int:
    """The same for requests with the same parameters, in whatever order they were sent."""
    return hash((method, path, tuple(sorted(parse_qsl(body, keep_blank_values=True)))))


class KeyStore:
    """The results by key, the oldest first so that pruning never looks at them all."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.results: dict[str, Result] = {}

    def find(self, key: str, mark: int) -> Result | None:
        """The finished result of this key; refuses another request's key and one in progress."""
        self._prune()
        result = self.results.get(key)
        if result is None:
            return None
        if result.fingerprint != mark:
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request.",
                kind="idempotency_error",
            )
        if result.status is None:
            message = MESSAGES["idempotency_key_in_use"]
            raise StripeError(
                message, status=409, kind="idempotency_error", code="idempotency_key_in_use"
            )
        return result

    def begin(self, key: str, mark: int, request_id: str) -> Result:
        """Hold the key while its request runs."""
        if len(key) > KEY_CHARACTERS_MAX:
            raise StripeError(
                f"Idempotency keys can have up to {KEY_CHARACTERS_MAX} characters.",
                kind="idempotency_error",
            )
        result = Result(mark, self.now(), request_id)
        self.results[key] = result
        return result

    def forget(self, key: str) -> None:
        """Give the key back: its request was refused before anything was done."""
        self.results.pop(key, None)

    def _prune(self) -> None:
        horizon = self.now() - KEPT_SECONDS
        while self.results:
            oldest = next(iter(self.results))
            if self.results[oldest].at > horizon:
                return
            del self.results[oldest]
