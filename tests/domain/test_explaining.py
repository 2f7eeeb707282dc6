"""What the definitions say by what is on record: renewals, families and adoption, with inputs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from canonical.facts import ContractFacts
from canonical.renewal import ReadinessSnapshot, Signal, SignalState
from canonical.subjects import (
    AccountOnRecord,
    AccountRecords,
    FamilyOnRecord,
    KnownRecord,
    RenewalOnRecord,
)
from domain.explaining import Explained, Explanation, Unanswered, compare, explain
from domain.readiness import NAMES, usage_signal
from governance.catalogue import load_catalogue
from tests.domain.portfolio import GLOBEX, GMBH, NOON, READINESS, RENEWS, adoption

DEFINITIONS = load_catalogue().definitions
TODAY = NOON.date()
READ_AT = NOON - timedelta(days=1)
CONTRACT = "billing/contract/sub_globex"
HOLDING = "001Holding"


def clock(**facts: Any) -> RenewalOnRecord:
    """The clock of Globex's contract, which ends with the year."""
    given = {"connection": "billing", "contract_id": "sub_globex", "state": "waiting"}
    dates = {"renews_on": RENEWS, "decided_by": "contract_end", "notice_on": date(2026, 12, 1)}
    return RenewalOnRecord.model_validate(given | dates | {"terms_read_at": READ_AT} | facts)


def contract(status: str = "active", **facts: Any) -> KnownRecord:
    """Globex's contract as it was read at noon."""
    given = {"id": "sub_globex", "version": "v1", "changed_at": NOON, "status": status}
    read = ContractFacts.model_validate(given | {"terms_digest": "a1"} | facts)
    return KnownRecord(connection="billing", facts=read, recorded_at=NOON)


def seen(renews_on: date = RENEWS, taken_at: datetime = NOON, **states: str) -> ReadinessSnapshot:
    """A view of Globex's renewal: five signals, green unless said otherwise."""
    signals = [
        Signal(
            name=name, source=f"{name}-system", owner="csm", as_of=READ_AT,
            state=SignalState(states.get(name, "green")), definition="renewal_readiness@1",
        )
        for name in NAMES
    ]  # fmt: skip
    return ReadinessSnapshot.model_validate(
        {
            "snapshot_id": "rs-1", "contract_id": "sub_globex", "connection": "billing",
            "account_id": GLOBEX, "taken_at": taken_at, "state": "ready", "forecast": "commit",
            "dates": {"renews_on": renews_on, "decided_by": "contract_end"}, "signals": signals,
        }
    )  # fmt: skip


def assessed(account: str = GLOBEX, name: str = "Globex", **facts: Any) -> AccountOnRecord:
    """An account as its assessment found it."""
    given = {"account_id": account, "name": name, "assessed_at": READ_AT}
    return AccountOnRecord.model_validate(given | facts)


def told(
    name: str,
    *clocks: RenewalOnRecord,
    records: Sequence[KnownRecord] = (),
    today: date = TODAY,
    **family: Any,
) -> Explanation:
    """What one definition says of Globex."""
    known = AccountRecords(
        account_id=GLOBEX, records=list(records), renewals=list(clocks),
        family=FamilyOnRecord.model_validate(family),
    )  # fmt: skip
    return explain(known, DEFINITIONS, today, names=[name])


def only(found: Explanation) -> Explained:
    """The one answer; nothing is left open."""
    (said,), unanswered = found.said, found.unanswered
    assert not unanswered
    return said


def gap(found: Explanation) -> Unanswered:
    """The one subject that cannot be told."""
    (unanswered,), said = found.unanswered, found.said
    assert not said
    return unanswered


def test_a_contract_renews_on_the_day_that_its_clock_keeps() -> None:
    """As of its read of the terms; the dates that lost are not on record."""
    said = only(told("renewal_date", clock()))

    assert (said.subject, said.verdict.definition) == (CONTRACT, "renewal_date@1")
    assert said.verdict.value == "contract_end"
    assert said.verdict.reasons == ["renews on 2026-12-31, notice until 2026-12-01"]
    (read,) = said.inputs
    assert (read.name, read.source) == ("billing/renewal/sub_globex", "billing")
    assert (read.as_of, "renews on 2026-12-31" in read.says) == (READ_AT, True)
    assert said.not_on_record == ["starts_on", "co_term_on"]


def test_a_common_end_stays_the_one_that_decided() -> None:
    """With the notice of the contract, which is counted back from it."""
    common = clock(decided_by="co_term", renews_on="2026-09-30", notice_on="2026-07-02")

    verdict = only(told("renewal_date", common)).verdict

    assert verdict.value == "co_term"
    assert verdict.result["notice_on"] == "2026-07-02"


def test_a_contract_that_states_no_end_has_no_date_and_is_excluded() -> None:
    """Its clock keeps that there is nothing to renew."""
    endless = clock(state="excluded", renews_on=None, decided_by="", notice_on=None)

    assert only(told("renewal_date", endless)).verdict.value == "not_stated"
    eligible = only(told("renewal_eligibility", endless, records=[contract()]))
    assert eligible.verdict.value == "excluded"


def test_dates_that_are_not_kept_are_named_and_not_made_up() -> None:
    """A renewal that was cancelled before its window, and a contract without a clock."""
    gone = clock(state="cancelled", renews_on=None, decided_by="", notice_on=None)

    cancelled = gap(told("renewal_date", gone))
    unkept = gap(told("renewal_eligibility", records=[contract()]))
    nothing = told("renewal_date")

    assert cancelled.missing == ["its dates: its clock keeps none, since the renewal is cancelled"]
    assert (unkept.subject, unkept.missing) == (
        CONTRACT,
        ["its terms: no renewal clock has read them"],
    )
    assert [one.name for one in unkept.inputs] == [CONTRACT]
    assert nothing.not_on_record == {"renewal_date": "no contract of it is on record"}


@pytest.mark.parametrize(
    ("status", "today", "value"),
    [
        ("active", date(2026, 10, 1), "not_yet"),
        ("active", date(2026, 10, 2), "eligible"),
        ("active", RENEWS, "eligible"),
        ("trialing", date(2026, 11, 1), "excluded"),
        ("canceled", date(2026, 11, 1), "cancelled"),
        ("canceled", RENEWS + timedelta(days=1), "lapsed"),
    ],
)
def test_a_contract_is_eligible_by_its_clock_and_its_status(
    status: str, today: date, value: str
) -> None:
    """Both are among the inputs, each with its own age."""
    said = only(told("renewal_eligibility", clock(), records=[contract(status)], today=today))

    assert said.verdict.value == value
    assert [(one.name, one.as_of) for one in said.inputs] == [
        ("billing/renewal/sub_globex", READ_AT),
        (CONTRACT, NOON),
    ]
    assert "auto_renews" in said.not_on_record


def test_a_running_contract_past_its_end_is_not_told_to_have_lapsed() -> None:
    """It may renew by itself, which no clock keeps; nor is anything told without a status."""
    past = RENEWS + timedelta(days=1)

    running = gap(told("renewal_eligibility", clock(), records=[contract()], today=past))
    unread = gap(told("renewal_eligibility", clock()))

    assert running.missing == ["whether it renews by itself"]
    assert unread.missing == ["its status: no read of the contract is on record"]


def test_a_contract_under_another_id_is_its_clocks_by_the_deal() -> None:
    """What begins as a schedule is a subscription later."""
    scheduled = clock(contract_id="sub_sched_1", opportunity_id="006Globex")

    said = only(
        told("renewal_eligibility", scheduled, records=[contract(opportunity_id="006Globex")])
    )

    assert said.subject == "billing/contract/sub_sched_1"
    assert said.inputs[1].name == CONTRACT


def test_an_open_renewal_is_as_ready_as_its_newest_view_found_it() -> None:
    """Each signal is an input with its source and age."""
    amber = only(told("renewal_readiness", clock(state="at_risk", seen=seen(usage="amber"))))

    assert (amber.subject, amber.verdict.value) == (CONTRACT, "at_risk")
    usage = next(one for one in amber.inputs if one.name == "signal/usage")
    assert (usage.source, usage.as_of, usage.says) == ("usage-system", READ_AT, "amber")
    assert {one.version for one in amber.inputs} == {"rs-1"}
    assert len(amber.inputs) == 5


def test_a_renewal_that_nobody_looked_at_has_no_readiness_and_a_decided_one_is_left_out() -> None:
    """The view of the term before says nothing of this one."""
    before = seen(renews_on=RENEWS - timedelta(days=365))

    waiting = gap(told("renewal_readiness", clock(seen=before)))
    decided = told("renewal_readiness", clock(outcome="won", state="closed", seen=seen()))

    assert waiting.missing == ["its signals: nobody has looked at this renewal yet"]
    assert decided.not_on_record == {"renewal_readiness": "no open renewal of it is on record"}


def test_adoption_counts_for_health_while_the_newest_look_is_fresh() -> None:
    """Two weeks later nobody knows; neither does a look to which the warehouse said nothing."""
    usage = usage_signal(adoption(), "warehouse", READINESS, TODAY)
    look = seen().model_copy(update={"signals": [usage]})
    older = seen(taken_at=NOON - timedelta(days=60), usage="red")
    clocks = (clock(seen=look), clock(contract_id="sub_2", seen=older))

    fresh = only(told("customer_health", *clocks))
    stale = only(told("customer_health", *clocks, today=TODAY + timedelta(days=15)))
    silent = only(told("customer_health", clock(seen=seen(usage="unknown"))))

    assert fresh.verdict.inputs["adoption"] == "green"
    assert [(one.name, one.source, one.as_of) for one in fresh.inputs] == [
        ("signal/usage", "warehouse", NOON)
    ]
    assert stale.verdict.inputs["adoption"] == "unknown"
    assert "adoption is unknown" in stale.verdict.reasons
    assert stale.inputs[0].says == "unknown: usage is stale: the newest is of 2026-08-01"
    assert silent.verdict.inputs["adoption"] == "unknown"


def test_a_family_is_told_by_assessments_and_by_who_paid_its_orders() -> None:
    """The subsidiary buys, its parent pays, and somebody else stands above both."""
    above = [
        assessed(parent_id=HOLDING),
        assessed(HOLDING, "Holding"),
    ]
    own = assessed(GMBH, "Globex GmbH", parent_id=GLOBEX)

    said = only(
        told("account_hierarchy", own=own, above=above, bill_to_ids=[GLOBEX], ordered_at=NOON)
    )

    assert said.verdict.value == "clear"
    assert said.verdict.reasons == ["Globex GmbH buys, Globex pays, Holding is the ultimate parent"]
    assert [(one.name, one.source, one.as_of) for one in said.inputs] == [
        (f"assessment/{GMBH}", "crm", READ_AT),
        (f"assessment/{GLOBEX}", "crm", READ_AT),
        (f"assessment/{HOLDING}", "crm", READ_AT),
        (f"orders/{GLOBEX}", "crm, by the order", NOON),
    ]
    assert "legal_entity" in said.not_on_record


@pytest.mark.parametrize(
    ("family", "missing"),
    [
        ({"own": assessed()}, "who pays for it: no order of it"),
        (
            {"own": assessed(), "bill_to_ids": [GLOBEX, HOLDING]},
            "who pays for it: its orders were carried out with 001Globex, 001Holding",
        ),
        (
            {"own": assessed(parent_id=HOLDING), "bill_to_ids": [GLOBEX]},
            "who is above 001Holding: it was never assessed itself",
        ),
        ({"own": assessed(name=""), "bill_to_ids": [GLOBEX]}, "who is above and below it"),
        ({"bill_to_ids": [GLOBEX]}, "who is above and below it"),
    ],
)
def test_of_a_family_that_is_not_whole_it_is_said_what_is_missing(
    family: dict[str, Any], missing: str
) -> None:
    """With what there is of it."""
    found = gap(told("account_hierarchy", **family))

    assert found.missing[0].startswith(missing)
    assert found.definition == "account_hierarchy@1"
    assert found.inputs


def test_a_circle_of_parents_and_an_account_that_was_merged_are_told() -> None:
    """As they would hold up an order."""
    circle = {"own": assessed(parent_id=GMBH), "above": [assessed(GMBH, "GmbH", parent_id=GLOBEX)]}
    merged = assessed(merged_into=HOLDING)

    circular = only(told("account_hierarchy", **circle, bill_to_ids=[GLOBEX]))
    gone = only(told("account_hierarchy", own=merged))

    assert circular.verdict.value == "circular"
    assert gone.verdict.value == "account_missing"
    assert gone.inputs[0].says == f"merged into {HOLDING}"


def test_every_definition_of_a_renewal_and_a_family_can_be_compared() -> None:
    """One version against itself moves nobody."""
    known = AccountRecords(
        account_id=GLOBEX, records=[contract()], renewals=[clock(state="ready", seen=seen())],
        family=FamilyOnRecord(own=assessed(), bill_to_ids=[GLOBEX], ordered_at=NOON),
    )  # fmt: skip

    for name in ("renewal_date", "renewal_readiness", "renewal_eligibility", "account_hierarchy"):
        assert compare(name, (1, 1), known, DEFINITIONS, TODAY) == []


def test_an_empty_account_says_why_each_definition_is_silent() -> None:
    """Thirteen sentences, and no answer."""
    found = explain(AccountRecords(account_id=GLOBEX, records=[]), DEFINITIONS, TODAY)

    assert (found.said, found.unanswered) == ([], [])
    assert len(found.not_on_record) == 13
