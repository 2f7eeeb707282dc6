"""What NetSuite is sent and how its answers are read, without a network."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from adapters.http import Answer, error_for
from adapters.netsuite.errors import NETSUITE_ERRORS
from adapters.netsuite.mapping import (
    customer_external_id,
    from_netsuite_order_row,
    is_closed,
    order_external_id,
    to_netsuite_closure,
    to_netsuite_customer,
    to_netsuite_sales_order,
)
from adapters.netsuite.revenue import from_netsuite_revenue
from adapters.netsuite.settings import NetSuiteSettings
from canonical.errors import (
    Busy,
    CreditHold,
    DuplicateRecord,
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    PeriodClosed,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
    Unavailable,
)
from canonical.money import Money
from canonical.orders import Charge
from canonical.plan import RevenuePeriod, SalesOrderLine, SalesOrderSpec
from tests.adapters.contracts.erp import (
    CUSTOMER_STAMP,
    GLOBEX_CUSTOMER,
    GLOBEX_ORDER,
    ORDER_STAMP,
)
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL

SETTINGS = NetSuiteSettings(
    subsidiaries={"Acme Inc": "1", "Acme KK": "9"},
    currencies={"USD": "1", "JPY": "4"},
    terms="4",
    tax_id_field="vatRegNumber",
)


def answer(status: int, body: Any, method: str = "PUT") -> Answer:
    """An answer of NetSuite's to a write, or to a read."""
    path = "/services/rest/record/v1/salesOrder/eid:so-1"
    return Answer(method, path, status, {}, orjson.dumps(body), write=method != "GET")


def refused(status: int, code: str, detail: str = "", path: str = "") -> Answer:
    """A refusal in NetSuite's error body."""
    entry = {"detail": detail, "o:errorCode": code, "o:errorPath": path}
    return answer(status, {"title": "no", "status": status, "o:errorDetails": [entry]})


def test_a_customer_in_netsuites_words() -> None:
    """Legal entity, currency and terms become the account's ids; the address is the bill-to."""
    assert to_netsuite_customer(GLOBEX_CUSTOMER, SETTINGS, CUSTOMER_STAMP) == {
        "companyName": "Globex Corporation",
        "isPerson": False,
        "subsidiary": {"id": "1"},
        "currency": {"id": "1"},
        "terms": {"id": "4"},
        "email": "ap@globex.example",
        "addressBook": {
            "items": [
                {
                    "defaultBilling": True,
                    "defaultShipping": True,
                    "addressBookAddress": {
                        "addressee": "Globex Corporation",
                        "addr1": "1 Globex Way",
                        "city": "Springfield",
                        "state": "OR",
                        "zip": "97475",
                        "country": {"id": "US"},
                    },
                }
            ]
        },
        "custentity_tieline_key": "erp/customer/0015g00000GLOBEXAA/r1",
        "custentity_tieline_correlation": "tl-globex-4711",
    }


def test_a_sales_order_in_netsuites_words() -> None:
    """Amounts are decimals in major units; lines name item, charge, service dates and milestone."""
    body = to_netsuite_sales_order(GLOBEX_ORDER, SETTINGS, "647", "sub_1Globex", ORDER_STAMP)

    platform, golive = body.pop("item")["items"]
    assert body == {
        "entity": {"id": "647"},
        "subsidiary": {"id": "1"},
        "currency": {"id": "1"},
        "terms": {"id": "4"},
        "tranDate": "2026-03-02",
        "memo": f"Opportunity {GLOBEX_DEAL}",
        "otherRefNum": "PO-7",
        "orderStatus": {"id": "B"},
        "custbody_tieline_key": ORDER_STAMP.key,
        "custbody_tieline_correlation": "tl-globex-4711",
        "custbody_billing_subscription": "sub_1Globex",
    }
    assert platform == {
        "item": {"externalId": "PLATFORM"},
        "quantity": 3,
        "price": {"id": "-1"},
        "amount": Decimal("12000.10"),
        "isClosed": False,
        "custcol_tieline_line": "00k-platform",
        "custcol_charge_type": "recurring",
        "revRecStartDate": "2026-04-01",
        "revRecEndDate": "2027-03-31",
    }
    assert golive["custcol_milestone"] == "go-live"
    assert "revRecStartDate" not in golive


def test_yen_have_no_decimals() -> None:
    """The currency's own minor unit decides."""
    line = SalesOrderLine(
        line_id="1",
        item="PLATFORM",
        quantity=1,
        amount=Money(amount_minor=120_000, currency="JPY"),
        charge=Charge.ONE_TIME,
    )
    fields = GLOBEX_ORDER.model_dump(exclude={"lines", "total", "currency", "legal_entity"})
    order = SalesOrderSpec(
        **fields, currency="JPY", legal_entity="Acme KK", lines=[line], total=line.amount
    )

    body = to_netsuite_sales_order(order, SETTINGS, "647", "", ORDER_STAMP)

    assert body["item"]["items"][0]["amount"] == Decimal(120_000)
    assert body["subsidiary"] == {"id": "9"}


@pytest.mark.parametrize("option", ["subsidiary", "currency"])
def test_a_list_id_that_is_not_configured_is_named(option: str) -> None:
    """The cause key is the option to add."""
    bare = (
        NetSuiteSettings({}, {}, "", "")
        if option == "subsidiary"
        else NetSuiteSettings(SETTINGS.subsidiaries, {}, "", "")
    )

    with pytest.raises(Misconfigured) as caught:
        to_netsuite_customer(GLOBEX_CUSTOMER, bare, CUSTOMER_STAMP)

    assert caught.value.about.startswith(f"{option}.")


def test_external_ids_are_business_ids_in_netsuites_alphabet() -> None:
    """A pipe or a slash breaks NetSuite's parsing, so it is refused here."""
    assert customer_external_id(GLOBEX) == GLOBEX
    assert order_external_id(GLOBEX_DEAL) == f"so-{GLOBEX_DEAL}"
    with pytest.raises(Malformed):
        order_external_id("006|1")


@pytest.mark.parametrize(
    ("order", "closed"),
    [
        ({"orderStatus": {"id": "B"}}, False),
        ({"orderStatus": {"id": "H"}}, True),
        ({"orderStatus": {"id": "C"}}, True),
        ({"status": {"id": "Closed", "refName": "Closed"}}, True),
        ({"item": {"items": [{"isClosed": True}, {"isClosed": False}]}}, False),
        ({"item": {"items": [{"isClosed": True}, {"isClosed": True}]}}, True),
        ({"item": {"items": []}}, False),
    ],
)
def test_an_order_is_closed_by_its_status_or_by_all_its_lines(
    order: dict[str, Any], closed: bool
) -> None:
    """NetSuite derives the one from the other in its own time."""
    assert is_closed(order) is closed


def test_closing_names_each_line_as_it_was_read() -> None:
    """Lines merge by their number, so nothing else of them changes."""
    order = {"item": {"items": [{"line": 1, "amount": 5}, {"line": 4}]}}

    assert to_netsuite_closure(order, ORDER_STAMP) == {
        "item": {"items": [{"line": 1, "isClosed": True}, {"line": 4, "isClosed": True}]},
        "custbody_tieline_correlation": "tl-globex-4711",
    }


def test_an_order_row_is_a_booking_in_its_own_currency() -> None:
    """SuiteQL writes every value as text."""
    row = {
        "id": "1205", "externalid": f"so-{GLOBEX_DEAL}", "status": "B",
        "foreigntotal": "16000.1", "currency": "USD",
    }  # fmt: skip

    booking = from_netsuite_order_row(row)

    assert booking.business_id == GLOBEX_DEAL
    assert booking.amount == Money.of("16000.10", "USD")


def test_revenue_rows_become_lines_with_their_months() -> None:
    """Months are summed and sorted; a plan on hold is held for the line's milestone."""
    rows = [
        {"lineid": "a", "period": "2026-05", "amount": "10.005", "status": "NOTSTARTED"},
        {"lineid": "a", "period": "2026-04", "amount": "20", "status": "COMPLETED"},
        {"lineid": "a", "period": "2026-05", "amount": "1", "status": "NOTSTARTED"},
        {"lineid": "b", "milestone": "go-live", "amount": "4000", "status": "ONHOLD"},
        {"lineid": "c"},
    ]

    line_a, line_b, line_c = from_netsuite_revenue(rows, "BHD")

    assert line_a.periods == [
        RevenuePeriod(month="2026-04", amount_minor=20_000),
        RevenuePeriod(month="2026-05", amount_minor=11_005),
    ]
    assert line_a.amount == Money.of("31.005", "BHD")
    assert (line_b.held_for, line_b.periods) == ("go-live", [])
    assert (line_c.amount, line_c.periods) == (Money.zero("BHD"), [])
    with pytest.raises(Malformed):
        from_netsuite_revenue(rows, "USD")


@pytest.mark.parametrize(
    ("refusal", "error", "about"),
    [
        (refused(401, "INVALID_LOGIN"), Unauthorized, ""),
        (refused(403, "INSUFFICIENT_PERMISSION"), Unauthorized, ""),
        (refused(429, "CONCURRENCY_LIMIT_EXCEEDED"), RateLimited, ""),
        (refused(400, "SSS_REQUEST_LIMIT_EXCEEDED"), RateLimited, ""),
        (refused(409, "RCRD_HAS_BEEN_CHANGED"), Busy, ""),
        (refused(400, "INVALID_PROPERTY", path="custbody_x"), Malformed, "custbody_x"),
        (refused(400, "INVALID_CONTENT"), Malformed, ""),
        (refused(404, "NONEXISTENT_ID"), NotFound, ""),
        (refused(404, "NOT_FOUND"), Malformed, ""),
        (refused(500, "UNEXPECTED_ERROR"), OutcomeUnknown, ""),
        (answer(503, "<html>"), OutcomeUnknown, ""),
        (answer(503, "<html>", "GET"), Unavailable, ""),
        (answer(401, {"error": "invalid_client"}), Unauthorized, ""),
        (answer(400, {"error": "invalid_grant"}), Unauthorized, ""),
        (
            refused(400, "USER_ERROR", "The transaction date you specified is not within the date"
                    " range of your accounting period.", "tranDate"),
            PeriodClosed, "tranDate",
        ),
        (refused(400, "USER_ERROR", "The posting period is locked."), PeriodClosed, ""),
        (refused(400, "USER_ERROR", "You cannot edit a closed period"), PeriodClosed, ""),
        (refused(400, "USER_ERROR", "Customer is on Credit Hold"), CreditHold, ""),
        (refused(400, "USER_ERROR", "This record already exists"), DuplicateRecord, ""),
        (refused(400, "USER_ERROR", "Please enter value(s) for: Location"), Rejected, ""),
        (
            refused(400, "USER_ERROR", "You have entered an Invalid Field Value GTXPRO for the"
                    " following field: item", "item.items[0].item"),
            Misconfigured, "GTXPRO",
        ),
        (
            refused(400, "USER_ERROR", "You have entered an Invalid Field Value 647 for the"
                    " following field: entity", "entity"),
            Rejected, "entity",
        ),
        (
            refused(400, "INVALID_KEY_OR_REF", "Invalid item reference key GTXPRO."),
            Misconfigured, "GTXPRO",
        ),
    ],
)  # fmt: skip
def test_what_netsuite_refuses_has_one_meaning(
    refusal: Answer, error: type[TielineError], about: str
) -> None:
    """The table of the vendor's documented errors, with the texts that tell USER_ERRORs apart."""
    raised = error_for(refusal, NETSUITE_ERRORS)

    assert type(raised) is error
    assert raised.about == about
