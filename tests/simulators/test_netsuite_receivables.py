"""A file of receivables becomes a portfolio in the NetSuite simulator, and is lived through."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from simulators.netsuite import NetSuiteSimulator, ReceivablesError
from simulators.netsuite.receivables import read_receivables

# As the public set of late payment histories has them, with columns that nobody needs here.
FACTORING = """countryCode,customerID,PaperlessDate,invoiceNumber,InvoiceDate,DueDate,@
InvoiceAmount,Disputed,SettledDate,PaperlessBill,DaysToSettle,DaysLate
391,0379-NEVHP,4/6/2013,611365,1/2/2013,2/1/2013,55.94,No,1/15/2013,Paper,13,0
406,8976-AMJEO,3/3/2012,7900770,1/26/2013,2/25/2013,61.74,Yes,3/3/2013,Electronic,36,6
391,0379-NEVHP,4/6/2013,9231909,2/20/2013,3/22/2013,105.92,No,4/1/2013,Electronic,40,10
""".replace("@\n", "")
AS_OF = date(2013, 2, 27)
DAY_SECONDS = 86_400
CURRENCIES = ("USD", "EUR", "JPY")


@pytest.fixture
def simulator() -> NetSuiteSimulator:
    return NetSuiteSimulator(access_tokens=["opened"])


@pytest.fixture
async def netsuite(simulator: NetSuiteSimulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer opened"}
    transport = httpx.ASGITransport(simulator.app())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://ns", headers=headers
    ) as client:
        yield client


def held(simulator: NetSuiteSimulator, number: str) -> dict[str, Any]:
    """An invoice of the portfolio, by its number in the file."""
    return simulator.records.get("invoice", f"eid:inv-{number}")


def moved(day: date) -> str:
    """A day of the file as the account has it."""
    return (day + (datetime.now(UTC).date() - AS_OF)).isoformat()


async def test_a_portfolio_stands_as_it_did_on_a_day_that_is_taken_for_today(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """One invoice is paid, one overdue and disputed, one open; all days are moved as one."""
    order = {"csv": FACTORING, "as_of": AS_OF.isoformat()}
    report = (await netsuite.post("/_sim/receivables", json=order)).json()

    assert {name: report[name] for name in ("customers", "invoices", "open", "overdue")} == {
        "customers": 2, "invoices": 3, "open": 2, "overdue": 1,
    }  # fmt: skip
    assert (report["disputed"], report["paid"], report["ahead"], report["bad"]) == (1, 1, 0, [])
    paid, late = held(simulator, "611365"), held(simulator, "7900770")
    assert paid["status"]["refName"] == "Paid In Full"
    assert (late["dueDate"], late["amountRemaining"]) == (
        moved(date(2013, 2, 25)), late["total"],
    )  # fmt: skip
    assert late["custbody_tieline_disputed"] is True
    assert late["createdDate"][:10] == moved(date(2013, 1, 26))
    (payment,) = simulator.records.tables["customerPayment"].values()
    assert payment["createdDate"][:10] == moved(date(2013, 1, 15))


async def test_payments_arrive_on_their_day_as_the_clock_goes_on(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """The disputed invoice is settled on March 3rd, which ends the dispute; the last in April."""
    simulator.load_receivables(FACTORING, AS_OF)
    before = simulator.now()

    await netsuite.post("/_sim/advance", json={"seconds": 4 * DAY_SECONDS})
    settled, owed = held(simulator, "7900770"), held(simulator, "9231909")
    assert (settled["amountRemaining"], settled["custbody_tieline_disputed"]) == (0, False)
    assert settled["lastModifiedDate"][:10] == moved(date(2013, 3, 3))
    assert owed["amountRemaining"] == owed["total"]

    await netsuite.post("/_sim/advance", json={"seconds": 29 * DAY_SECONDS})
    assert held(simulator, "9231909")["amountRemaining"] == 0
    assert round((simulator.now() - before) / DAY_SECONDS) == 33
    assert simulator.portfolio.ahead == []


def test_invoices_after_the_day_are_posted_when_their_day_comes(
    simulator: NetSuiteSimulator,
) -> None:
    """A portfolio can be lived through from its first day on."""
    report = simulator.load_receivables(FACTORING, date(2013, 1, 1))

    assert (report.ahead, report.open, report.paid) == (3, 0, 0)
    simulator.advance(30 * DAY_SECONDS)
    numbers = {one["tranId"] for one in simulator.records.tables["invoice"].values()}
    assert numbers == {"611365", "7900770"}


def test_without_a_day_the_newest_invoice_is_of_today(simulator: NetSuiteSimulator) -> None:
    """So that everything is posted, and what was not paid by then is still to be."""
    report = simulator.load_receivables(FACTORING)

    assert (report.as_of, report.ahead) == ("2013-02-20", 0)
    assert report.today == datetime.now(UTC).date().isoformat()


def test_what_was_paid_by_hand_is_not_paid_again(simulator: NetSuiteSimulator) -> None:
    """The rehearsal may go another way than the file."""
    simulator.load_receivables(FACTORING, AS_OF)
    simulator.clerk.pay("eid:inv-9231909")

    simulator.advance(60 * DAY_SECONDS)

    assert held(simulator, "9231909")["amountRemaining"] == 0
    assert len(simulator.records.tables["customerPayment"]) == 3


def test_the_columns_of_another_set_are_understood() -> None:
    """Other names, dates without separators, numbers that a spreadsheet made decimal."""
    text = (
        "cust_number;doc_id;posting_date;due_in_date;invoice_currency;total_open_amount;clear_date"
        "\n0200769623;1930438491.0;2020-01-26;20200210.0;EUR;54,273.28;\n"
    )

    (one,) = read_receivables(text, CURRENCIES).receivables

    assert (one.invoice, one.customer, one.currency) == ("1930438491", "0200769623", "EUR")
    assert (one.invoiced_on, one.due_on) == (date(2020, 1, 26), date(2020, 2, 10))
    assert str(one.amount) == "54273.28"
    assert (one.disputed, one.settled_on) == (False, None)


def test_slashes_are_read_one_way_through_the_whole_file() -> None:
    """One 25/2 says that 4/6 is in June."""
    text = "invoice,customer,invoice date,due date,amount\nA,x,25/2/2013,4/6/2013,1\n"
    american = text.replace("25/2/2013", "2/25/2013")

    (one,) = read_receivables(text, CURRENCIES).receivables
    (other,) = read_receivables(american, CURRENCIES).receivables

    assert (one.due_on, other.due_on) == (date(2013, 6, 4), date(2013, 4, 6))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",x,2013-01-01,2013-02-01,1,USD,,", "no invoice"),
        ("A,,2013-01-01,2013-02-01,1,USD,,", "no customer"),
        ("A,x,soon,2013-02-01,1,USD,,", "'soon' is no invoiced date"),
        ("A,x,2013-01-01,,1,USD,,", "'' is no due date"),
        ("A,x,2013-01-01,2013-02-01,much,USD,,", "'much' is no amount"),
        ("A,x,2013-01-01,2013-02-01,-5,USD,,", "the amount is not above zero"),
        ("A,x,2013-01-01,2013-02-01,1.005,USD,,", "more decimals than USD"),
        ("A,x,2013-01-01,2013-02-01,1.5,JPY,,", "more decimals than JPY"),
        ("A,x,2013-01-01,2013-02-01,1,XAU,,", "no currency XAU"),
        ("A,x,2013-01-01,2013-02-01,1,USD,maybe,", "neither yes nor no"),
        ("A,x,2013-01-01,2013-02-01,1,USD,,2012-12-31", "settled before it is invoiced"),
        ("OK,x,2013-01-01,2013-02-01,1,USD,,", "invoice OK is there already"),
    ],
)
def test_a_line_that_makes_no_invoice_is_reported_and_left_out(line: str, why: str) -> None:
    """By its number and the reason; the other lines are loaded."""
    header = "invoice,customer,invoice date,due date,amount,currency,disputed,settled date"
    text = f"{header}\nOK,x,2013-01-01,2013-02-01,1,USD,no,\n{line}\n"

    read = read_receivables(text, CURRENCIES)

    assert [one.invoice for one in read.receivables] == ["OK"]
    ((number, said),) = [(bad.line, bad.why) for bad in read.bad]
    assert number == 3
    assert why in said


@pytest.mark.parametrize("text", ["", "invoice,amount\n1,2\n", "\n\n"])
async def test_a_file_without_the_columns_is_refused(
    netsuite: httpx.AsyncClient, text: str
) -> None:
    """With the names of what is missing."""
    with pytest.raises(ReceivablesError, match=r"no column for .*due date"):
        read_receivables(text, CURRENCIES)

    answer = await netsuite.post("/_sim/receivables", json={"csv": text})
    assert (answer.status_code, "due date" in answer.json()["error"]) == (400, True)


async def test_the_clerk_notes_disputes_and_takes_invoices_back(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """By control routes, as people would in the account; what was paid cannot be taken back."""
    simulator.load_receivables(FACTORING, AS_OF)
    order = {"invoice": "eid:inv-9231909"}
    await netsuite.post("/_sim/dispute", json=order)
    assert held(simulator, "9231909")["custbody_tieline_disputed"] is True
    await netsuite.post("/_sim/dispute", json={**order, "disputed": False})
    assert held(simulator, "9231909")["custbody_tieline_disputed"] is False

    await netsuite.post("/_sim/void", json=order)
    refused = await netsuite.post("/_sim/void", json={"invoice": "eid:inv-611365"})

    query = {"q": "SELECT status, foreignamountunpaid FROM transaction WHERE type = 'CustInvc'"
                  " AND tranid = '9231909'"}  # fmt: skip
    answer = await netsuite.post(
        "/services/rest/query/v1/suiteql", json=query, headers={"Prefer": "transient"}
    )
    (row,) = answer.json()["items"]
    assert (row["status"], row["foreignamountunpaid"]) == ("V", "0")
    assert refused.status_code == 400


async def test_the_accounts_day_is_its_own_in_pacific_time(
    netsuite: httpx.AsyncClient, simulator: NetSuiteSimulator
) -> None:
    """TRUNC(SYSDATE) is never ahead of the day in UTC, and moves with the account's clock."""
    simulator.moved_seconds = 14 * DAY_SECONDS
    headers = {"Prefer": "transient"}
    query = {"q": "SELECT TO_CHAR(TRUNC(SYSDATE), 'YYYY-MM-DD') AS today FROM subsidiary"}

    answer = await netsuite.post("/services/rest/query/v1/suiteql", json=query, headers=headers)

    (row,) = answer.json()["items"]
    pacific = datetime.fromtimestamp(simulator.now(), UTC) - timedelta(hours=8)
    assert row["today"] == pacific.date().isoformat()
