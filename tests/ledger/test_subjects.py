"""What is on record of an account: the newest read of each of its records, page by page."""

import pytest

from canonical.desk import ProcessRecord
from canonical.effects import ProcessRef
from canonical.facts import CaseFacts, ContractFacts, InvoiceFacts
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.records import Records
from ledger.standing import keep_standing
from ledger.views.subjects import account_of_contract, accounts, facts_of, facts_of_all
from tests.sources import MORNING, MemorySource, invoice, usd, version


async def read(db: Database, facts: InvoiceFacts | CaseFacts | ContractFacts) -> None:
    """A record of the source, as it was read."""
    source = MemorySource()
    await Inbox(db).store(source.change(facts))
    (hint,) = await Inbox(db).pending(10, source=source.name)
    await Records(db).take(hint, facts)


async def test_an_account_has_the_newest_read_of_each_of_its_records(db: Database) -> None:
    """Two reads of one invoice and one of a case, which names no account."""
    unpaid, paid = invoice(1, 0), invoice(1, 5, paid="400.00")
    case = CaseFacts(id="35436", version=version(1), changed_at=MORNING, status="open")
    for facts in (unpaid, paid, case):
        await read(db, facts)

    found = await facts_of(db, paid.account_id)

    ((record, newest),) = found.of(InvoiceFacts)
    assert newest == paid and newest.paid == usd("400.00")
    assert record.connection == MemorySource().name
    assert (found.account_id, found.cut) == (paid.account_id, False)
    assert await accounts(db) == [paid.account_id]


@pytest.mark.parametrize(
    ("contract", "deal", "account"),
    [
        ("sub_globex", "", "001Globex"),
        ("sub_globex", "006Hooli", "001Globex"),
        ("sub_new", "006Hooli", "001Hooli"),
        ("sub_new", "006Nobody", ""),
        ("sub_new", "", ""),
    ],
)
async def test_the_account_of_a_contract_is_known_by_its_record_or_its_deal(
    db: Database, contract: str, deal: str, account: str
) -> None:
    """What our own order has activated was not read yet."""
    known = ContractFacts(
        id="sub_globex", version=version(1), changed_at=MORNING, account_id="001Globex",
        status="active", terms_digest="t1",
    )  # fmt: skip
    await read(db, known)
    process = ProcessRef(process="quote-to-cash", workflow_id="q/006Hooli", correlation_id="c1")
    record = ProcessRecord(
        process=process, business_id="006Hooli", stage="fulfilling", account_id="001Hooli"
    )
    await db.run(lambda s: keep_standing(s, record, MORNING))

    assert await account_of_contract(db, MemorySource().name, contract, deal) == account


async def test_an_account_that_nobody_spoke_of_has_no_records(db: Database) -> None:
    """It is asked for by name, and not listed."""
    found = await facts_of(db, "001Nobody")

    assert (found.records, await accounts(db)) == ([], [])


async def test_accounts_are_listed_page_by_page_each_once(db: Database) -> None:
    """Globex has two invoices, and is one account."""
    for number, account in enumerate(["001Hooli", "001Globex", "001Initech", "001Globex"]):
        await read(db, invoice(number, 0).model_copy(update={"account_id": account}))

    first = await accounts(db, limit=2)
    second = await accounts(db, after=first[-1], limit=2)
    both = await facts_of_all(db, ["001Initech", "001Globex"])

    assert (first, second) == (["001Globex", "001Hooli"], ["001Initech"])
    assert [(one.account_id, len(one.records)) for one in both] == [
        ("001Initech", 1),
        ("001Globex", 2),
    ]
