"""What has happened to a record follows from what it was and what it is, not from the messages."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canonical.events import (
    CaseSeverityChanged,
    ContractAmended,
    InvoiceAdjusted,
    InvoiceOverdue,
    InvoicePosted,
    PaymentReceived,
)
from canonical.facts import AnyFacts, InvoiceFacts, InvoiceStatus, OpportunityFacts
from canonical.money import Money
from domain.occurrences import occurrences
from tests.domain.records import (
    AFTER_DUE,
    BEFORE_DUE,
    DUE,
    POSTED_AT,
    at,
    case,
    contract,
    data,
    identities,
    identity,
    invoice,
    onboarding,
    task,
    told,
    types,
)

DRAFT, OPEN, PAID = InvoiceStatus.DRAFT, InvoiceStatus.OPEN, InvoiceStatus.PAID
VOID, LOST = InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE
POSTED, OVERDUE, RECEIVED = "invoice.posted", "invoice.overdue", "payment.received"
ADJUSTED = "invoice.adjusted"

INVOICES: list[tuple[str, list[InvoiceFacts], list[str]]] = [
    ("a draft is nothing yet", [invoice(1, DRAFT)], []),
    ("a draft that is finalized", [invoice(1, DRAFT), invoice(2, OPEN)], [POSTED]),
    ("first seen when it is paid", [invoice(3, PAID, 12_000)], [POSTED, RECEIVED]),
    ("nothing to pay is posted but not paid", [invoice(1, PAID, total=0)], [POSTED]),
    ("all of it credited", [invoice(1, OPEN), invoice(2, PAID, remaining=0)], [POSTED, ADJUSTED]),
    ("withdrawn after it was posted", [invoice(1, OPEN), invoice(2, VOID)], [POSTED, ADJUSTED]),
    (
        "charged in vain",
        [invoice(1, OPEN), invoice(2, OPEN, failed_payments=1)],
        [POSTED, ADJUSTED],
    ),
    ("withdrawn and never posted", [invoice(1, VOID, posted_at=None)], []),
    ("written off", [invoice(1, LOST)], [POSTED]),
    ("no system says when it was posted", [invoice(1, OPEN, posted_at=None)], [POSTED]),
    (
        "in two parts",
        [invoice(1, OPEN), invoice(2, OPEN, 5_000), invoice(3, PAID, 12_000)],
        [POSTED, RECEIVED, RECEIVED],
    ),
    (
        "a part is paid and the rest credited",
        [invoice(1, OPEN, 5_000), invoice(2, PAID, 5_000, remaining=0)],
        [POSTED, RECEIVED, RECEIVED],
    ),
    (
        "a part is refunded",
        [invoice(1, OPEN, 5_000), invoice(2, OPEN, 2_000)],
        [POSTED, RECEIVED, ADJUSTED],
    ),
    ("first seen when it is disputed", [invoice(1, OPEN, disputed=True)], [POSTED, ADJUSTED]),
    (
        "first seen when its payment is taken back",
        [invoice(3, PAID, 12_000, disputed=True)],
        [POSTED, RECEIVED, ADJUSTED],
    ),
    (
        "paid and taken back between two reads",
        [invoice(1, OPEN), invoice(3, PAID, 12_000, disputed=True)],
        [POSTED, RECEIVED, ADJUSTED],
    ),
    (
        "taken back and given back",
        [
            invoice(2, PAID, 12_000),
            invoice(3, PAID, 12_000, disputed=True),
            invoice(4, PAID, 12_000, disputed=True),
            invoice(5, PAID, 12_000),
        ],
        [POSTED, RECEIVED, ADJUSTED, ADJUSTED],
    ),
    (
        "bounced and paid again",
        [
            invoice(1, PAID, 12_000, paid_at=at(1)),
            invoice(2, OPEN),
            invoice(3, PAID, 12_000, paid_at=at(3)),
        ],
        [POSTED, RECEIVED, ADJUSTED, RECEIVED],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("reads", "expected"), [row[1:] for row in INVOICES],
                         ids=[row[0] for row in INVOICES])  # fmt: skip
def test_an_invoice_tells_that_it_is_posted_and_what_is_paid(
    reads: list[InvoiceFacts], expected: list[str]
) -> None:
    """Whatever a system lets us see of it."""
    assert types(reads) == expected


def test_each_part_of_a_payment_says_what_is_paid_by_then_and_only_the_last_is_in_full() -> None:
    """50.00, then the rest."""
    reads = [invoice(1, OPEN), invoice(2, OPEN, 5_000), invoice(3, PAID, 12_000)]

    parts = [one for one in data(reads) if isinstance(one, PaymentReceived)]

    assert [(part.paid.amount_minor, part.in_full) for part in parts] == [
        (5_000, False),
        (12_000, True),
    ]


def test_what_settles_an_invoice_is_told_though_its_amount_was_told_before() -> None:
    """Who waits for the payment in full must not wait for ever because the rest was credited."""
    reads = [invoice(1, OPEN, 5_000), invoice(2, PAID, 5_000, remaining=0)]

    last = data(reads)[-1]

    assert isinstance(last, PaymentReceived)
    assert last.in_full


@pytest.mark.parametrize(
    ("facts", "overdue"),
    [
        (invoice(1, OPEN), True),
        (invoice(1, LOST), True),
        (invoice(1, OPEN, 11_999), True),
        (invoice(1, OPEN, due_on=AFTER_DUE), False),
        (invoice(1, OPEN, due_on=None), False),
        (invoice(1, OPEN, total=0), False),
        (invoice(1, PAID, 12_000), False),
        (invoice(1, VOID), False),
        (invoice(1, DRAFT), False),
    ],
)
def test_only_what_is_still_owed_after_its_due_date_is_overdue(
    facts: InvoiceFacts, overdue: bool
) -> None:
    """Not on the due date itself, and not what was paid, withdrawn or worth nothing."""
    assert (OVERDUE in types([facts], AFTER_DUE)) is overdue
    assert OVERDUE not in types([facts], DUE)


def test_an_invoice_is_overdue_once_for_each_due_date() -> None:
    """However often it is read, and again only when it was given another date."""
    late = [invoice(1, OPEN), invoice(2, OPEN, 5_000), invoice(3, OPEN, 6_000)]
    later = invoice(4, OPEN, 6_000, due_on=DUE + timedelta(days=7))

    found = data([*late, later], AFTER_DUE)

    dates = [one.due_on for one in found if isinstance(one, InvoiceOverdue)]
    assert dates == [DUE, DUE + timedelta(days=7)]


def test_what_happened_comes_in_the_order_in_which_it_happened() -> None:
    """A part was paid before the due date passed, though both are seen at once."""
    part = invoice(3, OPEN, 5_000, paid_at=at(3))

    assert types([part], AFTER_DUE) == [POSTED, RECEIVED, OVERDUE]
    assert types([invoice(60, OPEN, posted_at=None)], AFTER_DUE) == [POSTED, OVERDUE]


def test_an_event_says_when_the_record_says_that_it_happened() -> None:
    """The end of the due date for an overdue invoice, never the time of our reading."""
    by_type = {type(one.data): one.occurred_at for one in told([invoice(3, OPEN, 1)], AFTER_DUE)}

    assert by_type == {
        InvoicePosted: POSTED_AT,
        PaymentReceived: at(3),
        InvoiceOverdue: datetime(2026, 8, 15, 23, 59, 59, tzinfo=UTC),
    }


def test_a_contract_is_amended_when_terms_or_standing_change_and_not_when_first_seen() -> None:
    """Its activation is told by whoever activated it."""
    assert types([contract(1)]) == []
    assert types([contract(1), contract(2)]) == []
    assert types([contract(1), contract(2, "b2")]) == ["contract.amended"]
    assert types([contract(1), contract(2, status="canceled")]) == ["contract.amended"]
    assert len(told([contract(1), contract(2, "b2"), contract(3), contract(4, "b2")])) == 3


def test_an_amendment_says_what_the_contract_was_and_is_worth_as_far_as_reads_stated_it() -> None:
    """A value alone amends nothing: a read of before values were kept has none."""
    year, more = Money.of("12000", "USD"), Money.of("15000", "USD")
    reads = [
        contract(1), contract(2, value=year), contract(3, "b2", value=more), contract(4, "c3"),
        contract(5, "d4", value=year),
    ]  # fmt: skip

    amended = [one for one in data(reads) if isinstance(one, ContractAmended)]
    assert [(one.value_before, one.value) for one in amended] == [
        (year, more), (more, None), (None, year)
    ]  # fmt: skip


def test_a_severity_that_goes_up_and_down_is_told_each_time() -> None:
    """Each change by itself, from what to what; the first sight of a case is no change."""
    swings = ["normal", "urgent", "normal", "urgent"]

    found = data([case(number, severity) for number, severity in enumerate(swings)])

    changes = [(one.before, one.severity) for one in found if isinstance(one, CaseSeverityChanged)]
    assert changes == list(pairwise(swings))


def test_two_changes_under_one_version_are_both_told() -> None:
    """A system whose clock counts in seconds gives both the same stamp."""
    assert len(told([case(1), case(2, "high"), case(2, "urgent")])) == 2
    assert len(told([contract(1), contract(2, "b2"), contract(2, "c3")])) == 2


def test_a_case_that_is_escalated_twice_is_told_twice() -> None:
    """When it was calm in between; while it stays escalated nothing is told again."""
    reads = [case(1, escalated=True), case(2, escalated=True), case(3), case(4, escalated=True)]

    assert types(reads) == ["case.escalated", "case.escalated"]
    assert types([reads[0], reads[1]]) == ["case.escalated"]


def test_an_onboarding_and_its_milestones_are_completed_once() -> None:
    """Also when somebody opens them again and completes them once more."""
    for make, expected in ((onboarding, "implementation.completed"), (task, "milestone.completed")):
        states = [False, True, True, False, True]
        assert types([make(number, done) for number, done in enumerate(states)]) == [expected]


def test_a_deal_tells_nothing_by_itself() -> None:
    """The process that accepts its order does."""
    deal = OpportunityFacts(id="006Glo", version="1", changed_at=POSTED_AT, is_won=True)

    assert occurrences("salesforce", None, deal, BEFORE_DUE) == []


def test_a_read_of_another_kind_is_no_earlier_read() -> None:
    """Two records of a system may have one id."""
    assert [type(one.data) for one in occurrences("x", case(1), invoice(2, PAID, 1), DUE)] == [
        InvoicePosted,
        PaymentReceived,
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[AnyFacts]:
    """Reads of one record with versions that never go back, whatever else they say."""
    versions = sorted(draw(st.lists(st.integers(0, 6), min_size=1, max_size=8)))
    kind = draw(st.sampled_from(["invoice", "case", "contract", "onboarding", "task"]))
    reads: list[AnyFacts] = []
    for version in versions:
        if kind == "invoice":
            status, paid = draw(st.sampled_from(list(InvoiceStatus))), draw(st.integers(0, 3))
            paid_at = at(version) if draw(st.booleans()) else None
            given = {"paid_at": paid_at, "disputed": draw(st.booleans())}
            reads.append(invoice(version, status, paid * 4_000, **given))
        elif kind == "case":
            severity = draw(st.sampled_from(["", "normal", "urgent"]))
            reads.append(case(version, severity, draw(st.booleans())))
        elif kind == "contract":
            reads.append(contract(version, draw(st.sampled_from(["a1", "b2"]))))
        else:
            make = onboarding if kind == "onboarding" else task
            reads.append(make(version, draw(st.booleans())))
    return reads


DAYS = st.sampled_from([BEFORE_DUE, AFTER_DUE])


@given(histories(), DAYS, st.data())
@settings(deadline=None, max_examples=300)
def test_duplicates_change_nothing(reads: list[AnyFacts], day: date, more: st.DataObject) -> None:
    """Whichever reads come how often, the same events are told."""
    times = more.draw(st.lists(st.integers(1, 3), min_size=len(reads), max_size=len(reads)))
    repeated = [read for read, often in zip(reads, times, strict=True) for _ in range(often)]

    assert identities(repeated, day) == identities(reads, day)
    assert data(repeated, day) == data(reads, day)


@given(histories(), DAYS)
@settings(deadline=None, max_examples=200)
def test_a_read_that_is_repeated_tells_nothing_new(reads: list[AnyFacts], day: date) -> None:
    """What comes out again is what a first sight of the record would tell."""
    last = reads[-1]

    again = {identity(one) for one in occurrences("stripe-us", last, last, day)}

    assert again <= identities([last], day)


@given(histories(), DAYS, st.data())
@settings(deadline=None, max_examples=300)
def test_a_gap_loses_no_state(reads: list[AnyFacts], day: date, more: st.DataObject) -> None:
    """Reads that are missed hide steps in between, never where an invoice has come to stand."""
    seen = [read for read in reads[:-1] if more.draw(st.booleans())] + reads[-1:]
    last = reads[-1]
    found = data(seen, day)

    if isinstance(last, InvoiceFacts) and last.status is PAID and last.paid.amount_minor > 0:
        settled = [one for one in found if isinstance(one, PaymentReceived) and one.in_full]
        assert settled
    if isinstance(last, InvoiceFacts) and last.disputed and last.status is not DRAFT:
        assert any(isinstance(one, InvoiceAdjusted) and one.disputed for one in found)
    if isinstance(last, InvoiceFacts) and last.status in (OPEN, PAID, LOST):
        assert any(isinstance(one, InvoicePosted) for one in found)
