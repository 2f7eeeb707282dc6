"""NetSuite's own `/_sim` routes: its clock, tokens and periods, its clerk, and its sender."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.kernel import json_response
from simulators.netsuite.errors import NetSuiteRefusal
from simulators.netsuite.outbox import send
from simulators.netsuite.receivables import ReceivablesError

if TYPE_CHECKING:
    from simulators.netsuite.simulator import NetSuiteSimulator

Order = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def control_routes(simulator: "NetSuiteSimulator") -> list[BaseRoute]:
    """POST each with a JSON object: `advance`, `expire-tokens`, `close-period`, `recognize`,
    `invoice`, `pay`, `credit`, `dispute`, `void`, `receivables` and `send`."""

    async def advance(order: dict[str, Any]) -> dict[str, Any]:
        simulator.advance(float(order["seconds"]))
        return {"moved_seconds": simulator.moved_seconds}

    async def expire(_: dict[str, Any]) -> dict[str, Any]:
        return {"expired": simulator.office.expire_all()}

    async def close_period(order: dict[str, Any]) -> dict[str, Any]:
        period = simulator.periods[order["period"]]
        period["closed"] = order.get("closed", True)
        simulator.records.touch("accountingPeriod", period)
        return period

    async def recognize(order: dict[str, Any]) -> dict[str, Any]:
        simulator.revenue.settle()
        return {"recognized": simulator.revenue.recognize(order["period"])}

    async def invoice(order: dict[str, Any]) -> dict[str, Any]:
        return {"id": simulator.clerk.invoice(**order)}

    async def pay(order: dict[str, Any]) -> dict[str, Any]:
        return {"id": simulator.clerk.pay(**order)}

    async def credit(order: dict[str, Any]) -> dict[str, Any]:
        return {"id": simulator.clerk.credit(**order)}

    async def dispute(order: dict[str, Any]) -> dict[str, Any]:
        return {"id": simulator.clerk.dispute(**order)}

    async def void(order: dict[str, Any]) -> dict[str, Any]:
        return {"id": simulator.clerk.void(**order)}

    async def receivables(order: dict[str, Any]) -> dict[str, Any]:
        day = order.get("as_of")
        report = simulator.load_receivables(order["csv"], date.fromisoformat(day) if day else None)
        return asdict(report)

    async def send_queued(order: dict[str, Any]) -> dict[str, Any]:
        return {"statuses": await send(simulator.books.outbox, order)}

    calls = {
        "advance": advance, "expire-tokens": expire, "close-period": close_period,
        "recognize": recognize, "invoice": invoice, "pay": pay, "credit": credit,
        "dispute": dispute, "void": void, "receivables": receivables, "send": send_queued,
    }  # fmt: skip
    return [_route(name, call) for name, call in calls.items()]


def _route(name: str, call: Order) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return json_response(await call(orjson.loads(body) if body else {}))
        except NetSuiteRefusal as refusal:
            return refusal.response()
        except ReceivablesError as error:
            return json_response({"error": str(error)}, 400)

    return Route(f"/_sim/{name}", endpoint, methods=["POST"])
