"""What came back from a vendor, before anyone has judged it."""

import json as exact_json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import orjson

from canonical.errors import Malformed, OutcomeUnknown, TielineError


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header names are lower case, `path` has no query string.

    `json` and `exact` raise Malformed for a body that is not JSON, or OutcomeUnknown when the
    request was a write, which may stand although its answer cannot be read.
    """

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    write: bool = False

    @property
    def ok(self) -> bool:
        """Whether the status says success."""
        return 200 <= self.status < 300

    @cached_property
    def json(self) -> Any:
        """The body; numbers with a fraction become floats, so not for money."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise self.unreadable("not JSON") from None

    @cached_property
    def exact(self) -> Any:
        """The body with every fraction as a `Decimal`."""
        try:
            return exact_json.loads(self.body, parse_float=Decimal)
        except ValueError:
            raise self.unreadable("not JSON") from None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def unreadable(self, why: str) -> TielineError:
        """The error for an answer that cannot be understood."""
        kind = OutcomeUnknown if self.write else Malformed
        details = {"status": self.status, "content_type": self.headers.get("content-type", "")}
        return kind(f"{self.method} {self.path}: the answer is {why}", details=details)


@dataclass(frozen=True)
class VendorError:
    """What a vendor says went wrong, in its own code and words."""

    code: str = ""
    message: str = ""
    param: str = ""
