"""How long the process of an account's late payments is put off: while it would tell nobody.

By the record alone, which costs Temporal nothing; what is believed is still what the owner of the
invoices says at the first look. A process that was put off begins sooner only when it is started
again, as by further trouble: whatever else it is told, a payment say, waits until it begins.
"""

from datetime import datetime, timedelta

from canonical.events import OutboxEvent
from canonical.risk import RiskLevel
from domain.judge import CatalogueJudge
from ledger.database import Database
from ledger.families import has_others_below
from ledger.views.positions import positions_of
from workers.beginnings import Beginnings
from workflows.watching import morning


async def grace_left(
    db: Database, beginnings: Beginnings, event: OutboxEvent, now: datetime
) -> timedelta | None:
    """How long it is to the morning on which a first invoice of the account is past its grace; None
    to begin at once.

    It begins at once where anything is a risk already, where the event's invoice is not on record
    as open, and where others are below the account: what they tell it must not wait.
    """
    body = event.body
    account_id = body["account_id"]
    on_record = await positions_of(db, beginnings.invoice_sources(), [account_id])
    judge = CatalogueJudge(beginnings.catalogue)
    found = judge.risk(account_id, on_record[account_id].own, [], None, now.date())
    known = {(one.connection, one.invoice_id) for one in found.invoices}
    is_known = (body.get("connection"), body.get("external_id")) in known
    begins_at = morning(found.changes_on)
    if begins_at is None or found.level is not RiskLevel.NONE or not is_known:
        return None
    if await has_others_below(db, account_id):
        return None
    return begins_at - now
