"""The account view, the four reports and the indicators, from the command line."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canonical.facts import ContractFacts
from canonical.money import Money
from ledger.database import Database
from ledger.migrate import upgrade
from tests.cli.terminal import Said, awaited
from tests.domain.portfolio import GLOBEX, deal, invoice
from tests.portfolio_ledger import BILLING, DEAL, PortfolioLedger
from tests.stories.renewals import led_by

DAY = timedelta(days=1)
CONNECTIONS = "".join(
    f'[connections.{name}]\nrole = "{role}"\nvendor = "{vendor}"\n'
    'base_url = "https://vendor.example"\n'
    for name, role, vendor in ((BILLING, "billing", "stripe"), ("netsuite", "erp", "netsuite"))
)


class Now:
    """The machine's clock, so many days ago."""

    def __init__(self) -> None:
        self.days_ago = 0

    def __call__(self) -> datetime:
        """The time."""
        return datetime.now(UTC) - self.days_ago * DAY


@dataclass
class Desk:
    """Settings with a ledger behind them, and what fills it."""

    config: Path
    ledger: PortfolioLedger
    clock: Now

    async def run(self, *words: str, as_json: bool = False) -> Said:
        """A command."""
        shared = ["--config", str(self.config), *(["--json"] if as_json else [])]
        return await awaited(*shared, *words)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A fresh ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    config = tmp_path / "tieline.toml"
    config.write_text(f'ledger_url = "{url}"\n{CONNECTIONS}')
    db, clock = Database.open(url), Now()
    yield Desk(config, PortfolioLedger(db, clock), clock)
    await db.close()


async def in_its_window(desk: Desk) -> None:
    """Globex renews in eighty days; support does not answer; its invoice is late."""
    today = desk.clock().date()
    ends_on = today + 80 * DAY
    await desk.ledger.orders()
    await desk.ledger.contract()
    await desk.ledger.plan(ends_on=ends_on)
    renewing = deal(amount=Money.of("130000", "USD"), as_of=desk.clock(), close_on=today + DAY)
    await desk.ledger.look(terms_facts={"ends_on": ends_on}, incidents=None, opportunity=renewing)
    await desk.ledger.invoiced(1, due_on=today - 20 * DAY)


async def test_an_account_is_shown_in_five_blocks(desk: Desk) -> None:
    """With says, completeness, source, age and definition of each; the same as JSON."""
    await in_its_window(desk)

    text = await desk.run("accounts", "show", GLOBEX)
    found = await desk.run("accounts", "show", GLOBEX, as_json=True)

    assert (text.code, text.err) == (0, "")
    assert text.out.startswith(f"Globex  {GLOBEX}, as of ")
    for part in (
        "120,000.00 USD", "delinquent", "never read", "not known", "active_customer@1",
        "account_financial_status@1", f"contract {BILLING}/sub_globex", "overdue: 12,000.00 USD",
        "because no onboarding is known",
    ):  # fmt: skip
        assert part in text.out, part
    blocks = {one["name"]: one for one in found.json["blocks"]}
    assert list(blocks) == [
        "contract_value", "payment_status", "service_consumption", "implementation_progress",
        "account_hierarchy",
    ]  # fmt: skip
    assert blocks["contract_value"]["facts"]["in_force"] == [
        {"amount_minor": 12_000_000, "currency": "USD"}
    ]
    assert blocks["account_hierarchy"]["completeness"] == "never_read"


@pytest.mark.parametrize(
    ("preset", "worth"), [("billing-led", "120,000.00 USD"), ("erp-led", "119,000.00 USD")]
)
async def test_what_billing_and_the_erp_tell_of_is_counted_once(
    desk: Desk, tmp_path: Path, preset: str, worth: str
) -> None:
    """As its owner by the preset tells of it: a contract, its amendment, and an invoice."""
    with desk.config.open("r+") as file:
        settings = file.read()
        file.seek(0)
        file.write(f'catalogue = "{led_by(tmp_path, preset)}"\n{settings}')
    late = desk.clock().date() - 20 * DAY
    for source, amount in ((BILLING, "120000"), ("netsuite", "119000")):
        for version in ("v1", "v2"):
            facts = ContractFacts(
                id=f"{source}-1", version=version, changed_at=desk.clock(), status="active",
                terms_digest=version, account_id=GLOBEX, value=Money.of(amount, "USD"),
            )  # fmt: skip
            await desk.ledger.reads(facts, source)
        disputed = invoice(1, account_id=GLOBEX, due_on=late, disputed=True)
        await desk.ledger.reads(disputed, source)

    account = await desk.run("accounts", "show", GLOBEX, as_json=True)
    expansion = await desk.run("portfolio", "expansion")
    billing = await desk.run("portfolio", "billing", as_json=True)
    indicators = await desk.run("portfolio", "indicators", as_json=True)

    assert account.json["blocks"][0]["says"] == worth
    assert "amendments 1, contracts amended 1" in expansion.out
    owed = [{"amount_minor": 1_200_000, "currency": "USD"}]
    assert billing.json["body"]["disputed"] == owed
    assert indicators.json["disputes"]["open_money"] == owed


async def test_an_account_that_nobody_knows_is_refused_with_a_remedy(desk: Desk) -> None:
    """What to give instead is in the sentence."""
    nobody = await desk.run("accounts", "show", "001Nobody")

    assert nobody.refusal.startswith("NotFound: nothing is on record of account 001Nobody; give")
    assert nobody.code == 1


async def test_the_forecast_says_how_current_it_is(desk: Desk) -> None:
    """Sources with their ages, why it is incomplete, and the money by state and category."""
    await in_its_window(desk)

    text = await desk.run("portfolio", "forecast")
    soon = await desk.run("portfolio", "forecast", "--within-days", "10", as_json=True)
    found = await desk.run("portfolio", "forecast", as_json=True)

    assert text.out.startswith("forecast  incomplete, as of ")
    for part in (
        "because renewals with a signal that is not known: 1", "looks at open renewals", "744 h",
        "renewal_readiness@1", ": renewals 1, past their date 0", "pipeline", "130,000.00 USD",
        "contract value", "120,000.00 USD",
    ):  # fmt: skip
        assert part in text.out, part
    assert soon.json["body"]["renewals"] == 0
    assert found.json["freshness"]["incomplete"] is True
    assert found.json["body"]["by_state"][0]["name"] == "unknown"


async def test_billing_status_is_shown_by_level_and_status(desk: Desk) -> None:
    """With what is overdue and disputed."""
    await in_its_window(desk)

    text = await desk.run("portfolio", "billing")
    found = await desk.run("portfolio", "billing", as_json=True)

    assert text.out.startswith("billing  current, as of ")
    assert "delinquent" in text.out and "12,000.00 USD" in text.out
    assert found.json["body"]["overdue"] == [{"amount_minor": 1_200_000, "currency": "USD"}]


async def test_revenue_is_shown_by_the_furthest_step_that_is_proven(desk: Desk) -> None:
    """With its money and what is not proven; naming the definition, and what is not known."""
    await desk.ledger.orders()
    await desk.ledger.invoiced(1, posted_at=desk.clock())
    ahead = f"{desk.clock().date() + DAY}"

    text = await desk.run("portfolio", "revenue")
    found = await desk.run("portfolio", "revenue", as_json=True)
    nothing = await desk.run("portfolio", "revenue", "--since", ahead)

    assert text.out.startswith("revenue  incomplete, as of ")
    for part in (
        "definitions: revenue_status@1", "orders 1", "invoiced", "120,000.00 USD",
        "not activated 1", "orders not paid of which it is not known until when revenue is planned",
        "invoiced and paid: by the order's first invoice",
    ):  # fmt: skip
        assert part in text.out, part
    (invoiced,) = found.json["body"]["by_status"]
    assert (invoiced["status"], invoiced["orders"]) == ("invoiced", 1)
    assert "No order is on record." in nothing.out


async def test_a_report_of_old_reads_is_stale(desk: Desk) -> None:
    """Nothing came in for three days."""
    desk.clock.days_ago = 3
    await in_its_window(desk)

    text = await desk.run("portfolio", "billing")

    assert text.out.startswith("billing  stale, as of ")
    assert "because billing is older than 24 hours" in text.out
    assert "3 d" in text.out


async def test_expansion_and_retention_are_of_a_period(desk: Desk) -> None:
    """By default the year until today; a period without anything says so."""
    await in_its_window(desk)
    await desk.ledger.contract("v2", value=Money.of("120000", "USD"))
    await desk.ledger.contract("v3", value=Money.of("150000", "USD"))
    await desk.ledger.contract("v4", value=Money.of("150000", "USD"), status="canceled")
    ahead = f"{desk.clock().date() + 100 * DAY}"

    expansion = await desk.run("portfolio", "expansion")
    quiet = await desk.run("portfolio", "expansion", "--until", "2020-01-31")
    retention = await desk.run("portfolio", "retention", "--until", ahead)
    nothing = await desk.run("portfolio", "retention", as_json=True)

    assert "amendments 2, contracts amended 1, contracts ended 1" in expansion.out
    assert "values by: 30,000.00 USD + 1 not known" in expansion.out
    assert expansion.out.startswith("expansion  current, as of ")
    assert "No amendment or end is on record." in quiet.out
    assert "renewals 1, kept 0 of 0 decided (no data)" in retention.out
    assert "undecided" in retention.out
    assert nothing.json["body"]["kept"] == {"met": 0, "of": 0, "percent": None}


async def test_a_period_that_is_none_is_refused(desk: Desk) -> None:
    """With what is wrong with it."""
    backwards = await desk.run(
        "portfolio", "retention", "--since", "2026-02-01", "--until", "2026-01-01"
    )
    no_day = await desk.run("portfolio", "expansion", "--since", "yesterday")
    ahead = await desk.run("portfolio", "indicators", "--since", "2999-01-01")

    assert backwards.refusal == (
        "Misconfigured: --since 2026-02-01 is after --until 2026-01-01; exchange them"
    )
    assert no_day.refusal.startswith("Misconfigured: --since: 'yesterday' is no time; give one")
    assert ahead.refusal.startswith("Misconfigured: --since 2999-01-01 lies ahead; give a day")
    assert {backwards.code, no_day.code, ahead.code} == {2}


async def test_indicators_of_an_empty_ledger_say_no_data(desk: Desk) -> None:
    """None of them says 0 % or 100 %."""
    text = await desk.run("portfolio", "indicators")
    found = await desk.run("portfolio", "indicators", as_json=True)

    assert (text.code, text.err) == (0, "")
    assert text.out.count("no data") == 18
    assert "%" not in text.out
    assert found.json["onboarding_launch"]["on_time"] == {"met": 0, "of": 0, "percent": None}
    assert found.json["leakage"]["leaking"] == {"met": 0, "of": 0, "percent": None}


async def test_indicators_say_on_how_many_cases_they_rest(desk: Desk) -> None:
    """The order is not due, the call is there, the view of the window is not complete."""
    await in_its_window(desk)
    await desk.ledger.calls()

    text = await desk.run("portfolio", "indicators")
    found = await desk.run("portfolio", "indicators", as_json=True)

    table, of_these = text.out.split("of these\n")
    lines = {line.split("  ")[0]: line for line in table.splitlines()}
    assert "median 19 d" in lines["overdue to the CSM's call"]
    assert "0 % (0 of 1)" in lines["complete view at T-90"]
    activated = "0 late, 0 not activated, 0 booked before, 1 not due; within 60 min"
    assert f"  billing activated by the rules: {activated}\n" in of_these
    assert "0 % (0 of 1)" in lines["renewals show today's payments"]
    assert found.json["overdue_to_action"]["called"] == 1
    assert found.json["billing_activation"]["not_due"] == 1


async def test_indicators_say_what_was_delivered_and_not_billed_and_what_is_disputed(
    desk: Desk,
) -> None:
    """With the money by currency and its age, and how long the won deal waits."""
    desk.clock.days_ago = 40
    await desk.ledger.orders()
    await desk.ledger.implements(completed=True, opportunity_id=DEAL)
    other = {"opportunity_id": "006Other", "account_id": "001Other"}
    await desk.ledger.invoiced(1, **other, disputed=True, posted_at=desk.clock())

    text = await desk.run("portfolio", "indicators")
    found = await desk.run("portfolio", "indicators", as_json=True)

    table, of_these = text.out.split("of these\n")
    lines = dict(line.strip().split(": ") for line in of_these.splitlines())
    leaks = lines["delivered and not billed"]
    assert leaks.startswith("120,000.00 USD, the oldest since 40 d; 0 not known, ")
    billed = "1 not billed, 0 not due, 0 not known; within 30 d"
    assert lines["billed after implementation"].endswith(billed)
    assert lines["invoices disputed"] == "1 open now, 12,000.00 USD"
    assert lines["dispute to its settlement"].startswith("0 settled")
    assert "1 not activated, the oldest since 40 d" in lines["closed-won to activation"]
    assert max(map(len, table.splitlines()[1:])) < 100
    assert found.json["leakage"]["leaked"] == [{"amount_minor": 12_000_000, "currency": "USD"}]
    assert found.json["disputes"]["disputed"] == {"met": 1, "of": 1, "percent": 100}
    assert found.json["closed_won_to_activation"]["to_activation"]["count"] == 0


async def test_workflows_are_listed_with_their_money(desk: Desk) -> None:
    """Each list has its number and sum; what has no entry says so."""
    await in_its_window(desk)
    await desk.ledger.orders("006Other")

    text = await desk.run("portfolio", "workflows", "--limit", "1")
    found = await desk.run("portfolio", "workflows", as_json=True)

    assert (text.code, text.err) == (0, "")
    assert "completed  2, 240,000.00 USD" in text.out
    assert "and 1 more; --limit lists more of them" in text.out
    assert "failed  0, no money" in text.out
    assert [one["name"] for one in found.json["lists"]] == [
        "completed", "delayed", "failed", "accounts_at_risk", "renewals_at_risk"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "report",
    ["forecast", "billing", "expansion", "retention", "revenue", "workflows", "indicators"],
)
async def test_every_report_names_its_definitions(desk: Desk, report: str) -> None:
    """With their versions, for people and for scripts: another version may count otherwise."""
    text = await desk.run("portfolio", report)
    found = await desk.run("portfolio", report, as_json=True)

    assert found.json["definitions"]
    for name in found.json["definitions"]:
        assert re.fullmatch(r"[a-z_]+@[0-9]+", name)
        assert name in " ".join(text.out.split())
