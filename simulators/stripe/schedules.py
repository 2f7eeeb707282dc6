"""Subscription schedules: phases one after the other, the running one kept as a subscription."""

from simulators.stripe.billing import add_item as held_item
from simulators.stripe.billing import (
    begin_billing,
    make_subscription,
    put_items,
    read_automatic_tax,
    read_items,
    read_one_time,
)
from simulators.stripe.calendar import INTERVALS, add_interval
from simulators.stripe.errors import StripeError, missing_param
from simulators.stripe.forms import (
    Params,
    check_names,
    choice,
    integer,
    mapping,
    merge_metadata,
    rows,
)
from simulators.stripe.invoices import COLLECTION_METHODS
from simulators.stripe.lists import PAGING, page
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj
from simulators.stripe.subscriptions import end

_UPDATE = frozenset({"default_settings", "end_behavior", "expand", "metadata", "phases",
                     "proration_behavior"})  # fmt: skip
_CREATE = frozenset({
    "billing_mode", "customer", "default_settings", "end_behavior", "expand", "from_subscription",
    "metadata", "phases", "start_date",
})  # fmt: skip
_PHASE = frozenset({
    "add_invoice_items", "automatic_tax", "billing_cycle_anchor", "billing_thresholds",
    "collection_method", "currency", "default_payment_method", "default_tax_rates", "description",
    "discounts", "duration", "end_date", "invoice_settings", "items", "metadata", "on_behalf_of",
    "proration_behavior", "start_date", "trial", "trial_end",
})  # fmt: skip
_END = ("release", "cancel", "none", "renew")


def create(account: Account, call: Call) -> Obj:
    """A schedule; one that starts now makes its subscription at once."""
    params = call.params
    if params.get("from_subscription"):
        return _from_subscription(account, call)
    if not params.get("customer"):
        raise missing_param("customer")
    customer = account.customers.need(params["customer"], "customer")
    if not params.get("phases"):
        raise missing_param("phases")
    now = account.now()
    start = now if params.get("start_date") in (None, "", "now") else integer(params, "start_date")
    phases = _read_phases(account, params, start or now)
    if phases[-1]["end_date"] <= now:
        raise StripeError("The subscription schedule would end in the past.", param="phases")
    schedule = _held(account, params, customer["id"], phases, _settings(params))
    current = next(
        (n for n, p in enumerate(phases) if p["start_date"] <= now < p["end_date"]), None
    )
    one_time = read_one_time(
        account, rows(params, "phases")[current or 0], f"phases[{current or 0}]"
    )
    automatic_tax = read_automatic_tax(mapping(params, "default_settings"), customer)
    account.schedules.add(schedule)
    if current is not None:
        _start_phase(account, call, schedule, customer, current, one_time, automatic_tax)
    account.tell(call, "subscription_schedule.created", schedule)
    return schedule


def _start_phase(
    account: Account, call: Call, schedule: Obj, customer: Obj, number: int, one_time: list[Obj],
    automatic_tax: Obj,
) -> None:  # fmt: skip
    phase, defaults = schedule["phases"][number], schedule["default_settings"]
    method = phase["collection_method"] or defaults["collection_method"]
    settings = phase["invoice_settings"] or defaults["invoice_settings"]
    payment = defaults["default_payment_method"]
    payment = payment or customer["invoice_settings"]["default_payment_method"]
    charged = method == "charge_automatically"
    items = [{**item, "price": account.prices.need(item["price"])} for item in phase["items"]]
    subscription = make_subscription(
        account, customer, items, automatic_tax=automatic_tax, collection_method=method,
        start=phase["start_date"], days_until_due=settings.get("days_until_due"),
        description=phase["description"], metadata=dict(phase["metadata"]),
        schedule=schedule["id"],
    )  # fmt: skip
    schedule.update(status="active", subscription=subscription["id"], current_phase={
        "start_date": phase["start_date"], "end_date": phase["end_date"]})  # fmt: skip
    prorate = phase["proration_behavior"] != "none"
    begin_billing(account, call, subscription, customer, one_time, prorate=prorate,
                  paid=charged and bool(payment))  # fmt: skip


def _from_subscription(account: Account, call: Call) -> Obj:
    params = call.params
    for name in ("phases", "customer", "start_date", "end_behavior", "default_settings"):
        if params.get(name):
            message = f"You cannot set `{name}` if `from_subscription` is set."
            raise StripeError(message, param=name)
    subscription = account.subscriptions.need(params["from_subscription"], "from_subscription")
    if subscription["schedule"]:
        raise StripeError(
            f"You cannot migrate a subscription that is already attached to a schedule: "
            f"{subscription['schedule']}", param="from_subscription",
        )  # fmt: skip
    held = subscription["items"]["data"]
    items = [{"price": i["price"]["id"], "quantity": i["quantity"], "metadata": i["metadata"]}
             for i in held]  # fmt: skip
    phase = _phase({}, items, held[0]["current_period_start"], held[0]["current_period_end"])
    phase["metadata"] = dict(subscription["metadata"])
    defaults = {"collection_method": subscription["collection_method"], "invoice_settings": {
        "days_until_due": subscription["days_until_due"]}}  # fmt: skip
    schedule = _held(account, params, subscription["customer"], [phase], _settings(
        {"default_settings": defaults}))  # fmt: skip
    schedule.update(status="active", subscription=subscription["id"], current_phase={
        "start_date": phase["start_date"], "end_date": phase["end_date"]})  # fmt: skip
    account.schedules.add(schedule)
    subscription["schedule"] = schedule["id"]
    account.tell(call, "subscription_schedule.created", schedule)
    return schedule


def retrieve(account: Account, call: Call) -> Obj:
    """A schedule."""
    return account.schedules.need(call.path_ids[0])


def update(account: Account, call: Call) -> Obj:
    """A schedule with new phases; the running phase's items are the subscription's at once."""
    schedule, params = _open(account, call, "update"), call.params
    metadata = merge_metadata(schedule["metadata"], params)
    end_behavior = choice(params, "end_behavior", _END, schedule["end_behavior"])
    phases = schedule["phases"]
    if params.get("phases"):
        phases = _read_phases(account, params, phases[0]["start_date"])
    schedule.update(metadata=metadata, end_behavior=end_behavior, phases=phases)
    subscription = account.subscriptions.get(schedule["subscription"])
    now = account.now()
    for phase in phases if subscription is not None and params.get("phases") else ():
        if subscription is not None and phase["start_date"] <= now < phase["end_date"]:
            items = [{**i, "price": account.prices.need(i["price"])} for i in phase["items"]]
            put_items(account, subscription, [held_item(account, subscription, i) for i in items])
            schedule["current_phase"] = {n: phase[n] for n in ("start_date", "end_date")}
            account.tell(call, "customer.subscription.updated", subscription)
    account.tell(call, "subscription_schedule.updated", schedule)
    return schedule


def release(account: Account, call: Call) -> Obj:
    """Let the subscription go on without its schedule."""
    schedule = _open(account, call, "release")
    subscription = account.subscriptions.get(schedule["subscription"])
    if subscription is not None:
        subscription["schedule"] = None
    schedule.update(status="released", released_at=account.now(), current_phase=None,
                    released_subscription=schedule["subscription"], subscription=None)  # fmt: skip
    account.tell(call, "subscription_schedule.released", schedule)
    return schedule


def cancel(account: Account, call: Call) -> Obj:
    """End the schedule and, with it, its subscription."""
    schedule = _open(account, call, "cancel")
    subscription = account.subscriptions.get(schedule["subscription"])
    if subscription is not None and subscription["status"] != "canceled":
        end(account, call, subscription)
    schedule.update(status="canceled", canceled_at=account.now(), current_phase=None)
    account.tell(call, "subscription_schedule.canceled", schedule)
    return schedule


def list_(account: Account, call: Call) -> Obj:
    """Schedules by customer and time."""
    return page(account.schedules, call.params, "/v1/subscription_schedules", index="customer")


def _open(account: Account, call: Call, verb: str) -> Obj:
    schedule = account.schedules.need(call.path_ids[0])
    if schedule["status"] not in ("not_started", "active"):
        raise StripeError(
            f"You cannot {verb} a subscription schedule that is currently in the "
            f"`{schedule['status']}` status. A subscription schedule's status must be one of "
            "`not_started` or `active`."
        )
    return schedule


def _read_phases(account: Account, params: Params, start: int) -> list[Obj]:
    phases: list[Obj] = []
    for number, row in enumerate(rows(params, "phases")):
        at = f"phases[{number}]"
        check_names(row, _PHASE, (), at)
        read = read_items(account, row, f"{at}[items]")
        items = [{**item, "price": item["price"]["id"]} for item in read]
        finish = integer(row, "end_date", f"{at}[end_date]")
        duration = mapping(row, "duration")
        if finish is not None and duration:
            raise StripeError("You may only specify one of these parameters: duration, end_date.",
                              param=f"{at}[duration]")  # fmt: skip
        if finish is None:
            step = duration or read[0]["price"]["recurring"]
            check_names(duration, {"interval", "interval_count"}, (), f"{at}[duration]")
            interval = choice(step, "interval", INTERVALS, "month")
            finish = add_interval(start, interval, integer(step, "interval_count") or 1)
        if finish <= start:
            raise StripeError("The end date of a phase must be after its start date.",
                              param=f"{at}[end_date]")  # fmt: skip
        phases.append(_phase(row, items, start, finish))
        start = finish
    return phases


def _phase(row: Params, items: list[Obj], start: int, finish: int) -> Obj:
    method = row.get("collection_method")
    return {
        "add_invoice_items": rows(row, "add_invoice_items"), "application_fee_percent": None,
        "billing_cycle_anchor": row.get("billing_cycle_anchor"), "billing_thresholds": None,
        "collection_method": method and choice(row, "collection_method", COLLECTION_METHODS, ""),
        "currency": row.get("currency"), "default_payment_method": None, "default_tax_rates": [],
        "description": row.get("description"), "discounts": [], "end_date": finish,
        "invoice_settings": _invoice_settings(row), "items": items,
        "metadata": merge_metadata({}, row), "on_behalf_of": None,
        "proration_behavior": row.get("proration_behavior") or "create_prorations",
        "start_date": start, "transfer_data": None, "trial_end": integer(row, "trial_end"),
    }  # fmt: skip


def _invoice_settings(row: Params) -> Obj | None:
    settings = mapping(row, "invoice_settings")
    return {**settings, "days_until_due": integer(settings, "days_until_due")} if settings else None


def _settings(params: Params) -> Obj:
    given = mapping(params, "default_settings")
    method = choice(given, "collection_method", COLLECTION_METHODS, "charge_automatically")
    settings = _invoice_settings(given) or {"days_until_due": None}
    if method == "send_invoice" and settings["days_until_due"] is None:
        raise missing_param("default_settings[invoice_settings][days_until_due]")
    return {
        "billing_cycle_anchor": "automatic", "collection_method": method,
        "default_payment_method": given.get("default_payment_method"), "description": None,
        "invoice_settings": settings,
    }  # fmt: skip


def _held(account: Account, params: Params, customer: str, phases: list[Obj], settings: Obj) -> Obj:
    return {
        "id": account.ids.next("sub_sched"), "object": "subscription_schedule",
        "application": None, "billing_mode": {"type": "flexible"}, "canceled_at": None,
        "completed_at": None, "created": account.now(), "current_phase": None,
        "customer": customer, "customer_account": None, "default_settings": settings,
        "end_behavior": choice(params, "end_behavior", _END, "release"), "livemode": False,
        "metadata": merge_metadata({}, params), "phases": phases, "released_at": None,
        "released_subscription": None, "status": "not_started", "subscription": None,
        "test_clock": None,
    }  # fmt: skip


ENDPOINTS = {
    "POST subscription_schedules": Endpoint(create, _CREATE),
    "GET subscription_schedules": Endpoint(list_, PAGING | {"created", "customer", "scheduled"}),
    "GET subscription_schedules/*": Endpoint(retrieve, {"expand"}),
    "POST subscription_schedules/*": Endpoint(update, _UPDATE),
    "POST subscription_schedules/*/release": Endpoint(
        release, {"expand", "preserve_cancel_date"}),
    "POST subscription_schedules/*/cancel": Endpoint(
        cancel, {"expand", "invoice_now", "prorate"}),
}  # fmt: skip
