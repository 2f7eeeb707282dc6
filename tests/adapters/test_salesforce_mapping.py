"""From Salesforce's records to orders: pure, with the vendor's own oddities."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from adapters.salesforce.api import quoted
from adapters.salesforce.ids import id18
from adapters.salesforce.mapping import (
    from_salesforce_booking,
    from_salesforce_line,
    from_salesforce_order,
    to_salesforce_write_back,
    with_ancestors,
)
from adapters.salesforce.oauth import instance_of, looks_live
from adapters.salesforce.soql import order_query
from canonical.connections import Connection
from canonical.effects import Stamp
from canonical.errors import AccountMissing, CurrencyMismatch, InvalidOrder, UnsupportedTerms
from canonical.money import Money
from canonical.orders import Charge
from canonical.ports.crm import WriteBack

DEAL = {
    "Id": "0065g00000GlobexAAA", "Name": "Globex, net 45", "AccountId": "001A",
    "Account": {"Id": "001A", "Name": "Globex", "ParentId": None}, "StageName": "Closed Won",
    "IsWon": True, "Amount": Decimal("12000.50"), "CurrencyIsoCode": "EUR",
    "CloseDate": "2026-11-20", "SystemModstamp": "2026-11-20T10:00:00.000+0000",
    "Term_Months__c": Decimal("12.0"), "Contract_Start__c": None, "Legal_Entity__c": None,
    "Support_Tier__c": "Gold", "PO_Number__c": None,
}  # fmt: skip
LINE = {
    "Id": "00k1", "ProductCode": "GTX", "Name": "GTX", "Quantity": Decimal("10.0"), "UnitPrice": 12,
    "TotalPrice": 120, "ServiceDate": "2026-12-01", "Service_End_Date__c": None,
    "Charge_Type__c": "Recurring", "Milestone__c": None, "Product2": {"IsActive": True},
}  # fmt: skip


def order(**changes: Any) -> Any:
    """The deal with some fields changed."""
    return from_salesforce_order(DEAL | changes, [LINE], [], "")


def test_silence_in_the_crm_is_an_empty_field() -> None:
    """Nulls become empty strings and None, never the text None."""
    read = order()

    assert (read.legal_entity, read.po_number, read.starts_on) == ("", "", None)
    assert read.term_months == 12
    assert read.amount == Money(amount_minor=1_200_050, currency="EUR")
    assert read.closed_on == date(2026, 11, 20)
    assert read.lines[0].quantity == 10


def test_an_org_with_one_currency_takes_it_from_the_settings() -> None:
    """Such an org has no field for it."""
    single = {k: v for k, v in DEAL.items() if k != "CurrencyIsoCode"}

    assert from_salesforce_order(single, [], [], "USD").currency == "USD"
    assert "CurrencyIsoCode" not in order_query("0065g00000GlobexAAA", multi_currency=False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"AccountId": None}, AccountMissing),
        ({"Account": None}, AccountMissing),
        ({"CurrencyIsoCode": None}, CurrencyMismatch),
        ({"CurrencyIsoCode": "EURO"}, CurrencyMismatch),
        ({"Amount": Decimal("0.001")}, UnsupportedTerms),
        ({"Amount": Decimal("10.5"), "CurrencyIsoCode": "JPY"}, UnsupportedTerms),
        ({"Term_Months__c": Decimal("12.5")}, UnsupportedTerms),
    ],
)
def test_what_cannot_be_read_of_a_deal_is_named(
    changes: dict[str, Any], error: type[InvalidOrder]
) -> None:
    """Each flaw has its own cause, so that it reaches whoever can repair it."""
    with pytest.raises(error) as refused:
        order(**changes)
    assert refused.value.about == DEAL["Id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"Charge_Type__c": "Usage"}, {"UnitPrice": None}, {"TotalPrice": None}, {"Quantity": None},
        {"UnitPrice": Decimal("0.0001")},
    ],
)  # fmt: skip
def test_what_cannot_be_read_of_a_line_is_named(changes: dict[str, Any]) -> None:
    """The line's id says which."""
    with pytest.raises(UnsupportedTerms) as refused:
        from_salesforce_line(LINE | changes, "EUR")
    assert refused.value.about == "00k1"


@pytest.mark.parametrize(
    ("stated", "charge"),
    [
        ("Recurring", Charge.RECURRING), ("One-Time", Charge.ONE_TIME),
        ("Milestone", Charge.MILESTONE), (None, None), ("", None),
    ],
)  # fmt: skip
def test_charge_types_are_the_orgs_picklist(stated: str | None, charge: Charge | None) -> None:
    """An empty one is left to the domain's rules."""
    assert from_salesforce_line(LINE | {"Charge_Type__c": stated}, "EUR").charge is charge


@pytest.mark.parametrize(("product", "active"), [({"IsActive": False}, False), (None, True)])
def test_a_retired_product_is_noticed(product: Any, active: bool) -> None:
    """A line without a product is not a retired one."""
    assert from_salesforce_line(LINE | {"Product2": product}, "EUR").product_active is active


def test_nested_parents_come_nearest_first() -> None:
    """The chain ends where the CRM shows no more."""
    nested = {"Id": "A", "Parent": {"Id": "B", "Parent": {"Id": "C", "Parent": None}}}
    assert [a.id for a in with_ancestors(nested)] == ["A", "B", "C"]
    assert list(with_ancestors(None)) == []


def test_one_deal_with_an_odd_amount_does_not_stop_the_count() -> None:
    """It is rounded, and its status says so."""
    booking = from_salesforce_booking(DEAL | {"Amount": Decimal("10.005")}, "")

    assert booking.amount == Money.of("10.01", "EUR")
    assert booking.status == "Closed Won (10.005 rounded)"


def test_only_what_there_is_to_tell_is_written_back() -> None:
    """An empty reference does not clear the field."""
    stamp = Stamp(key="k", token="t", correlation_id="tl-1")
    told = to_salesforce_write_back(WriteBack(opportunity_id="006", status="Held"), stamp)
    assert told == {"Activation_Status__c": "Held", "Integration_Correlation_Id__c": "tl-1"}


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),
        ("001A0000006Vm9rIAC", "001A0000006Vm9rIAC"),
        ("001A0000006Vm9riac", "001A0000006Vm9rIAC"),
        ("001A0000006Vm9", None),
        ("001A0000006Vm9r' OR Id != '", None),
        ("", None),
    ],
)
def test_ids_get_their_checksum(given: str, known: str | None) -> None:
    """Fifteen characters that differ in case only must not fold together elsewhere."""
    assert id18(given) == known


def test_a_quote_does_not_end_a_soql_literal() -> None:
    """Both of SOQL's special characters are escaped."""
    assert quoted("O'Neil\\") == "'O\\'Neil\\\\'"


def crm(host: str, environment: str = "test") -> Connection:
    """A connection to an org at this address."""
    return Connection(
        name="crm", role="crm", vendor="salesforce", base_url=host, environment=environment
    )


@pytest.mark.parametrize(
    ("host", "live"),
    [
        ("https://acme.my.salesforce.com", True),
        ("https://acme--uat.sandbox.my.salesforce.com", False),
        ("https://acme-dev-ed.develop.my.salesforce.com", False),
        ("http://127.0.0.1:8001", None),
    ],
)
def test_an_orgs_address_tells_production_from_sandbox(host: str, live: bool | None) -> None:
    """A test connection must not reach a production org."""
    assert looks_live(crm(host)) is live


@pytest.mark.parametrize(
    ("instance", "used"),
    [
        ("https://acme2.my.salesforce.com", "https://acme2.my.salesforce.com"),
        ("https://acme2.my.salesforce.com/", "https://acme2.my.salesforce.com"),
        ("http://acme2.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("https://salesforce.com.evil.example", "https://acme.my.salesforce.com"),
        ("https://evil.example", "https://acme.my.salesforce.com"),
        ("", "https://acme.my.salesforce.com"),
    ],
)
def test_a_token_answer_leads_only_within_salesforce(instance: str, used: str) -> None:
    """The token must not follow an address somewhere else."""
    assert instance_of(crm("https://acme.my.salesforce.com"), instance) == used
