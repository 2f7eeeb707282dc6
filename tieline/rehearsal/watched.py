"""The chapters about what lives on after an order: late payments, and a renewal."""

from collections.abc import Callable
from typing import Any

from canonical.events import OutboxEvent
from canonical.money import Money
from canonical.risk_messages import invoice_risk_id
from tieline.rehearsal.demo import Stage, Unexpected, patiently

Say = Callable[[str], None]
DAYS_LATE = 20


async def payment_is_late(stage: Stage, say: Say) -> None:
    """An invoice is weeks overdue: customer success and support see it, until it is paid."""
    billing, account = stage.controls["stripe"], "Stark Industries"
    invoice = await stage.invoice(account)
    await billing.happen(invoice, "overdue", days=DAYS_LATE)
    (overdue,) = await stage.told(invoice, "invoice.overdue")
    say(f"\n{account} is {DAYS_LATE} days late with {_left(overdue)}: {overdue.type}")
    risk = invoice_risk_id(stage.accounts[stage.deals[account]])
    await stage.standing(risk, "high risk", lambda now: now.stage == "high")
    shown = await patiently(f"{account} at risk", lambda: _at_risk(stage, account))
    say(f"  customer success: risk {shown['Risk_Level__gc']}, score {shown['Risk_Score__gc']}, "
        f"{shown['Overdue_Amount__gc']}; one call to action for its CSM")  # fmt: skip
    say("  support: the organization is flagged")
    await billing.happen(invoice, "pay")
    await stage.standing(risk, "the end of the risk", lambda now: now.stage == "completed")
    if await _at_risk(stage, account):
        raise Unexpected(f"{account} has paid and is still shown at risk")
    say(f"  {account} pays: nothing is shown any more, and the call is closed")


async def renewal_comes_near(stage: Stage, say: Say) -> None:
    """A pilot's renewal window is open at once: one view for all, and what is unknown says so."""
    account = "Wayne Enterprises"
    first = await patiently(f"{account}'s renewal", lambda: _readiness(stage, account))
    say(f"\nThe pilot of {account} ends within 90 days: its renewal window is open.")
    say(f"  {first['state']}, forecast {first['forecast']}: {first['reasons']}")
    say(f"  one view {first['snapshot']} for customer success and the CRM")
    say("  support is asked again in an hour, then less and less often")


async def _readiness(stage: Stage, account: str) -> dict[str, Any] | None:
    """What customer success shows of an account's renewal, once the CRM shows the same view."""
    success = await stage.controls["gainsight"].state()
    crm = await stage.controls["salesforce"].state()
    (company,) = [one for one in success["Company"].values() if one["Name"] == account]
    (deal,) = [one for one in crm["records"]["Opportunity"] if one["Id"] == stage.deals[account]]
    snapshot = company.get("Readiness_Snapshot__gc")
    if not snapshot or deal.get("Readiness_Snapshot__c") != snapshot:
        return None
    return {
        "snapshot": snapshot,
        "state": company["Renewal_Readiness__gc"],
        "forecast": company["Renewal_Forecast__gc"],
        "reasons": company["Renewal_Reasons__gc"],
    }


def _left(overdue: OutboxEvent) -> Money:
    return Money.model_validate(overdue.body["remaining"])


async def _at_risk(stage: Stage, account: str) -> dict[str, Any] | None:
    """The account's company, while it is shown at risk everywhere."""
    success = await stage.controls["gainsight"].state()
    support = await stage.controls["zendesk"].state()
    (company,) = [one for one in success["Company"].values() if one["Name"] == account]
    (served,) = [one for one in support["organizations"] if one["name"] == account]
    calls = [
        call
        for call in success["call_to_action"].values()
        if call["CompanyId"] == company["Gsid"] and call.get("Risk_Ref__gc")
    ]
    open_calls = [call for call in calls if not call["IsClosed"]]
    if len(calls) > 1:
        raise Unexpected(f"{account} has {len(calls)} calls about late payments")
    everywhere = (
        company.get("Risk_Level__gc")
        and served["organization_fields"].get("payment_risk")
        and open_calls
    )
    return company if everywhere else None
