"""Faults that a simulator can be told to show: what goes wrong, on which request, how often."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

FaultKind = Literal[
    "latency",  # answers late by `seconds`
    "throttle",  # 429 (or the vendor's own refusal), `retry_after` seconds when given
    "error_before",  # `status` and nothing was done
    "error_after",  # `status` although the request was carried out
    "lost_response",  # carried out, and the connection breaks before the answer
    "expire_token",  # the vendor's answer to an access token that is no longer valid
    "reject",  # a business refusal with the vendor's error `code` and `message`
    "outage",  # `status` on everything that matches for `seconds` from the moment it is armed
]


@dataclass
class Fault:
    """One armed fault: matches requests by method and path, `times` times (-1: until disarmed)."""

    kind: FaultKind
    method: str = "*"
    path: str = ".*"
    times: int = 1
    probability: float = 1.0
    status: int = 503
    seconds: float = 0.0
    retry_after: float | None = None
    code: str = ""
    message: str = ""
    body: str = ""  # when set, only requests whose body matches this regular expression
    armed_at: float = 0.0
    hits: int = 0

    def matches(self, method: str, path: str, body: bytes) -> bool:
        """Whether this request is one the fault is meant for."""
        if self.method not in ("*", method) or not re.search(self.path, path):
            return False
        return not self.body or re.search(self.body, body.decode("utf-8", "replace")) is not None


@dataclass
class FaultPlan:
    """The faults armed now; `take` says which one a request meets, and uses it up."""

    seed: int = 1
    clock: Callable[[], float] = time.monotonic
    armed: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  repeatable faults, not security

    def arm(self, **fault: Any) -> Fault:
        """Arm a fault; raises TypeError for a field no fault has."""
        armed = Fault(**fault)
        armed.armed_at = self.clock()
        self.armed.append(armed)
        return armed

    def clear(self) -> None:
        """Disarm everything."""
        self.armed.clear()

    def take(self, method: str, path: str, body: bytes) -> Fault | None:
        """The first armed fault this request meets, counted; None when all is well."""
        now = self.clock()
        self.armed = [f for f in self.armed if not self._spent(f, now)]
        for fault in self.armed:
            if fault.matches(method, path, body) and self._chance.random() < fault.probability:
                fault.hits += 1
                return fault
        return None

    @staticmethod
    def _spent(fault: Fault, now: float) -> bool:
        if fault.kind == "outage":
            return now >= fault.armed_at + fault.seconds
        return fault.times >= 0 and fault.hits >= fault.times
