"""An invoice of NetSuite from the rows of SuiteQL, by itself."""

import pytest

from adapters.netsuite import facts
from adapters.netsuite.settings import NetSuiteSettings
from canonical.errors import Malformed
from canonical.facts import InvoiceStatus
from canonical.money import Money


def usd(major: str) -> Money:
    """An amount in dollars."""
    return Money.of(major, "USD")


HEADER = {
    "id": "7", "type": "CustInvc", "status": "A", "currency": "USD", "total": "100.00",
    "unpaid": "40.5", "changed": "2026-11-25T10:00:00Z", "created": "2026-11-01T09:00:00Z",
}  # fmt: skip
SETTINGS = NetSuiteSettings({"Acme Inc": "1"}, {"USD": "1"}, "", "vatRegNumber")


@pytest.mark.parametrize(
    ("status", "means", "posted"),
    [
        ("A", InvoiceStatus.OPEN, True),
        ("CustInvc:B", InvoiceStatus.PAID, True),
        ("D", InvoiceStatus.DRAFT, False),
        ("E", InvoiceStatus.VOID, False),
        ("CustInvc:V", InvoiceStatus.VOID, True),
    ],
)
def test_the_letters_of_an_invoice_have_a_meaning(
    status: str, means: InvoiceStatus, posted: bool
) -> None:
    """What waits for approval, or was rejected, was never posted."""
    found = facts.invoice_facts({**HEADER, "status": status}, [], SETTINGS)

    assert found.status is means
    assert (found.posted_at is not None) is posted


@pytest.mark.parametrize(("said", "past"), [("T", True), ("F", False), (None, False)])
def test_what_is_not_called_past_due_is_not(said: str | None, past: bool) -> None:
    """The due date is told besides, so that a column that is gone makes nobody late."""
    header = HEADER | ({"pastdue": said} if said else {})

    assert facts.invoice_facts(header, [], SETTINGS).past_due is past


def test_a_write_off_and_a_mirrored_link_are_no_payments() -> None:
    """A journal settles without money, and the other end of a link counts nothing."""
    created = {"changed": "2026-11-25T11:00:00Z", "created": "2026-11-20T09:00:00Z"}
    links = [
        {"id": "8", "type": "CustPymt", "amount": "50", **created},
        {"id": "9", "type": "Journal", "amount": "9.50", **created},
        {"id": "9", "type": "Journal", "amount": "-9.50", **created},
    ]

    found = facts.invoice_facts(HEADER, links, SETTINGS)

    assert (found.paid, found.remaining) == (usd("50"), usd("40.50"))
    assert found.version == "2026-11-25T11:00:00Z"


@pytest.mark.parametrize("gone", ["status", "currency", "total", "unpaid", "changed", "created"])
def test_a_column_that_is_gone_is_named(gone: str) -> None:
    """Schema drift is a malformed answer, never a zero."""
    header = {name: value for name, value in HEADER.items() if name != gone}

    with pytest.raises(Malformed, match=gone):
        facts.invoice_facts(header, [], SETTINGS)


def test_a_status_that_nobody_knows_is_malformed() -> None:
    """An invoice is not guessed to be open."""
    with pytest.raises(Malformed):
        facts.invoice_facts({**HEADER, "status": "Q"}, [], SETTINGS)


def test_a_column_that_is_new_changes_nothing() -> None:
    """NetSuite adds columns twice a year."""
    assert facts.invoice_facts({**HEADER, "esg": "green"}, [], SETTINGS).id == "7"
