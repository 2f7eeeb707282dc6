"""Answers that are lost or untrue: every write of an order still happens exactly once."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from temporalio.client import Client

from canonical.effects import EffectState
from simulators.faults import Fault
from tests.stories.evidence import calls, effect_states
from tests.world import World, eventually, line, working, world
from tieline.rehearsal.credentials import Credentials

CARRIED_OUT: list[dict[str, Any]] = [
    {"kind": "lost_response"},
    {"kind": "error_after", "status": 500},
    {"kind": "error_after", "status": 503},
]


class Write(NamedTuple):
    """One writing call of the happy path; `{deal}` and `{account}` stand for the deal's own ids."""

    system: str
    method: str
    path: str
    body: str = ""


WRITES = {
    "Globex": Write("billing", "POST", "/v1/customers$", "name=Globex&"),
    "Initech": Write("billing", "POST", "/v1/subscriptions$", "{deal}"),
    "Hooli": Write("erp", "PUT", "/customer/eid:{account}"),
    "Umbrella": Write("erp", "PUT", "/salesOrder/eid:so-{deal}"),
    "Vehement": Write("support", "POST", "/create_or_update$", "Vehement"),
    "Soylent": Write("success", "POST", "/v1/data/objects/Company$", "Soylent"),
    "Tyrell": Write("success", "POST", "/v2/cockpit/cta$", "{deal}"),
    "Wonka": Write("crm", "PATCH", "/sobjects/Opportunity/{deal}"),
}


def _arm(tieline: World, account: str, deal: str, **fault: Any) -> Fault:
    write = WRITES[account]
    named = {"deal": deal, "account": tieline.account(account)}
    simulator = getattr(tieline, write.system)
    armed: Fault = simulator.faults.arm(
        method=write.method, path=write.path.format(**named), body=write.body.format(**named),
        **fault,
    )  # fmt: skip
    return armed


def _records(tieline: World) -> dict[str, Counter[str]]:
    """How many records each system holds for each account or deal."""
    billing, erp, success = (s.state() for s in (tieline.billing, tieline.erp, tieline.success))
    organizations = tieline.support.state()["organizations"]
    live = tieline.subscriptions("active")
    return {
        "customers": Counter(c["metadata"]["tieline_account"] for c in billing["customers"]),
        "subscriptions": Counter(s["metadata"]["tieline_opportunity"] for s in live),
        "erp customers": Counter(c["externalId"] for c in erp["customer"].values()),
        "orders": Counter(o["externalId"] for o in tieline.sales_orders()),
        "organizations": Counter(o["external_id"] for o in organizations),
        "companies": Counter(c["SFDC_Account_Id__gc"] for c in success["Company"].values()),
        "onboardings": Counter(
            cta["External_Ref__gc"] for cta in success["call_to_action"].values()
        ),
    }


async def _assert_each_once(tieline: World, deals: list[str]) -> None:
    for system, records in _records(tieline).items():
        assert (len(records), set(records.values())) == (len(deals), {1}), (system, records)
    for deal in deals:
        assert tieline.opportunity(deal)["Activation_Status__c"] == "Active"
        assert set((await effect_states(tieline, deal)).values()) == {EffectState.CONFIRMED}


@pytest.mark.parametrize("fault", CARRIED_OUT, ids=lambda fault: "-".join(map(str, fault.values())))
async def test_a_write_whose_answer_is_lost_or_wrong_stands_exactly_once(
    tieline: World, fault: dict[str, Any]
) -> None:
    """Eight deals, each losing the answer to another one of the eight writes of an order."""
    # Given a write of each kind that is carried out, although its answer says otherwise
    deals = {account: tieline.deal(account, line("GTX-PRO", "8400.00")) for account in WRITES}
    armed = [_arm(tieline, account, deal, **fault) for account, deal in deals.items()]

    # When all eight are fulfilled
    await asyncio.gather(*(tieline.fulfilled(deal) for deal in deals.values()))

    # Then each fault struck, each record stands once, and the ledger has proof of each
    assert [fault.hits for fault in armed] == [1] * len(WRITES)
    await _assert_each_once(tieline, list(deals.values()))


async def test_a_failure_that_stripe_remembers_is_not_mistaken_for_the_truth(
    tieline: World,
) -> None:
    """Stripe replays a stored 500 for a day, although it has created nothing."""
    deals = {name: tieline.deal(name, line("GTX-PRO", "8400.00")) for name in ("Globex", "Initech")}
    for account, deal in deals.items():
        _arm(tieline, account, deal, kind="error_before", status=500, code="api_error")

    await asyncio.gather(*(tieline.fulfilled(deal) for deal in deals.values()))

    await _assert_each_once(tieline, list(deals.values()))


async def test_a_write_that_was_lost_before_its_worker_stopped_is_found_by_the_next(
    tmp_path: Path, client: Client, server: str, credentials: Credentials
) -> None:
    """Monday's worker never hears from billing and the ERP; Tuesday's finds what they did."""
    async with world(
        tmp_path, client, credentials, temporal_address=server, run_workers=False
    ) as tieline:
        lost = ("Initech", "Umbrella")
        deals = {account: tieline.deal(account, line("GTX-PRO", "8400.00")) for account in lost}
        armed = [_arm(tieline, name, deal, kind="lost_response") for name, deal in deals.items()]

        # Monday: both writes are carried out, both answers are lost, and the worker stops
        async with working(client, tieline.house):
            for deal in deals.values():
                await tieline.start(deal)
            await eventually(lambda: all(fault.hits for fault in armed))
        subscriptions = len(calls(tieline.billing, "POST", "/v1/subscriptions"))

        # Tuesday: another worker takes over
        async with working(client, tieline.house):
            await asyncio.gather(*(tieline.result(deal) for deal in deals.values()))
        await _assert_each_once(tieline, list(deals.values()))
        assert len(calls(tieline.billing, "POST", "/v1/subscriptions")) == subscriptions
