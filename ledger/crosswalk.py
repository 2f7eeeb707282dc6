"""The identity crosswalk: what each system calls our subjects, now and before."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from canonical.effects import Subject
from ledger.database import Database
from ledger.models.effects import crosswalk as rows

_OF_SUBJECT = (
    (rows.c.connection == bindparam("of_connection"))
    & (rows.c.kind == bindparam("of_kind"))
    & (rows.c.subject_kind == bindparam("of_subject_kind"))
    & (rows.c.subject_id == bindparam("of_subject_id"))
)
_CURRENT = select(rows.c.id, rows.c.external_id).where(_OF_SUBJECT, rows.c.valid_to.is_(None))
_END = update(rows).where(rows.c.id == bindparam("row_id"))
_END_OF_EFFECT = update(rows).where(
    rows.c.effect_key == bindparam("of_effect"), rows.c.valid_to.is_(None)
)
_INSERT = insert(rows)


class CrosswalkEntry(BaseModel):
    """One name of one subject in one system; current while `valid_to` is empty."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    connection: str
    kind: str
    subject_kind: str
    subject_id: str
    external_id: str
    effect_key: str
    valid_from: datetime
    valid_to: datetime | None


def _key(connection: str, kind: str, subject: Subject) -> dict[str, str]:
    return {
        "of_connection": connection,
        "of_kind": kind,
        "of_subject_kind": subject.kind,
        "of_subject_id": subject.id,
    }


def put(
    session: Session,
    connection: str,
    kind: str,
    subject: Subject,
    external_id: str,
    effect_key: str,
    at: datetime,
) -> None:
    """Make `external_id` the current one, ending another; the same again changes nothing."""
    database = session.connection()
    current = database.execute(_CURRENT, _key(connection, kind, subject)).first()
    if current is not None:
        if current.external_id == external_id:
            return
        database.execute(_END, {"row_id": current.id, "valid_to": at})
    row = {"connection": connection, "kind": kind, "external_id": external_id}
    row |= {"subject_kind": subject.kind, "subject_id": subject.id, "effect_key": effect_key}
    database.execute(_INSERT, row | {"valid_from": at})


def end_of_effect(session: Session, effect_key: str, at: datetime) -> None:
    """End what an effect brought in, if it is still current."""
    session.connection().execute(_END_OF_EFFECT, {"of_effect": effect_key, "valid_to": at})


def current(session: Session, connection: str, kind: str, subject: Subject) -> str | None:
    """The current external id of a subject."""
    found = session.connection().execute(_CURRENT, _key(connection, kind, subject)).first()
    return found.external_id if found else None


async def subject_of(db: Database, connection: str, kind: str, external_id: str) -> Subject | None:
    """Whom a vendor's record is about; the newest when it was reassigned."""
    statement = (
        select(rows.c.subject_kind, rows.c.subject_id)
        .where(
            rows.c.connection == connection,
            rows.c.kind == kind,
            rows.c.external_id == external_id,
            rows.c.valid_to.is_(None),
        )
        .order_by(rows.c.id.desc())
        .limit(1)
    )
    found = await db.read(lambda session: session.connection().execute(statement).first())
    return Subject(kind=found.subject_kind, id=found.subject_id) if found else None


async def history(db: Database, subject: Subject) -> list[CrosswalkEntry]:
    """Every name a subject has or had, in any system, in the order they began (R10)."""
    statement = (
        select(rows)
        .where(rows.c.subject_kind == subject.kind, rows.c.subject_id == subject.id)
        .order_by(rows.c.valid_from, rows.c.id)
    )
    found = await db.read(lambda session: session.connection().execute(statement).all())
    return [CrosswalkEntry.model_validate(row) for row in found]
