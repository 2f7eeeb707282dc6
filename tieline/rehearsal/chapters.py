"""What happens in the demonstration, told as it happens."""

from collections.abc import Callable

from canonical.connections import Role
from canonical.desk import Action
from canonical.messages import CancelRequest, Progress
from canonical.money import Money
from tieline.rehearsal.demo import Stage, Unexpected
from tieline.rehearsal.survey import Survey
from tieline.rehearsal.watched import payment_is_late, renewal_comes_near

Say = Callable[[str], None]
HOUR_SECONDS = 3600.0
SMOOTH = ("Globex", "Globex Nordics", "Stark Industries")


async def play(stage: Stage, say: Say) -> Survey:
    """Play every chapter; raises Unexpected when one does not go as it should."""
    await arm(stage, say)
    await close_deals(stage, say)
    await billing_refuses(stage, say)
    await country_is_not_known(stage, say)
    await order_is_cancelled(stage, say)
    await success_comes_back(stage, say)
    await money_comes_in(stage, say)
    await payment_is_late(stage, say)
    await renewal_comes_near(stage, say)
    return await all_stands(stage, say)


async def arm(stage: Stage, say: Say) -> None:
    """Prepare what is going to go wrong in the vendors' systems."""
    billing, erp = stage.controls["stripe"], stage.controls["netsuite"]
    await billing.arm(
        kind="reject", path="/v1/customers", body="DE999999999", code="tax_id_invalid", times=-1
    )
    umbrella = stage.deals["Umbrella"]
    await erp.arm(kind="error_before", method="PUT", path=f"so-{umbrella}", status=503, times=-1)
    await stage.controls["gainsight"].arm(
        kind="error_before", path="/v1/data/objects", body="Hooli", status=503, times=-1
    )
    await stage.controls["zendesk"].arm(
        kind="error_before", path="/api/v2/search/export", status=403, times=-1
    )
    say("Prepared: billing refuses Initech's tax id, the ERP is down for Umbrella, and customer")
    say(
        "success is down for Hooli. Support does not let its cases be searched, and nobody told the"
    )
    say("catalogue where 'Korea' is.")


async def close_deals(stage: Stage, say: Say) -> None:
    """The sales team wins all seven deals; the CRM sends a signed callout for each."""
    arrived = await stage.controls["salesforce"].close(list(stage.deals.values()))
    if arrived != len(stage.deals):
        raise Unexpected(f"{arrived} of {len(stage.deals)} callouts were accepted")
    say(f"\n{arrived} deals won; as many signed webhooks verified, stored and answered 202.")
    for account in SMOOTH:
        done = await stage.until(account, "completion", _is("completed"))
        say(f"  {account}: {done.value} active in billing, ERP, support and customer success")


async def billing_refuses(stage: Stage, say: Say) -> None:
    """A business failure: the ERP waits, a person corrects, a second one agrees."""
    case = await stage.case("Initech")
    say(f"\nInitech: {case.failure.cause_key}: {case.failure.message}")
    say(f"  held {case.held}, owner {case.owner}; {case.approvals_required} people must agree")
    if Role.ERP in _systems(await stage.survey(), stage.deals["Initech"]):
        raise Unexpected("the ERP posted Initech's order although billing refused it")
    say("  nothing is posted to the ERP")
    correction = {"amendment": {"tax_id": "DE136695976"}, "reason": "transposed by the customer"}
    for actor in ("Ada", "Ada", "Grace"):
        decided = await stage.decide(case, Action.AMEND, actor, **correction)
        say(f"  {actor} corrects the tax id: {decided.outcome}")
    await stage.until("Initech", "completion", _is("completed"))
    say("  Initech: completed")


async def country_is_not_known(stage: Stage, say: Say) -> None:
    """An order that no rule can place is held until somebody says where it belongs."""
    case = await stage.case("Wayne Enterprises")
    say(f"\nWayne Enterprises: {case.failure.cause_key}: {case.failure.message}")
    decided = await stage.decide(
        case, Action.AMEND, "Grace", amendment={"country": "KR"}, reason="Seoul office"
    )
    say(f"  Grace says South Korea: {decided.outcome}")
    await stage.until("Wayne Enterprises", "completion", _is("completed"))
    say("  Wayne Enterprises: completed")


async def order_is_cancelled(stage: Stage, say: Say) -> None:
    """A cancellation in flight: the plan and its money first, two people, then the undo."""
    await stage.until("Umbrella", "its entitlement", _done("provision_entitlement"))
    await stage.until("Umbrella", "its subscription", _done("activate_subscription"))
    plan = await stage.compensation("Umbrella")
    say(f"\nUmbrella wants out while the ERP is down. Cancelling releases {plan.releases}:")
    for line in plan.lines:
        say(f"  {line.undo} {line.reference}")
    request = CancelRequest(actor="Ada", reason="customer withdrew", plan_digest=plan.digest)
    outcome = await stage.cancel("Umbrella", request)
    say(f"  Ada asks: {outcome.outcome}")
    if not outcome.accepted:
        raise Unexpected(outcome.outcome)
    case = await stage.case("Umbrella")
    decided = await stage.decide(case, Action.CANCEL, "Grace", reason="agreed with sales")
    say(f"  Grace agrees: {decided.outcome}")
    await stage.controls["netsuite"].clear()
    await stage.until("Umbrella", "its cancellation", _is("cancelled"))
    say("  the ERP is back; Umbrella: cancelled, nothing stands")


async def success_comes_back(stage: Stage, say: Say) -> None:
    """An outage of customer success held nothing else; the onboarding follows when it ends."""
    hooli = await stage.until("Hooli", "its write-back", _done("write_back"))
    standing = ", ".join(s.name.replace("_", " ") for s in hooli.steps if s.state == "done")
    say(f"\nHooli: customer success is down; done all the same: {standing}")
    await stage.controls["gainsight"].clear()
    await stage.until("Hooli", "completion", _is("completed"))
    say("  customer success is back; Hooli: completed")


async def money_comes_in(stage: Stage, say: Say) -> None:
    """Invoices are posted, and one is paid: billing tells us, we read and tell on."""
    billing = stage.controls["stripe"]
    paid = await stage.invoice("Globex")
    await billing.advance(HOUR_SECONDS)
    say("\nAn hour later billing finalizes its invoices, and Globex pays.")
    await stage.told(paid, "invoice.posted")
    await billing.happen(paid, "pay")
    for event in await stage.told(paid, "invoice.posted", "payment.received"):
        amount = event.body.get("paid") or event.body["remaining"]
        say(f"  Globex: {event.type}, {Money.model_validate(amount)}")


async def all_stands(stage: Stage, say: Say) -> Survey:
    """Every system is read, and has to agree with the CRM."""
    seen = await stage.survey()
    cancelled = stage.deals["Umbrella"]
    expected = {b.business_id: b.amount for b in seen.won if b.business_id != cancelled}
    for role, kind in ((Role.BILLING, "subscription"), (Role.ERP, "sales_order")):
        booked = {k: getattr(r, "amount", None) for k, r in seen.of(role, kind).items()}
        if booked != expected:
            raise Unexpected(f"{role} does not agree with the CRM: {_unlike(booked, expected)}")
    if duplicates := seen.duplicates():
        raise Unexpected(f"duplicates: {', '.join(duplicates)}")
    report = await stage.audit()
    if not report.ok:
        raise Unexpected(f"the audit is broken at row {report.first_bad_seq}: {report.reason}")
    say(f"\nAll systems agree, nothing twice. Audit: {report.rows} rows, unbroken.")
    return seen


def _systems(seen: Survey, deal: str) -> set[Role]:
    return {
        role
        for role, records in seen.records.items()
        if any(r.business_id == deal for r in records)
    }


def _unlike(booked: dict[str, Money | None], expected: dict[str, Money]) -> str:
    keys = booked.keys() | expected.keys()
    return ", ".join(
        f"{key} {booked.get(key)} for {expected.get(key)}"
        for key in sorted(keys)
        if booked.get(key) != expected.get(key)
    )


def _is(stage: str) -> Callable[[Progress], bool]:
    return lambda progress: progress.stage == stage


def _done(step: str) -> Callable[[Progress], bool]:
    return lambda progress: any(s.name == step and s.state == "done" for s in progress.steps)
