"""The audit chain: each row's hash covers the one before it, so that no past can be changed.

h(n) = SHA-256(h(n-1) || RFC 8785 canonical JSON of row n), h(0) = 64 zeros. A head row tells when
the tail was cut off; a checkpoint kept elsewhere tells when the head was rewritten as well.
"""

import hashlib
from datetime import UTC, datetime
from typing import IO, Any

import orjson
import rfc8785
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, insert, select, update
from sqlmodel import Session

from ledger.database import Database
from ledger.models.evidence import audit_head, audit_rows

GENESIS = "0" * 64
ROWS_PER_CHUNK = 1000
HEAD_ID = 1

_READ_HEAD = (
    select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == HEAD_ID).with_for_update()
)
_MOVE_HEAD = update(audit_head).where(audit_head.c.id == HEAD_ID)
_APPEND = insert(audit_rows)


class Checkpoint(BaseModel):
    """The chain's end at some moment, to be kept where the ledger's administrators cannot write."""

    model_config = ConfigDict(frozen=True)

    seq: int
    hash: str


class AuditReport(BaseModel):
    """What verification found: rows that hold, and the first that does not."""

    model_config = ConfigDict(frozen=True)

    rows: int
    ok: bool
    first_bad_seq: int | None = None
    reason: str = ""


class AuditEntry(BaseModel):
    """One row of the chain."""

    model_config = ConfigDict(frozen=True)

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    body: Any
    hash: str

    def hash_after(self, previous: str) -> str:
        """The hash this row must have when the one before it has `previous`."""
        return _chained(
            previous, self.seq, self.at, self.actor, self.action, self.subject, self.body
        )


def _chained(
    previous: str, seq: int, at: datetime, actor: str, action: str, subject: str, body: Any
) -> str:
    row = {
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": actor,
        "action": action,
        "subject": subject,
        "body": body,
    }
    return hashlib.sha256(previous.encode() + rfc8785.dumps(row)).hexdigest()


def hold_head(session: Session) -> None:
    """Keep every other writer of the chain, and of events, out until the commit."""
    session.connection().execute(_READ_HEAD)


def append(
    session: Session, actor: str, action: str, subject: str, body: dict[str, Any], at: datetime
) -> int:
    """Add a row within the caller's transaction; returns its number.

    `actor` is a workflow id or a person. On PostgreSQL the head stays locked until the commit, so
    call this late in a transaction.
    """
    connection = session.connection()
    last, previous = connection.execute(_READ_HEAD).one()
    seq: int = last + 1
    now = _chained(previous, seq, at, actor, action, subject, body)
    row = {"seq": seq, "at": at, "actor": actor, "action": action, "subject": subject}
    connection.execute(_APPEND, row | {"body": rfc8785.dumps(body).decode(), "hash": now})
    connection.execute(_MOVE_HEAD, {"seq": seq, "hash": now})
    return seq


def _head(session: Session) -> tuple[Checkpoint, int]:
    connection = session.connection()
    seq, digest = connection.execute(select(audit_head.c.seq, audit_head.c.hash)).one()
    newest = connection.execute(select(func.coalesce(func.max(audit_rows.c.seq), 0))).scalar_one()
    return Checkpoint(seq=seq, hash=digest), newest


def _chunk(session: Session, after: int, upto: int) -> list[AuditEntry]:
    rows = session.connection().execute(
        select(audit_rows)
        .where(audit_rows.c.seq > after, audit_rows.c.seq <= upto)
        .order_by(audit_rows.c.seq)
        .limit(ROWS_PER_CHUNK)
    )
    return [AuditEntry(**(dict(row._mapping) | {"body": orjson.loads(row.body)})) for row in rows]


class _Verifier:
    """Walks a chain row by row and remembers the first row that does not hold."""

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self.end = Checkpoint(seq=0, hash=GENESIS)
        self.bad: tuple[int, str] | None = None
        self._checkpoint = checkpoint
        self._check_against_checkpoint()

    def take(self, entry: AuditEntry) -> bool:
        """Check one more row; False once the chain is broken."""
        expected = self.end.seq + 1
        if entry.seq > expected:
            self.bad = (expected, f"row {expected} is missing")
        elif entry.seq < expected:
            self.bad = (entry.seq, f"row {entry.seq} stands out of order")
        elif entry.hash_after(self.end.hash) != entry.hash:
            self.bad = (entry.seq, f"row {entry.seq} was changed, or moved from another place")
        else:
            self.end = Checkpoint(seq=entry.seq, hash=entry.hash)
            self._check_against_checkpoint()
        return self.bad is None

    def _check_against_checkpoint(self) -> None:
        kept = self._checkpoint
        if kept and self.end.seq == kept.seq and self.end.hash != kept.hash:
            self.bad = (kept.seq, f"row {kept.seq} differs from the checkpoint: it was rewritten")

    def finish(self, head: Checkpoint) -> AuditReport:
        """Compare the end that was reached with the head, and with the checkpoint."""
        missing = self.end.seq + 1
        last = max(head.seq, self._checkpoint.seq if self._checkpoint else 0)
        if self.bad is None and self.end.seq < last:
            self.bad = (missing, f"rows {missing} to {last} are missing from the end")
        if self.bad is None and self.end != head:
            self.bad = (head.seq, f"row {head.seq} differs from the head of the chain")
        if self.bad is None:
            return AuditReport(rows=self.end.seq, ok=True)
        seq, reason = self.bad
        return AuditReport(rows=self.end.seq, ok=False, first_bad_seq=seq, reason=reason)


async def verify(db: Database, checkpoint: Checkpoint | None = None) -> AuditReport:
    """Recompute the whole chain, a bounded number of rows at a time."""
    head, newest = await db.read(_head)
    verifier = _Verifier(checkpoint)
    while verifier.bad is None and verifier.end.seq < head.seq:
        after = verifier.end.seq
        entries = await db.read(lambda session: _chunk(session, after, head.seq))  # noqa: B023
        if not entries:
            break
        all(verifier.take(entry) for entry in entries)
    if verifier.bad is None and newest > head.seq:
        verifier.bad = (head.seq + 1, f"row {head.seq + 1} was added behind the head's back")
    return verifier.finish(head)


async def export(db: Database, file: IO[bytes]) -> Checkpoint:
    """Write every row as a line of JSON, and a checkpoint as the last line; returns it."""
    head, _ = await db.read(_head)
    after = 0
    while after < head.seq:
        entries = await db.read(lambda session: _chunk(session, after, head.seq))  # noqa: B023
        if not entries:
            break
        file.writelines(entry.model_dump_json().encode() + b"\n" for entry in entries)
        after = entries[-1].seq
    file.write(orjson.dumps({"checkpoint": head.model_dump()}) + b"\n")
    return head


def verify_file(file: IO[bytes], checkpoint: Checkpoint | None = None) -> AuditReport:
    """Verify an exported chain; a file that does not end in a checkpoint is incomplete."""
    verifier = _Verifier(checkpoint)
    for line in file:
        read = _read(line)
        if isinstance(read, Checkpoint):
            return verifier.finish(read)
        if read is None:
            row = verifier.end.seq + 1
            verifier.bad = (row, f"where row {row} should be is a line that is no row of an audit")
        if read is None or not verifier.take(read):
            return verifier.finish(verifier.end)
    missing = verifier.end.seq + 1
    verifier.bad = (missing, f"the file ends after row {missing - 1} without a checkpoint")
    return verifier.finish(verifier.end)


def _read(line: bytes) -> AuditEntry | Checkpoint | None:
    """What a line of an exported chain holds; None for anything else."""
    try:
        value = orjson.loads(line)
        if isinstance(value, dict) and "checkpoint" in value:
            return Checkpoint.model_validate(value["checkpoint"])
        return AuditEntry.model_validate(value)
    except ValueError:
        return None
