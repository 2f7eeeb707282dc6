"""The looks at renewals that are due on a day, by the clocks on record."""

from collections.abc import Sequence

from sqlalchemy import select, tuple_

from canonical.gathering import LOOKS_PAGE, LooksPlace, ScheduledLook
from ledger.clocks import WAITING
from ledger.database import Database
from ledger.models.portfolio import renewals


class SqlLooks:
    """`canonical.gathering.LookBook` over a ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def looks(self, after: LooksPlace) -> Sequence[ScheduledLook]:
        """The renewals that are looked at on the place's day, after it."""
        wanted = (
            select(renewals)
            .where(
                renewals.c.next_look == after.day,
                renewals.c.renews_on.is_not(None),
                renewals.c.outcome == "",
                tuple_(renewals.c.connection, renewals.c.contract_id)
                > (after.connection, after.contract_id),
            )
            .order_by(renewals.c.connection, renewals.c.contract_id)
            .limit(LOOKS_PAGE)
        )
        rows = await self._db.read(lambda s: s.connection().execute(wanted).mappings().all())
        return [
            ScheduledLook.model_validate(dict(row) | {"seen": row["state"] != WAITING})
            for row in rows
        ]
