"""Looks that are due and answers that are kept for them, on both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest

from canonical.facts import ContractFacts
from canonical.gathering import (
    LOOKS_PAGE,
    AnswersWanted,
    Asked,
    KeptAnswer,
    LooksPlace,
    RenewalSource,
    Round,
)
from canonical.renewal import RenewalOutcome
from ledger.answers import SqlAnswers
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.looks import SqlLooks
from ledger.models.portfolio import renewals
from ledger.records import Records
from tests.domain.portfolio import GLOBEX, RENEWS
from tests.ledger.clocks import Clock
from tests.sources import MemorySource

DAY = date(2026, 3, 2)
FIVE = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENTS = Asked(source=RenewalSource.INCIDENTS, request={"account_id": GLOBEX, "today": "today"})
ADOPTION = Asked(source=RenewalSource.ADOPTION, request=INCIDENTS.request)


@pytest.fixture
def book(db: Database) -> SqlAnswers:
    """An empty book."""
    return SqlAnswers(db)


async def answer(book: SqlAnswers, at: datetime, said: str, asked: Asked = INCIDENTS) -> None:
    """The support desk answers in a round."""
    round_ = Round(connection="zendesk", at=at, asked=[asked])
    await book.keep(round_, [KeptAnswer(asked=asked, body={"said": said})])


async def found(book: SqlAnswers, since: datetime, *asked: Asked) -> list[tuple[str, str]]:
    """What is on record for Globex since a moment."""
    wanted = AnswersWanted(
        account_id=GLOBEX,
        connection="billing",
        contract_id="sub_globex",
        since=since,
        asked={"zendesk": list(asked or (INCIDENTS,))},
    )
    return [(one.source.name, one.body["said"]) for one in (await book.answers(wanted)).found]


async def test_an_answer_is_found_by_its_question(book: SqlAnswers) -> None:
    """The newest; another question of the same words is another question."""
    await answer(book, FIVE, "three cases")
    await answer(book, FIVE + HOUR / 2, "two cases")

    assert await found(book, FIVE - HOUR) == [("INCIDENTS", "two cases")]
    assert await found(book, FIVE - HOUR, ADOPTION) == []


async def test_an_answer_that_is_too_old_is_none(book: SqlAnswers) -> None:
    """Whoever looks says how old it may be."""
    await answer(book, FIVE, "three cases")
    assert await found(book, FIVE + HOUR) == []


@pytest.mark.parametrize(
    ("read", "contract_id", "account_id", "holds"),
    [
        (-60, "sub_globex", GLOBEX, True),
        (60, "sub_globex", GLOBEX, False),
        (60, "sub_globex", "", False),
        (60, "sub_hooli", GLOBEX, False),
        (60, "sub_hooli", "hooli", True),
    ],
)
async def test_an_answer_holds_while_nothing_is_read_of_account_and_contract(
    db: Database,
    book: SqlAnswers,
    clock: Clock,
    read: float,
    contract_id: str,
    account_id: str,
    holds: bool,
) -> None:
    """A record that was read after the round may have changed what was answered."""
    await answer(book, FIVE, "three cases")
    clock.now = FIVE + timedelta(seconds=read)
    contract = ContractFacts(
        id=contract_id, version="v1", changed_at=FIVE, account_id=account_id,
        status="active", terms_digest="t1",
    )  # fmt: skip
    await Inbox(db).store(MemorySource().change(contract))
    (hint,) = await Inbox(db).pending(1, source="billing")
    await Records(db, clock=clock).take(hint, contract)

    assert bool(await found(book, FIVE - HOUR)) is holds


async def test_answers_are_forgotten_after_a_day(db: Database, book: SqlAnswers) -> None:
    """Each day's questions are its own, and would pile up."""
    await answer(book, FIVE, "three cases")
    await answer(book, FIVE + timedelta(days=1, minutes=1), "fine", ADOPTION)

    assert await found(book, FIVE - HOUR, INCIDENTS, ADOPTION) == [("ADOPTION", "fine")]


async def clock_of(db: Database, contract_id: str, **differs: object) -> None:
    """A contract's clock is on record, which is looked at on the day."""
    row: dict[str, object] = {
        "connection": "billing", "contract_id": contract_id, "account_id": GLOBEX,
        "opportunity_id": "", "legal_entity": "US01", "renews_on": RENEWS, "decided_by": "term",
        "next_look": DAY, "state": "waiting", "forecast": "", "outcome": "", "snapshot_id": "",
        "terms_version": "v1", "workflow_id": contract_id, "updated_at": FIVE,
    }  # fmt: skip
    await db.run(lambda s: s.connection().execute(renewals.insert().values(row | differs)))


async def test_the_looks_of_a_day_are_found_page_by_page(db: Database) -> None:
    """In an order; each once."""
    for number in range(LOOKS_PAGE + 1):
        await clock_of(db, f"sub_{number:03}")
    looks = SqlLooks(db)

    first = await looks.looks(LooksPlace(day=DAY))
    after = LooksPlace(day=DAY, connection="billing", contract_id=first[-1].contract_id)
    rest = await looks.looks(after)

    assert [one.contract_id for one in [*first, *rest]] == [
        f"sub_{number:03}" for number in range(LOOKS_PAGE + 1)
    ]
    assert len(first) == LOOKS_PAGE


async def test_only_renewals_that_are_looked_at_are_asked_about(db: Database) -> None:
    """Not those of another day, nor those that are decided or have nothing to renew."""
    await clock_of(db, "open", state="ready")
    await clock_of(db, "waiting")
    await clock_of(db, "tomorrow", next_look=DAY + timedelta(days=1))
    await clock_of(db, "won", state="closed", outcome=RenewalOutcome.WON.value)
    await clock_of(db, "evergreen", renews_on=None)

    due = await SqlLooks(db).looks(LooksPlace(day=DAY))

    assert [(one.contract_id, one.seen) for one in due] == [("open", True), ("waiting", False)]
