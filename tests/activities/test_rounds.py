"""A round puts many questions to one connection, and keeps what it answered."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.rounds import ANSWER_BYTES_MAX, RoundActivities
from canonical.errors import NotFound, TielineError, Unavailable
from canonical.gathering import AnswersWanted, Asked, Gathered, RenewalSource, Round
from canonical.renewal import IncidentFacts
from canonical.risk_messages import AccountQuestion
from ledger.answers import SqlAnswers
from ledger.database import Database

NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)


def question(account: str) -> Asked:
    """What support is asked of an account."""
    request = AccountQuestion(account_id=account, today=DAY, since=DAY)
    return Asked(source=RenewalSource.INCIDENTS, request=request.model_dump(mode="json"))


class Desk:
    """A support desk that refuses or is away for some accounts."""

    def __init__(self, **troubles: TielineError) -> None:
        self.troubles = troubles
        self.asked: list[str] = []

    async def incidents(self, asked: AccountQuestion) -> IncidentFacts:
        """What it says."""
        self.asked.append(asked.account_id)
        if trouble := self.troubles.get(asked.account_id):
            raise trouble
        return IncidentFacts(account_id=asked.account_id, as_of=NOW, opened=len(asked.account_id))


Put = Callable[..., Awaitable[Gathered]]


@pytest.fixture
def put(db: Database) -> Put:
    """Puts a question about each account to a desk."""

    async def asks(desk: Desk, *accounts: str) -> Gathered:
        rounds = RoundActivities(SqlAnswers(db), {RenewalSource.INCIDENTS: desk.incidents})
        round_ = Round(connection="zendesk", at=NOW, asked=[question(one) for one in accounts])
        gathered: Gathered = await ActivityEnvironment().run(rounds.gather, round_)
        return gathered

    return asks


async def kept(db: Database, *accounts: str) -> list[IncidentFacts]:
    """The answers that are on record since a minute before."""
    wanted = AnswersWanted(
        account_id=accounts[0],
        connection="billing",
        contract_id="sub_globex",
        since=NOW.replace(hour=4),
        asked={"zendesk": [question(one) for one in accounts]},
    )
    found = (await SqlAnswers(db).answers(wanted)).found
    return sorted(
        (IncidentFacts.model_validate(one.body) for one in found), key=lambda f: f.account_id
    )


async def test_every_answer_is_kept_under_its_question(db: Database, put: Put) -> None:
    """As the process would have heard it."""
    assert await put(Desk(), "a", "bb", "ccc") == Gathered(answered=3)
    assert [(one.account_id, one.opened) for one in await kept(db, "a", "bb", "ccc")] == [
        ("a", 1), ("bb", 2), ("ccc", 3),
    ]  # fmt: skip


async def test_an_account_that_is_not_known_holds_no_other(db: Database, put: Put) -> None:
    """Its process asks, and says that it is not known."""
    desk = Desk(bb=NotFound("no organization bb", about="bb"))
    assert await put(desk, "a", "bb", "ccc") == Gathered(answered=2, unanswered=1)
    assert [one.account_id for one in await kept(db, "a", "bb", "ccc")] == ["a", "ccc"]


async def test_a_system_that_is_away_is_not_asked_on(put: Put) -> None:
    """A hundred questions to it would each wait for their time-out."""
    accounts = [f"account-{number:02}" for number in range(40)]
    desk = Desk(**{one: Unavailable("502", about="zendesk") for one in accounts})
    gathered = await put(desk, *accounts)
    assert gathered == Gathered(unanswered=40)
    assert len(desk.asked) <= 8


async def test_an_answer_too_long_for_a_history_is_left_to_its_process(put: Put) -> None:
    """It is asked alone, and may carry more."""
    long = "a" * ANSWER_BYTES_MAX
    assert await put(Desk(), "bb", long) == Gathered(answered=1, unanswered=1)


async def test_a_round_ends_in_time(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has not asked by then, the processes ask."""
    monkeypatch.setattr("activities.rounds.SECONDS_MAX", 0.0)
    desk = Desk()
    assert await put(desk, "a", "bb") == Gathered(unanswered=2)
    assert desk.asked == []
