"""One account's five blocks over both ledgers: known, unknown or never read, and as of when."""

from datetime import UTC, datetime, time, timedelta

import pytest

from canonical.effects import Subject
from canonical.errors import NotFound
from canonical.money import Money
from domain.reports.account_view import account_view
from domain.reports.blocks import Block, Completeness
from ledger.database import Database
from tests.domain.portfolio import DUE, GLOBEX, GMBH, RENEWS, deal, invoice, said
from tests.ledger.clocks import Clock
from tests.portfolio_ledger import BILLING, CATALOGUE, PortfolioLedger, days_before

KNOWN, UNKNOWN, NEVER = Completeness
DAY = timedelta(days=1)


@pytest.fixture
def office(db: Database, clock: Clock) -> PortfolioLedger:
    """An empty ledger, ninety days before Globex renews."""
    clock.now = days_before(90)
    return PortfolioLedger(db, clock)


async def blocks(office: PortfolioLedger, account: str = GLOBEX) -> dict[str, Block]:
    """The view of an account now, by block."""
    file = await office.file(account)
    view = account_view(file, CATALOGUE.definitions, office.clock())
    return {block.name: block for block in view.blocks}


async def signed(office: PortfolioLedger) -> datetime:
    """Globex signs its renewal now, for more; when that was."""
    now = office.clock()
    amount = Money.of("130000", "USD")
    await office.look(opportunity=deal(is_closed=True, is_won=True, amount=amount, as_of=now))
    return now


async def test_an_account_that_nothing_is_known_of_is_not_found(office: PortfolioLedger) -> None:
    """Five empty blocks would look like an account."""
    with pytest.raises(NotFound, match="nothing is on record of account 001Nobody; give"):
        await blocks(office, "001Nobody")


async def test_what_was_never_read_says_so_and_nothing_else(office: PortfolioLedger) -> None:
    """One contract is on record, and nothing that would make the rest good."""
    await office.contract()

    found = await blocks(office)

    never = {name for name, one in found.items() if one.completeness is NEVER}
    assert never == {
        "payment_status", "service_consumption", "implementation_progress", "account_hierarchy"
    }  # fmt: skip
    assert {found[name].says for name in never} == {"unknown"}
    assert {found[name].as_of for name in never} == {None}
    assert {name for name in never if found[name].facts} == set()
    assert all(one.definitions and one.reasons for name, one in found.items() if name in never)


async def test_a_contract_is_worth_what_its_terms_stated_when_they_were_read(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Whatever its order was worth, and without any; one that says nothing leaves the whole
    unknown, though the rest is stated."""
    await office.orders()
    await office.contract()
    await office.plan(value=Money.of("99000", "USD"))
    read_at = clock()
    await office.contract(id="sub_legacy", opportunity_id="")
    unknown = (await blocks(office))["contract_value"]
    clock.advance(60)
    legacy = {"contract_id": "sub_legacy", "opportunity_id": ""}
    await office.plan(**legacy, value=Money.of("7000", "EUR"))
    known = (await blocks(office))["contract_value"]

    assert (unknown.says, unknown.completeness) == ("unknown", UNKNOWN)
    assert unknown.facts["in_force"] == [Money.of("99000", "USD")]
    assert unknown.reasons == [
        "billing/sub_legacy: neither a read of its terms nor an order of its own says what it is "
        "worth"
    ]
    assert (known.says, known.completeness) == ("7,000.00 EUR, 99,000.00 USD", KNOWN)
    assert known.sources == [BILLING]
    assert [one["value_as_of"] for one in known.facts["contracts"]] == [read_at, clock()]
    assert known.facts["orders"] == [Money.of("120000", "USD")]


async def test_a_contract_whose_terms_state_no_value_is_worth_what_its_order_was(
    office: PortfolioLedger,
) -> None:
    """Unless another contract of the deal has a value: the order is what both are worth, and the
    clock of the one says nothing of the other."""
    await office.orders()
    await office.contract()
    await office.plan(value=None)
    known = (await blocks(office))["contract_value"]
    await office.contract(id="sub_before")
    await office.plan(value=Money.of("40000", "USD"))
    shared = (await blocks(office))["contract_value"]

    assert (known.says, known.completeness) == ("120,000.00 USD", KNOWN)
    assert known.sources == [BILLING, "crm, by the order"]
    assert known.definitions == ["active_customer@1", "renewal_date@1"]
    assert known.facts["contracts"][0]["renews_on"] == RENEWS
    assert (shared.says, shared.completeness) == ("unknown", UNKNOWN)
    assert shared.facts["in_force"] == [Money.of("40000", "USD")]
    assert [one.split(":")[0] for one in shared.reasons] == ["billing/sub_before"]


async def test_an_order_does_not_say_what_a_contract_is_worth_that_changed_since(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Amended, or in its next term, and its terms state no value."""
    await office.orders()
    await office.contract()
    await office.plan(value=None, renewed_on=RENEWS - timedelta(days=365))
    renewed = (await blocks(office))["contract_value"]
    clock.advance(60)
    await office.contract("v2")
    amended = (await blocks(office))["contract_value"]

    assert (renewed.says, renewed.completeness) == ("unknown", UNKNOWN)
    assert "its term ended on 2025-12-31" in renewed.reasons[0]
    assert "amended on 2026-10-02" in amended.reasons[0]


async def test_an_amended_contract_is_worth_what_it_came_to_once_it_is_read_anew(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Between the amendment and the read nobody knows."""
    await office.contract()
    await office.plan()
    clock.advance(60)
    await office.contract("v2")
    amended = (await blocks(office))["contract_value"]
    clock.advance(60)
    await office.plan(version="v2", value=Money.of("150000", "USD"))
    read = (await blocks(office))["contract_value"]

    assert (amended.says, amended.completeness) == ("unknown", UNKNOWN)
    assert amended.reasons == [
        "billing/sub_globex: amended on 2026-10-02, its value since is not on record"
    ]
    assert amended.facts["in_force"] == []
    assert amended.facts["contracts"][0]["value"] == Money.of("120000", "USD")
    assert (read.says, read.completeness) == ("150,000.00 USD", KNOWN)


async def test_a_renewed_contract_is_worth_the_old_term_until_it_is_over(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Then nobody knows, until the terms of the new one are read."""
    await office.contract()
    await office.plan()
    clock.now = days_before(20)
    read_at = await signed(office)
    clock.now = days_before(0)
    last_day = (await blocks(office))["contract_value"]
    clock.now = days_before(-1)
    over = (await blocks(office))["contract_value"]
    next_term = {"renewed_on": RENEWS, "ends_on": RENEWS + timedelta(days=365)}
    await office.plan(**next_term, as_of=read_at)
    carried = (await blocks(office))["contract_value"]
    await office.plan(**next_term, value=Money.of("130000", "USD"))
    read = (await blocks(office))["contract_value"]

    assert last_day.says == "120,000.00 USD"
    for one in (over, carried):
        assert (one.says, one.completeness) == ("unknown", UNKNOWN)
        assert one.reasons == [
            "billing/sub_globex: its term ended on 2026-12-31, its value since is not on record"
        ]
    assert (read.says, read.completeness) == ("130,000.00 USD", KNOWN)


async def test_payments_are_known_by_own_invoices_unless_an_owner_was_silent(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Late subsidiaries are named beside it."""
    clock.now = datetime.combine(DUE + 20 * DAY, time(12), UTC)
    await office.invoiced(2)
    await office.assess(GMBH, said(invoice(1), account=GMBH, connection=BILLING))
    await office.assess(GLOBEX, said(connection=BILLING))
    known = (await blocks(office))["payment_status"]
    await office.assess(GLOBEX, said(connection="netsuite-de", known=False))
    unknown = (await blocks(office))["payment_status"]

    assert (known.says, known.completeness) == ("delinquent", KNOWN)
    assert known.facts["overdue"] == [Money.of("12000", "USD")]
    assert known.facts["late_subsidiaries"] == [GMBH]
    assert "account_financial_status@1" in known.definitions
    assert (unknown.says, unknown.completeness) == ("unknown", UNKNOWN)
    assert unknown.facts["risk_level"] == "unknown"
    assert unknown.facts["overdue_at_least"] == [Money.of("12000", "USD")]


async def test_consumption_is_what_the_newest_look_found_until_it_is_stale(
    office: PortfolioLedger, clock: Clock
) -> None:
    """Good usage of three weeks ago says nothing of today."""
    await office.look()
    now = (await blocks(office))["service_consumption"]
    clock.now += 21 * DAY
    later = (await blocks(office))["service_consumption"]

    assert (now.says, now.completeness, now.sources) == ("green", KNOWN, ["usage"])
    assert (now.facts["active_users"], now.facts["licensed_users"]) == (80, 100)
    assert (later.says, later.completeness) == ("unknown", UNKNOWN)
    assert later.reasons == [f"usage is stale: the newest is of {days_before(90).date()}"]
    assert later.as_of == days_before(90)


async def test_consumption_that_the_warehouse_did_not_tell_is_unknown(
    office: PortfolioLedger,
) -> None:
    """It was asked, and did not answer."""
    await office.look(adoption=None)

    found = (await blocks(office))["service_consumption"]

    assert (found.says, found.completeness) == ("unknown", UNKNOWN)
    assert found.reasons == ["it does not answer"]


async def test_implementation_is_open_or_complete_by_the_records(office: PortfolioLedger) -> None:
    """With how many of its tasks are done, and as of the last change that was taken in."""
    await office.implements(completed=False)

    found = (await blocks(office))["implementation_progress"]

    assert (found.says, found.completeness, found.sources) == ("open", KNOWN, ["gainsight"])
    assert found.facts == {"onboardings": 1, "tasks_done": 0, "tasks": 1}
    assert found.as_of == office.clock()
    assert found.definitions == ["implementation_complete@1"]


async def test_a_family_is_known_as_far_as_it_was_assessed_and_ordered(
    office: PortfolioLedger,
) -> None:
    """Below the parent; the order says who pays and who is above all."""
    process = await office.orders()
    bill_to = {"account_id": GLOBEX}
    await office.step("subscription", process, request=bill_to)
    ordered = (await blocks(office))["account_hierarchy"]
    await office.writes(
        "customer", Subject(kind="account", id=GLOBEX), process,
        request={"ultimate_parent_id": "001Holding"},
    )  # fmt: skip
    await office.assess(GLOBEX, said(connection=BILLING))
    await office.assess(GMBH, said(account=GMBH, connection=BILLING))
    parent = (await blocks(office))["account_hierarchy"]
    child = (await blocks(office, GMBH))["account_hierarchy"]

    assert (ordered.completeness, ordered.says) == (UNKNOWN, "unknown")
    assert parent.says == "top of its family"
    assert parent.facts == {
        "subsidiaries": [GMBH], "bill_to_ids": [GLOBEX], "ultimate_parent_ids": ["001Holding"]
    }  # fmt: skip
    assert (child.says, child.completeness) == (f"below {GLOBEX}", KNOWN)
