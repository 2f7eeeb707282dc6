"""What words mean, from the command line: shown, explained for an account, and compared."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from canonical.facts import AnyFacts, CaseFacts, OnboardingFacts
from governance.catalogue import SHIPPED
from ledger.database import Database
from ledger.inbox import Inbox
from ledger.migrate import upgrade
from ledger.records import Records
from tests.cli.terminal import Said, awaited
from tests.domain.portfolio import GLOBEX, GMBH, invoice, said
from tests.intake_source import MemorySource
from tests.portfolio_ledger import BILLING, PortfolioLedger

INITECH = "001Initech"
READ_AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
LOOKED_AT = datetime(2026, 10, 2, 6, 0, 12, 345678, tzinfo=UTC)


@dataclass
class Office:
    """Settings with a ledger behind them."""

    config: Path
    db: Database

    async def run(self, *words: str, as_json: bool = False) -> Said:
        """A command of the group."""
        shared = ["--config", str(self.config), *(["--json"] if as_json else [])]
        return await awaited(*shared, "definitions", *words)

    async def hear(self, *facts: AnyFacts) -> None:
        """Records as they were read."""
        for one in facts:
            await Inbox(self.db).store(MemorySource().change(one))
            (hint,) = await Inbox(self.db).pending(10)
            await Records(self.db).take(hint, one)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A fresh ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    config = tmp_path / "tieline.toml"
    config.write_text(f'ledger_url = "{url}"\n')
    db = Database.open(url)
    yield Office(config, db)
    await db.close()


async def test_definitions_are_listed_with_version_owner_and_meaning(office: Office) -> None:
    """Thirteen words, for people and for scripts."""
    table = await office.run("list")
    found = await office.run("list", as_json=True)

    assert (table.code, table.err) == (0, "")
    assert "invoice_delinquent" in table.out and "finance-ops" in table.out
    assert len(found.json) == 13
    first = found.json[0]
    assert (first["name"], first["version"], first["versions"]) == ("invoice_delinquent", 2, [1, 2])


async def test_a_definition_is_shown_in_the_version_in_force_or_the_one_asked_for(
    office: Office, tmp_path: Path
) -> None:
    """Meaning, outcomes, parameters and examples; the folder's own choice counts."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    shipped = (SHIPPED / "definitions.toml").read_text()
    (folder / "definitions.toml").write_text(shipped.replace("version = 2", "version = 1", 1))

    newest = await office.run("show", "invoice_delinquent")
    oldest = await office.run("show", "invoice_delinquent", "--version", "1", as_json=True)
    with office.config.open("a") as config:
        config.write(f'catalogue = "{folder}"\n')
    chosen = await office.run("show", "invoice_delinquent")
    absent = await office.run("show", "invoice_delinquent", "--version", "7")
    unknown = await office.run("show", "churn")

    assert newest.out.startswith("invoice_delinquent@2, in force, finance-ops")
    assert "payment.grace_days: 5" in newest.out and "a bank charge is missing" in newest.out
    assert (oldest.json["in_force"], oldest.json["outcomes"]) == (
        False,
        ["delinquent", "not_delinquent"],
    )
    assert oldest.json["examples"][0]["inputs"]["invoice"]["number"] == "INV-7"
    assert chosen.out.startswith("invoice_delinquent@1, in force")
    assert absent.refusal == "NotFound: invoice_delinquent has no version 7; it has 1, 2"
    assert unknown.refusal.startswith("NotFound: there is no definition 'churn'; there are ")


async def test_an_account_is_explained_by_what_is_on_record(office: Office) -> None:
    """An unpaid invoice, an urgent case and an open onboarding, and what nobody has on record."""
    common = {"version": "v1", "changed_at": READ_AT, "account_id": GLOBEX}
    case = CaseFacts.model_validate(
        common | {"id": "35436", "status": "open", "severity": "urgent"}
    )
    onboarding = OnboardingFacts.model_validate(common | {"id": "1P02", "status": "In Progress"})
    await office.hear(invoice().model_copy(update={"account_id": GLOBEX}), case, onboarding)

    early = await office.run(
        "explain", "--account", GLOBEX, "--definition", "account_financial_status",
        "--on", "2026-08-16", as_json=True,
    )  # fmt: skip
    late = await office.run("explain", "--account", GLOBEX, "--on", "2026-08-30", as_json=True)
    table = await office.run("explain", "--account", GLOBEX, "--on", "2026-08-30")
    nobody = await office.run("explain", "--account", "001Nobody")

    ((only,), answers) = early.json["said"], {
        one["verdict"]["definition"]: one["verdict"] for one in late.json["said"]
    }  # fmt: skip
    assert only["verdict"]["value"] == "past_due"
    assert answers["account_financial_status@1"]["value"] == "delinquent"
    assert answers["account_financial_status@1"]["inputs"]["invoices"][0]["number"] == "INV-1"
    assert answers["invoice_delinquent@2"]["value"] == "delinquent"
    assert answers["implementation_complete@1"]["value"] == "open"
    health = answers["customer_health@1"]
    assert (health["value"], health["result"]) == ("poor", {"score": 11, "confidence_percent": 65})
    assert "adoption is unknown" in health["reasons"]
    assert late.json["not_on_record"]["renewal_date"] == "no contract of it is on record"
    assert [one["name"] for one in only["inputs"]] == ["billing/invoice/INV-1"]
    for shown in ("billing/invoice/INV-1", "late", "billing/case/35436", "account_hierarchy: it"):
        assert shown in table.out, shown
    assert nobody.refusal == "NotFound: nothing is on record of account 001Nobody"


async def test_a_changed_definition_shows_whom_it_would_move(office: Office) -> None:
    """Globex owes a bank charge of 3.00 USD, Initech owes everything."""
    charge = invoice(1, paid="11997").model_copy(update={"account_id": GLOBEX})
    await office.hear(charge, invoice(2).model_copy(update={"account_id": INITECH}))

    table = await office.run("diff", "invoice_delinquent", "1", "2", "--on", "2026-08-30")
    found = await office.run(
        "diff", "invoice_delinquent", "1", "2", "--on", "2026-08-30", as_json=True
    )
    same = await office.run("diff", "active_customer", "1", "1")
    unfed = await office.run("diff", "order_activation", "1", "1")

    assert "1 of 2 accounts would move." in table.out
    assert found.json["accounts"] == 2
    assert {one["account_id"] for one in found.json["moved"]} == {GLOBEX}
    moved = {
        one["after"]["definition"]: (one["before"]["value"], one["after"]["value"])
        for one in found.json["moved"]
    }
    assert moved["invoice_delinquent@2"] == ("delinquent", "not_delinquent")
    assert moved["account_financial_status@1"] == ("delinquent", "good")
    assert same.out == "0 of 2 accounts would move.\n"
    assert unfed.code == 2
    assert unfed.refusal.startswith("Misconfigured: order_activation cannot be compared by what")


async def test_a_renewal_and_a_family_are_explained_with_the_inputs_of_each_answer(
    office: Office,
) -> None:
    """Usage counts for health as the newest look found it; times are shown to the second."""
    with office.config.open("a") as config:
        config.write(f'[connections.{BILLING}]\nrole = "billing"\nvendor = "stripe"\n')
        config.write('base_url = "https://vendor.example"\n')
    ledger = PortfolioLedger(office.db, lambda: LOOKED_AT)
    await ledger.contract()
    await ledger.look()
    await ledger.assess(GMBH, said(account=GMBH, connection=BILLING))
    day = ("--on", f"{LOOKED_AT.date()}")

    found = await office.run("explain", "--account", GLOBEX, *day, as_json=True)
    table = await office.run("explain", "--account", GLOBEX, *day)
    family = await office.run("explain", "--account", GMBH, *day)
    view = await awaited("--config", str(office.config), "accounts", "show", GLOBEX)
    date_only = await office.run("explain", "--account", GMBH, "--definition", "renewal_date")

    answers = {one["verdict"]["definition"]: one for one in found.json["said"]}
    assert answers["renewal_readiness@1"]["verdict"]["value"] == "ready"
    assert answers["renewal_eligibility@1"]["verdict"]["value"] == "eligible"
    assert answers["customer_health@1"]["verdict"]["inputs"]["adoption"] == "green"
    assert len(answers["renewal_readiness@1"]["inputs"]) == 5
    assert "renewal_date@1  billing/contract/sub_globex: contract_end" in table.out
    assert "by signal/usage: green (from usage, as of 2026-10-02 06:00:12Z)" in table.out
    assert "+00:00" not in table.out + view.out
    assert "value as of 2026-10-02 06:00:12Z" in view.out
    assert f"account_hierarchy@1  account/{GMBH}: cannot be told" in family.out
    assert f"not on record: who is above {GLOBEX}: it was never assessed itself" in family.out
    assert f"on record assessment/{GMBH}: below {GLOBEX} (from crm, as of 2026-10-02" in family.out
    assert date_only.out == "renewal_date: no contract of it is on record\n"


@pytest.mark.parametrize(
    "name", ["renewal_date", "renewal_readiness", "renewal_eligibility", "account_hierarchy"]
)
async def test_definitions_of_renewals_and_families_are_compared(office: Office, name: str) -> None:
    """Over every account that a record, a renewal or an assessment names."""
    ledger = PortfolioLedger(office.db, lambda: LOOKED_AT)
    await ledger.look()
    await ledger.assess(GMBH, said(account=GMBH, connection=BILLING))

    same = await office.run("diff", name, "1", "v1")

    assert (same.code, same.out) == (0, "0 of 2 accounts would move.\n")


async def test_a_version_is_a_number_with_or_without_its_letter(office: Office) -> None:
    """Anything else is refused with what to give."""
    letters = await office.run("diff", "invoice_delinquent", "v1", "V2", as_json=True)
    shown = await office.run("show", "invoice_delinquent", "--version", "v1")
    words = await office.run("diff", "invoice_delinquent", "first", "2")
    absent = await office.run("diff", "invoice_delinquent", "1", "v7")

    assert (letters.json["from"], letters.json["to"]) == (1, 2)
    assert shown.out.startswith("invoice_delinquent@1, not in force")
    assert words.code == 2
    assert words.refusal == (
        "Misconfigured: V1: 'first' is no version; give a number, as 1 or v1: "
        "invoice_delinquent has 1, 2"
    )
    assert absent.refusal == "NotFound: invoice_delinquent has no version 7; it has 1, 2"
