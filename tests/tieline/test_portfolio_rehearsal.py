"""What a portfolio's rehearsal takes of a file, and what it holds against the systems."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from canonical.errors import Misconfigured
from canonical.facts import InvoiceFacts, InvoiceStatus
from canonical.money import Money
from canonical.risk import RiskRules
from tieline.rehearsal import portfolio_file
from tieline.rehearsal.portfolio_file import open_portfolio
from tieline.rehearsal.portfolio_shown import Ought, Shown, Systems, differences

ACCOUNT = "0015g00000GlobexAAA"
TODAY = date(2026, 11, 25)
LATE = Shown(
    level="watch",
    score=25,
    overdue="100.00 USD",
    flag="payment_risk_watch",
    tags=("payment_risk_watch",),
    calls=1,
    calls_ever=1,
)


def ar(folder: Path, *lines: str) -> Path:
    """A file with these lines."""
    file = folder / "ar.csv"
    columns = "invoice,customer,invoice date,due date,amount,settled date"
    file.write_text("\n".join([columns, *lines]))
    return file


TWO_YEARS = (
    "1,Globex,2024-01-10,2024-02-09,100,2024-02-20",
    "2,Initech,2024-03-01,2024-03-31,100,",
    "3,Globex,2025-11-01,2025-12-01,100,2025-12-20",
)


def test_the_last_half_year_of_a_file_is_lived_through(tmp_path: Path) -> None:
    """Its last day is the last of which it tells something."""
    opened = open_portfolio(ar(tmp_path, *TWO_YEARS), ["USD"])

    assert (opened.first, opened.last) == (date(2025, 6, 23), date(2025, 12, 20))


@pytest.mark.parametrize(
    ("as_of", "days", "first", "last"),
    [
        (date(2024, 1, 20), None, date(2024, 1, 20), date(2024, 7, 18)),
        (date(2025, 12, 1), None, date(2025, 12, 1), date(2025, 12, 20)),
        (date(2025, 12, 1), 60, date(2025, 12, 1), date(2026, 1, 30)),
        (None, 30, date(2025, 11, 20), date(2025, 12, 20)),
        (None, 1_000, date(2024, 1, 10), date(2026, 10, 6)),
    ],
)
def test_a_day_and_a_number_of_days_choose_another_part(
    tmp_path: Path, as_of: date | None, days: int | None, first: date, last: date
) -> None:
    """One without the other suffices."""
    opened = open_portfolio(ar(tmp_path, *TWO_YEARS), ["USD"], as_of, days)

    assert (opened.first, opened.last) == (first, last)


def test_what_is_overdue_on_the_first_day_is_looked_back_for(tmp_path: Path) -> None:
    """Initech has not paid since March; what Globex has paid is not looked for."""
    opened = open_portfolio(ar(tmp_path, *TWO_YEARS), ["USD"], date(2024, 4, 30))

    assert opened.lookback_days() == 30 + portfolio_file.LOOKBACK_DAYS
    assert opened.changing()[opened.first] == set(opened.accounts.values())


def test_a_customer_keeps_its_record_id_and_others_get_one(tmp_path: Path) -> None:
    """The ids are those of a CRM, so that it can be asked for them; no two are the same."""
    own = "0010001000000IAA"[:15]
    lines = [f"{n},{who},2024-01-10,2024-02-09,100," for n, who in enumerate([own, "Globex", "X"])]
    opened = open_portfolio(ar(tmp_path, *lines), ["USD"])
    opened.write_export(tmp_path / "crm", "US")

    assert opened.accounts[own].startswith(own)
    assert len(set(opened.accounts.values())) == 3
    assert all(len(account) == 18 for account in opened.accounts.values())
    assert opened.accounts["Globex"] in opened.erp_csv()
    assert "Globex" not in opened.erp_csv()
    assert "Globex,US" in (tmp_path / "crm" / "Account.csv").read_text()


def test_more_customers_than_can_be_lived_through_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a process and records of its own in four systems."""
    monkeypatch.setattr(portfolio_file, "CUSTOMERS_MAX", 1)

    with pytest.raises(Misconfigured, match="has 2 customers"):
        open_portfolio(ar(tmp_path, *TWO_YEARS), ["USD"])


def ought(*looks: int | None) -> Ought:
    """Globex, looked at with its invoice so many days past its due date (None: it has none)."""
    judged = Ought([ACCOUNT], RiskRules())
    for days in looks:
        judged.invoices[ACCOUNT] = [] if days is None else [owed(days)]
        judged.look(TODAY)
    return judged


def owed(days: int) -> InvoiceFacts:
    """100.00 dollars, due so many days ago."""
    at = datetime.combine(TODAY, datetime.min.time(), UTC) - timedelta(days=days + 30)
    money = Money.of("100", "USD")
    return InvoiceFacts(
        id="1", version="1", changed_at=at, posted_at=at, account_id=ACCOUNT,
        status=InvoiceStatus.OPEN, total=money, paid=Money.zero("USD"), remaining=money,
        due_on=TODAY - timedelta(days=days),
    )  # fmt: skip


def test_what_is_shown_as_it_ought_to_be_differs_in_nothing() -> None:
    """At risk, and not."""
    assert differences(ought(7), {ACCOUNT: LATE}) == {}
    assert differences(ought(3), {ACCOUNT: Shown()}) == {}
    assert differences(ought(3), {}) == {}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"level": "high"}, "level high instead of watch"),
        ({"overdue": "90.00 USD"}, "overdue 90.00 USD instead of 100.00 USD"),
        ({"flag": ""}, "flag none instead of payment_risk_watch"),
        ({"tags": ()}, "tags none instead of"),
        ({"calls": 2, "calls_ever": 2}, "calls 2 instead of 1, 2 calls in 1 spells"),
        ({"calls": 0, "calls_ever": 0}, "calls 0 instead of 1"),
    ],
)
def test_whatever_is_shown_otherwise_is_said(seen: dict[str, Any], said: str) -> None:
    """Each field, in both systems."""
    shown = Shown(**{**vars(LATE), **seen})

    assert said in differences(ought(7), {ACCOUNT: shown})[ACCOUNT]


def test_a_trace_of_what_is_over_is_said() -> None:
    """A call that was closed may stay; a level may not."""
    over = Shown(calls_ever=1)

    assert differences(ought(7, None), {ACCOUNT: over}) == {}
    assert "level watch instead of none" in differences(ought(7, None), {ACCOUNT: LATE})[ACCOUNT]
    assert "1 calls in 0 spells" in differences(ought(3), {ACCOUNT: over})[ACCOUNT]


def test_each_stretch_of_late_payments_is_worth_one_call() -> None:
    """Late, paid, late again: two; looked at twice in between: still two."""
    assert ought(7, 8, None, None, 9, 20).spells == {ACCOUNT: 2}


def test_company_organization_and_calls_are_read_together() -> None:
    """By the account's id; calls about anything else are left out, tags of others too."""
    success = {
        "Company": {
            "1": {"Gsid": "1", "SFDC_Account_Id__gc": ACCOUNT, "Risk_Level__gc": "watch",
                  "Risk_Score__gc": 25, "Overdue_Amount__gc": "100.00 USD"},
        },
        "call_to_action": {
            "2": {"CompanyId": "1", "Risk_Ref__gc": "x", "IsClosed": False},
            "3": {"CompanyId": "1", "External_Ref__gc": "y", "IsClosed": False},
        },
    }  # fmt: skip
    fields = {"payment_risk": "payment_risk_watch"}
    organization = {"external_id": ACCOUNT, "organization_fields": fields}
    organization |= {"tags": ["vip", "payment_risk_watch"]}

    assert Systems(success, {"organizations": [organization]}).shown() == {ACCOUNT: LATE}
