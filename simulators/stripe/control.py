"""Control routes under `/_sim`: time, the event destination, and an invoice's further life."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.kernel import json_response
from simulators.sending import Mishaps
from simulators.stripe import disputes, invoices, payments
from simulators.stripe.errors import StripeError
from simulators.stripe.store import Account, Call, Obj, public

if TYPE_CHECKING:
    from simulators.stripe.simulator import StripeSimulator

DAY_SECONDS = 86_400
Happening = Callable[[Account, Call, Obj, dict[str, Any]], Obj]


def _pay(account: Account, call: Call, invoice: Obj, given: dict[str, Any]) -> Obj:
    if "amount" in given:
        return payments.pay_in_part(account, call, invoice, int(given["amount"]))
    return invoices.pay(account, call)


def _overdue(account: Account, call: Call, invoice: Obj, given: dict[str, Any]) -> Obj:
    """It was due a moment ago, or `days` ago."""
    if invoice["status"] != "open" or invoice["collection_method"] != "send_invoice":
        raise StripeError("Only an open invoice that was sent can be overdue.")
    due = account.now() - int(given.get("days", 0)) * DAY_SECONDS
    invoice["due_date"] = min(invoice["due_date"] or due, due) - 1
    payments.tell_overdue(account, call)
    return invoice


HAPPENINGS: dict[str, Happening] = {
    "pay": _pay,
    "void": lambda account, call, *_: invoices.void(account, call),
    "uncollectible": lambda account, call, *_: invoices.mark_uncollectible(account, call),
    "fail": lambda account, call, invoice, _: payments.fail(account, call, invoice),
    "credit": lambda account, call, invoice, given: payments.credit(
        account, call, invoice, int(given["amount"])
    ),
    "overdue": _overdue,
    "dispute": lambda account, call, invoice, given: disputes.dispute_invoice(
        account, call, invoice, **given
    ),
}


def happen(
    account: Account, invoice_id: str, what: str, given: dict[str, Any] | None = None
) -> Obj:
    """Let something happen to an invoice; raises StripeError when it cannot, KeyError for what
    never happens."""
    call = Call((invoice_id,), {})
    return HAPPENINGS[what](account, call, account.invoices.need(invoice_id), given or {})


def control_routes(simulator: "StripeSimulator") -> list[BaseRoute]:
    """The routes over one simulated account."""

    async def advance(request: Request) -> Response:
        simulator.advance(float((await _body(request))["seconds"]))
        return json_response({"now": simulator.now()})

    async def webhook(request: Request) -> Response:
        for name, value in (await _body(request)).items():
            if not hasattr(simulator.destination, name):
                return json_response({"error": f"a destination has no {name}"}, 400)
            setattr(simulator.destination, name, value)
        return json_response({"url": simulator.destination.url})

    async def deliver(request: Request) -> Response:
        given = await _body(request)
        statuses = await simulator.deliver(Mishaps(**given) if given else None)
        left = sum(told.pending for told in simulator.account.remembered())
        return json_response({"statuses": statuses, "undelivered": left})

    async def invoice(request: Request) -> Response:
        names = request.path_params
        try:
            made = happen(simulator.account, names["id"], names["what"], await _body(request))
        except KeyError:
            return json_response({"error": f"one of {', '.join(HAPPENINGS)}"}, 404)
        except StripeError as error:
            return json_response(error.body("req_sim"), error.status)
        return json_response(public(made))

    return [
        Route("/_sim/advance", advance, methods=["POST"]),
        Route("/_sim/webhook", webhook, methods=["POST"]),
        Route("/_sim/deliver", deliver, methods=["POST"]),
        Route("/_sim/invoices/{id}/{what}", invoice, methods=["POST"]),
    ]


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    return dict(orjson.loads(raw)) if raw else {}
