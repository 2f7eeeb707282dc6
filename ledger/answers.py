"""What was answered in rounds, kept for as long as a process may still look by it."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, delete, func, or_, select
from sqlmodel import Session

from canonical.facts import Kind
from canonical.gathering import Answers, AnswersWanted, GatheredAnswer, KeptAnswer, Round
from ledger.database import Database
from ledger.models.intake import subjects
from ledger.models.portfolio import answers
from ledger.upserts import Upsert

KEPT = timedelta(days=1)
_KEY = [answers.c.connection, answers.c.question]
_PUT = Upsert(
    answers,
    lambda insert: insert.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: insert.excluded[name] for name in ("asked_at", "body")},
    ),
)


class SqlAnswers:
    """`canonical.gathering.AnswerBook` over a ledger."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def keep(self, round_: Round, kept: Sequence[KeptAnswer]) -> None:
        """Keep the answers of a round, and forget those that nobody looks by any more."""
        await self._db.run(lambda s: _keep(s, round_, kept))

    async def answers(self, wanted: AnswersWanted) -> Answers:
        """The answers on record that still hold."""
        return await self._db.read(lambda s: _answers(s, wanted))


def _keep(session: Session, round_: Round, kept: Sequence[KeptAnswer]) -> None:
    is_over = answers.c.asked_at < round_.at - KEPT
    ours = answers.c.connection == round_.connection
    session.connection().execute(delete(answers).where(ours, is_over))
    for one in kept:
        row = {"connection": round_.connection, "question": one.asked.digest}
        _PUT.run(session, row | {"asked_at": round_.at, "body": one.body})


def _answers(session: Session, wanted: AnswersWanted) -> Answers:
    asked = {
        (connection, one.digest): one
        for connection, several in wanted.asked.items()
        for one in several
    }
    # By its whole key: a morning asks this for each of its looks.
    is_contract = and_(
        subjects.c.connection == wanted.connection,
        subjects.c.kind == Kind.CONTRACT.value,
        subjects.c.subject_id == wanted.contract_id,
    )
    read_at = (
        select(func.max(subjects.c.recorded_at))
        .where(or_(subjects.c.account_id == wanted.account_id, is_contract))
        .scalar_subquery()
    )
    rows = session.connection().execute(
        select(answers.c.connection, answers.c.question, answers.c.body).where(
            answers.c.connection.in_(wanted.asked),
            answers.c.question.in_({question for _, question in asked}),
            answers.c.asked_at > wanted.since,
            answers.c.asked_at > func.coalesce(read_at, wanted.since),
        )
    )
    return Answers(
        found=[
            GatheredAnswer(
                source=asked[row.connection, row.question].source,
                connection=row.connection,
                body=row.body,
            )
            for row in rows
            if (row.connection, row.question) in asked
        ]
    )
