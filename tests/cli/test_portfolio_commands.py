"""Renewals and risks, from the command line: listed, shown, and what is said of none."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from canonical.effects import ProcessRef
from canonical.orders import Account
from canonical.portfolio import AccountFamily
from canonical.renewal_messages import PlanRenewal, RenewalStart, TakeSnapshot
from canonical.risk_messages import AssessRisk
from domain.judge import CatalogueJudge
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.migrate import upgrade
from ledger.portfolio import SqlPortfolio
from ledger.views.reports import LOOKS
from tests.cli.terminal import Said, awaited
from tests.domain.portfolio import (
    GLOBEX,
    GMBH,
    NOON,
    after,
    deal,
    incidents,
    invoice,
    onboarding,
    said,
    terms,
)

OPENS = datetime(2026, 10, 2, 6, tzinfo=UTC)
CLOCK = ProcessRef(
    process="renewal-readiness",
    workflow_id="renewal-readiness/stripe-us/sub_globex",
    correlation_id="c1",
)
RISK = ProcessRef(
    process="invoice-risk-to-health",
    workflow_id=f"invoice-risk-to-health/{GLOBEX}",
    correlation_id="c2",
)


@dataclass
class Office:
    """Settings with a ledger behind them, and the book that fills it."""

    config: Path
    book: SqlPortfolio

    async def run(self, *words: str, as_json: bool = False) -> Said:
        """A command."""
        shared = ["--config", str(self.config), *(["--json"] if as_json else [])]
        return await awaited(*shared, *words)

    async def waits(self, **facts: Any) -> None:
        """A contract's clock, before its window."""
        read = terms(**{"as_of": NOON, "version": "2026-01-01"} | facts)
        request = PlanRenewal(terms=read, today=NOON.date(), opportunity_id=read.opportunity_id)
        await self.book.plan(request, CLOCK)

    async def looks(self) -> str:
        """Globex's renewal on the day its window opens, of which the warehouse says nothing."""
        read = terms(as_of=NOON)
        plan = await self.book.plan(PlanRenewal(terms=read, today=OPENS.date()), CLOCK)
        start = RenewalStart(
            contract_id=read.contract_id, connection=read.connection, opportunity_id="006Globex",
            sources=["stripe-us"], crm="crm", success="gainsight", support="zendesk",
        )  # fmt: skip
        seen = TakeSnapshot.model_validate({
            "start": start, "terms": read, "dates": plan.dates, "at": OPENS,
            "invoices": [said(invoice(paid="12000"))], "incidents": incidents(),
            "tasks": onboarding(), "opportunity": deal(),
        })  # fmt: skip
        return (await self.book.snapshot(seen, CLOCK)).snapshot_id

    async def assess(self, account: str, days: int, *numbers: int) -> None:
        """An account's invoices so many days after they were due."""
        request = AssessRisk(
            account_id=account,
            cause="evt_overdue",
            today=after(days),
            sources=[said(*(invoice(number) for number in numbers), account=account)],
            family=_family(account),
        )
        await self.book.assess(request, RISK)


def _family(account: str) -> AccountFamily:
    accounts = [
        Account(id=GLOBEX, name="Globex"),
        Account(id=GMBH, name="Globex GmbH", parent_id=GLOBEX),
    ]
    return AccountFamily(account_id=account, accounts=accounts)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A fresh ledger."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    config = tmp_path / "tieline.toml"
    config.write_text(f'ledger_url = "{url}"\n')
    db = Database.open(url)
    judge = CatalogueJudge(load_catalogue())
    yield Office(config, SqlPortfolio(db, lambda: judge))
    await db.close()


async def test_renewals_are_listed_from_the_start_and_narrowed(office: Office) -> None:
    """A clock that waits has a value, a day and a next look; one without an end says why."""
    soon = datetime.now(UTC).date() + timedelta(days=30)
    await office.waits()
    await office.waits(contract_id="sub_soon", ends_on=soon)
    await office.waits(contract_id="sub_open", ends_on=None, value=None)

    table = await office.run("renewals", "list")
    near = await office.run("renewals", "list", "--within-days", "31", as_json=True)
    excluded = await office.run("renewals", "list", "--state", "excluded", as_json=True)
    nobody = await office.run("renewals", "list", "--account", "001Nobody")

    assert (table.code, table.err) == (0, "")
    for text in ("stripe-us/sub_globex", "2026-12-31", "waiting", "2026-10-02", "sub_open"):
        assert text in table.out, text
    assert "120,000.00 USD" in table.out and "not known" in table.out
    assert "sub_soon" in {one["contract_id"] for one in near.json}
    assert "sub_open" not in {one["contract_id"] for one in near.json}
    assert [one["contract_id"] for one in excluded.json] == ["sub_open"]
    assert nobody.out.endswith("No renewal is on record that matches.\n")


async def test_a_listing_of_renewals_says_how_current_it_is(office: Office) -> None:
    """As of when, each source, and of how many which signal is not known; JSON stays a list, whose
    rows say it of themselves, unless the listing's own freshness is asked for."""
    await office.waits(contract_id="sub_next")
    await office.looks()

    text = await office.run("renewals", "list")
    rows = await office.run("renewals", "list", as_json=True)
    found = await office.run("renewals", "list", "--freshness", as_json=True)

    assert (text.code, text.err) == (0, "")
    assert text.out.startswith("renewals  incomplete, as of ")
    for part in ("because renewals listed of which usage is not known: 1", LOOKS, "744 h"):
        assert part in text.out, part
    assert {one["contract_id"]: one["unknown"] for one in rows.json} == {
        "sub_globex": ["usage"], "sub_next": []
    }  # fmt: skip
    assert all(datetime.fromisoformat(one["as_of"]) <= datetime.now(UTC) for one in rows.json)
    assert found.json["rows"] == rows.json
    assert found.json["freshness"]["incomplete"] is True
    assert [one["source"] for one in found.json["freshness"]["sources"]] == [LOOKS]


async def test_a_renewal_is_shown_with_every_signal_and_what_it_rests_on(office: Office) -> None:
    """Dates and which decided, forecast, reasons; source, owner, age and definition of each."""
    await office.waits()
    waiting = await office.run("renewals", "show", "sub_globex")
    snapshot = await office.looks()

    text = await office.run("renewals", "show", "sub_globex")
    found = await office.run("renewals", "show", "stripe-us/sub_globex", as_json=True)

    assert waiting.out.startswith("stripe-us/sub_globex  waiting")
    assert "2026-12-31 (contract_end)" in waiting.out and "2026-12-01" in waiting.out
    assert text.out.startswith("stripe-us/sub_globex  unknown")
    for part in (
        snapshot, CLOCK.workflow_id, "blocks  usage: no connection is configured", "sales-ops",
        "not known", "zendesk", "renewal_readiness@1", "2026-11-01",
    ):  # fmt: skip
        assert part in text.out, part
    assert {one["name"] for one in found.json["snapshot"]["signals"]} == {
        "billing", "support", "usage", "implementation", "crm"
    }  # fmt: skip
    assert found.json["line"]["snapshot_id"] == snapshot
    assert found.json["line"]["value"] == {"amount_minor": 12_000_000, "currency": "USD"}
    assert "120,000.00 USD" in waiting.out


async def test_a_contract_that_has_no_clock_or_several_is_explained(office: Office) -> None:
    """What to do is in the sentence."""
    await office.waits()
    await office.waits(connection="netsuite-de")

    absent = await office.run("renewals", "show", "sub_nobody")
    several = await office.run("renewals", "show", "sub_globex")
    one = await office.run("renewals", "show", "netsuite-de/sub_globex", as_json=True)

    assert absent.refusal.startswith("NotFound: no renewal clock of contract sub_nobody is on")
    assert "renewal-reconcile" in absent.refusal
    assert several.refusal == (
        "Misconfigured: there are several contracts sub_globex; name one: "
        "netsuite-de/sub_globex, stripe-us/sub_globex"
    )
    assert one.json["line"]["connection"] == "netsuite-de"


async def test_accounts_at_risk_are_listed_the_worst_first(office: Office) -> None:
    """Those at no risk only when asked for."""
    await office.assess(GMBH, 60, 1)
    await office.assess(GLOBEX, 60, 2, 3)
    await office.assess("001Initech", -5, 4)

    table = await office.run("risk", "list")
    everyone = await office.run("risk", "list", as_json=True)
    calm = await office.run("risk", "list", "--level", "none", as_json=True)
    critical = await office.run("risk", "list", "--level", "critical")

    assert (table.code, table.err) == (0, "")
    assert "Globex GmbH" in table.out and "36,000.00 USD" in table.out
    assert {one["account_id"] for one in everyone.json} == {GLOBEX, GMBH}
    scores = [one["score"] for one in everyone.json]
    assert scores == sorted(scores, reverse=True)
    assert [one["account_id"] for one in calm.json] == ["001Initech"]
    assert critical.code == 0


async def test_a_listing_of_risks_says_which_owner_of_invoices_did_not_answer(
    office: Office,
) -> None:
    """Also when nothing is listed: no risk is on record is not the same as no risk."""
    empty = await office.run("risk", "list")
    away = said(connection="netsuite-de", known=False, minutes=-30)
    request = AssessRisk(
        account_id=GLOBEX, cause="evt_overdue", today=after(60), sources=[said(invoice()), away],
    )  # fmt: skip
    await office.book.assess(request, RISK)

    text = await office.run("risk", "list")
    rows = await office.run("risk", "list", as_json=True)
    found = await office.run("risk", "list", "--freshness", as_json=True)

    nothing = "because no system that it would rest on is known"
    assert empty.out.startswith("risk  incomplete, as of ") and nothing in empty.out
    assert empty.out.endswith("No account is at risk.\n")
    silent = "netsuite-de did not answer when it was asked for the invoices of accounts listed: 1"
    assert f"because {silent}" in text.out
    (line,) = rows.json
    assert line["unknown"] == ["netsuite-de"]
    assert datetime.fromisoformat(line["as_of"]) == NOON - timedelta(minutes=30)
    assert found.json["rows"] == rows.json
    assert silent in found.json["freshness"]["because"]


async def test_an_account_is_shown_with_its_invoices_and_late_subsidiaries(office: Office) -> None:
    """Level and score, why, sums by currency, and when it changes by itself."""
    await office.assess(GMBH, 20, 1)
    await office.assess(GLOBEX, 20, 2)

    text = await office.run("risk", "show", GLOBEX)
    found = await office.run("risk", "show", GLOBEX, as_json=True)
    nobody = await office.run("risk", "show", "001Nobody")

    assert text.out.startswith("Globex  ")
    for part in ("INV-2", GMBH, "12,000.00 USD", "20 d", RISK.workflow_id, "because  ",
                 "invoice_collection_status@1", str(after(20))):  # fmt: skip
        assert part in text.out, part
    assessment = found.json["assessment"]
    assert assessment["late_accounts"] == [GLOBEX, GMBH]
    (late,) = [line for line in text.out.splitlines() if line.startswith("late subsidiaries")]
    assert late.split()[-1] == GMBH
    assert date.fromisoformat(assessment["changes_on"]) > after(20)
    assert nobody.refusal.startswith("NotFound: account 001Nobody was never assessed")
