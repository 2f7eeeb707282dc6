"""A place in the opportunities' change feed: where a pass stands, and when it began."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

import orjson

from adapters.salesforce.mapping import moment_of, stamp_of, to_salesforce_stamp
from canonical.errors import CursorExpired

# A record's stamp is set when it is saved, but nobody sees it before its transaction is committed.
# Apex ends a transaction after ten minutes at most, so a pass begins that much before the last one.
OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """`at` is the stamp from which the next query reads; with `after` only behind this id.

    `began` is Salesforce's time at the first page of a pass, empty between two passes: what is
    committed late while a long pass goes on lies behind it, and the next pass begins before that.
    """

    at: str
    after: str = ""
    began: str = ""

    @classmethod
    def since(cls, moment: datetime) -> Self:
        """Between two passes, with everything from a moment on still to be told."""
        return cls(to_salesforce_stamp(moment))

    @classmethod
    def read(cls, cursor: str) -> Self:
        """The place that a cursor names; raises CursorExpired when it names none."""
        try:
            told: dict[str, Any] = orjson.loads(cursor)
            place = cls(**{name: str(value) for name, value in told.items()})
            moment_of(place.at)
        except (AttributeError, TypeError, ValueError):
            raise CursorExpired("this is no place in Salesforce's change feed") from None
        return place

    @property
    def cursor(self) -> str:
        """The place as text."""
        return orjson.dumps(asdict(self)).decode()

    def behind(self, row: dict[str, Any], asked: datetime) -> Self:
        """The place after a row of a page that is followed by another."""
        began = self.began or to_salesforce_stamp(asked)
        return replace(self, at=stamp_of(row), after=str(row["Id"]), began=began)

    def end(self, asked: datetime) -> Self:
        """The place after the last page of a pass: its beginning, less the overlap."""
        if self.began:
            return type(self).since(moment_of(self.began) - OVERLAP)
        return type(self).since(max(asked - OVERLAP, moment_of(self.at)))

    @property
    def complete_to(self) -> datetime:
        """Up to when everything has been told that will still be committed with such a stamp."""
        at = moment_of(self.at)
        return min(at, moment_of(self.began) - OVERLAP) if self.began else at
