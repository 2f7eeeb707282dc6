"""The NetSuite simulator: what is wired to what, master data, control routes and refusals."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from simulators.kernel import Simulator, json_response
from simulators.netsuite.books import Books
from simulators.netsuite.clerk import Clerk
from simulators.netsuite.control import control_routes
from simulators.netsuite.errors import NetSuiteRefusal, error_response
from simulators.netsuite.gate import ConcurrencyGate
from simulators.netsuite.jobs import JOBS_PATH, Jobs
from simulators.netsuite.money import exponent
from simulators.netsuite.oauth import TOKEN_PATH, TokenOffice
from simulators.netsuite.portfolio import Portfolio, Report
from simulators.netsuite.receivables import read_receivables
from simulators.netsuite.record_api import RecordApi, dumps, listing, page_of, read_json
from simulators.netsuite.records import Record, Records
from simulators.netsuite.revenue import Revenue
from simulators.netsuite.suiteql import SuiteQL
from simulators.netsuite.transactions import TransactionRules

CURRENCIES = {"1": "USD", "2": "EUR", "3": "GBP", "4": "JPY", "5": "CAD", "6": "AUD", "7": "CHF"}
SUBSIDIARIES = {"1": {"name": "Parent Company", "currency": "USD", "country": "US"}}
TERMS = {"1": 0, "2": 15, "3": 30, "4": 45, "5": 60, "6": 90}
PERIOD_YEARS = range(2010, 2040)
SUITEQL_PATH = "/services/rest/query/v1/suiteql"
GOVERNANCE_PATH = "/services/rest/system/v1/governanceLimits"
Handler = Callable[[Request], Awaitable[Response]]


class NetSuiteSimulator(Simulator):
    """One NetSuite account.

    `certificates` maps a certificate id to {"client_id", "public_key_pem"}; `access_tokens` are
    accepted without having been issued. `items` are {"externalId", "displayName", "revRecRule"?};
    `subsidiaries` {id: {"name", "currency", "country"}}; `currencies` {id: ISO code}; `terms`
    {id: net days}; `closed_periods` months as YYYY-MM.
    """

    name = "netsuite"

    def __init__(
        self, *, latency_seconds: float = 0.0, seed: int = 1,
        certificates: Mapping[str, Mapping[str, str]] | None = None,
        access_tokens: Collection[str] = (), items: Iterable[Mapping[str, str]] = (),
        subsidiaries: Mapping[str, Mapping[str, str]] | None = None,
        currencies: Mapping[str, str] | None = None, terms: Mapping[str, int] | None = None,
        closed_periods: Collection[str] = (), revenue_lag_seconds: float = 0.0,
        concurrency_limit: int = 15,
    ) -> None:  # fmt: skip
        self.certificates = dict(certificates or {})
        self.access_tokens = tuple(access_tokens)
        self.items = [dict(item) for item in items]
        self.subsidiaries = dict(SUBSIDIARIES if subsidiaries is None else subsidiaries)
        self.currencies = dict(currencies or CURRENCIES)
        self.terms = dict(terms or TERMS)
        self.closed_periods = tuple(closed_periods)
        self.revenue_lag_seconds = revenue_lag_seconds
        self.concurrency_limit = concurrency_limit
        super().__init__(latency_seconds=latency_seconds, seed=seed)

    def reset(self) -> None:
        self.moved_seconds = 0.0
        self.office = TokenOffice(self.certificates, self.access_tokens, self.now)
        self.records = Records(self.now)
        self.periods: dict[str, Record] = {}
        self._load_master_data()
        rules = TransactionRules(self.records, self.periods)
        self.revenue = Revenue(self.records, rules, self.revenue_lag_seconds)
        self.books = Books(self.records, rules, self.revenue)
        self.clerk = Clerk(self.books)
        self.portfolio = Portfolio(self)
        self.api = RecordApi(self.records, self.books)
        self.jobs = Jobs()
        items, self.items = self.items, []
        self.load_items(items)
        self.suiteql = SuiteQL(self.records)

    def now(self) -> float:
        """The account's clock: real time, moved ahead by `/_sim/advance`."""
        return time.time() + self.moved_seconds

    def advance(self, seconds: float) -> None:
        """Move the account's clock on: what a portfolio has ahead up to then happens, each at its
        own time, and open invoices fall overdue."""
        self.portfolio.live_until(self.now() + seconds)
        self.moved_seconds += seconds

    def load_receivables(self, text: str, as_of: date | None = None) -> Report:
        """Take in an accounts receivable file (CSV), whose day `as_of` is taken for today.

        Raises ReceivablesError for a file that cannot be read at all.
        """
        return self.portfolio.load(read_receivables(text, self.currencies.values()), as_of)

    def load_items(self, items: Iterable[Mapping[str, str]]) -> None:
        """Add items that orders can name by external id; they survive a reset."""
        for item in items:
            self.items.append(dict(item))
            body: Record = {
                "externalId": item["externalId"], "displayName": item["displayName"],
                "itemId": item.get("itemId", item["externalId"]),
            }  # fmt: skip
            if item.get("revRecRule"):
                body["revenueRecognitionRule"] = item["revRecRule"]
            existing = self.records.find("item", f"eid:{item['externalId']}")
            self.books.save("serviceSaleItem", existing, body, strict=True)

    def _load_master_data(self) -> None:
        put = self.records.put
        ids = {symbol: key for key, symbol in self.currencies.items()}
        for key, symbol in self.currencies.items():
            record = {"name": symbol, "symbol": symbol, "currencyPrecision": exponent(symbol)}
            put("currency", record, key)
        for key, given in self.subsidiaries.items():
            record = {"name": given["name"], "country": given.get("country", "US")}
            if given.get("currency") in ids:
                symbol = given["currency"]
                record["currency"] = {"id": ids[symbol], "refName": symbol}
            put("subsidiary", record, key)
        for key, days in self.terms.items():
            name = f"Net {days}" if days else "Due on receipt"
            put("term", {"name": name, "daysUntilNetDue": days}, key)
        months = [date(year, month, 1) for year in PERIOD_YEARS for month in range(1, 13)]
        for number, start in enumerate(months, 1):
            end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
            self.periods[f"{start:%Y-%m}"] = put("accountingPeriod", {
                "periodName": f"{start:%b %Y}", "startDate": start.isoformat(),
                "endDate": end.isoformat(), "closed": f"{start:%Y-%m}" in self.closed_periods,
            }, str(number))  # fmt: skip

    def routes(self) -> list[BaseRoute]:
        async def token(request: Request) -> Response:
            return await self.office.token(request)

        async def nowhere(_: Request) -> Response:
            return error_response(404, "NOT_FOUND", "The requested resource does not exist.")

        guarded = [
            Route(SUITEQL_PATH, self._suiteql, methods=["POST"]),
            Route(GOVERNANCE_PATH, self._governance, methods=["GET"]),
            Route(f"{JOBS_PATH}/{{job}}", self.jobs.job, methods=["GET"]),
            Route(f"{JOBS_PATH}/{{job}}/task", self.jobs.tasks, methods=["GET"]),
            Route(f"{JOBS_PATH}/{{job}}/task/{{task}}/result", self.jobs.result, methods=["GET"]),
            *self.api.routes(),
        ]
        return [
            Route(TOKEN_PATH, token, methods=["POST"]),
            *(self._guarded(route) for route in guarded),
            Route("/{anything:path}", nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    def _guarded(self, route: Route) -> Route:
        # By name and not by bound method: a reset replaces the objects behind the endpoints.
        owner = next(
            name for name in ("api", "jobs", "")
            if getattr(route.endpoint, "__self__", None) is (getattr(self, name) if name else self)
        )  # fmt: skip
        method = route.endpoint.__name__

        async def endpoint(request: Request) -> Response:
            handler: Handler = getattr(getattr(self, owner) if owner else self, method)
            if not self.office.valid(request.headers.get("authorization", "")):
                return self.refusal(401)
            self.revenue.settle()
            try:
                return await self._maybe_async(request, handler)
            except NetSuiteRefusal as refusal:
                return refusal.response()

        return Route(route.path, endpoint, methods=sorted(route.methods or ()))

    async def _maybe_async(self, request: Request, handler: Handler) -> Response:
        if "respond-async" not in request.headers.get("prefer", ""):
            return await handler(request)
        key = request.headers.get("x-netsuite-idempotency-key", "")
        repeated = self.jobs.repeated(key)
        if repeated is not None:
            return repeated
        try:
            result = await handler(request)
        except NetSuiteRefusal as refusal:
            result = refusal.response()
        return self.jobs.accept(key, result)

    async def _suiteql(self, request: Request) -> Response:
        if "transient" not in request.headers.get("prefer", ""):
            detail = "Missing or invalid header 'Prefer': use 'Prefer: transient'."
            raise NetSuiteRefusal(400, "INVALID_HEADER", detail)
        limit, offset = page_of(request)
        body = read_json(await request.body())
        if not isinstance(body, dict) or not isinstance(body.get("q"), str):
            raise NetSuiteRefusal(400, "INVALID_PARAMETER", "Missing parameter 'q'.")
        rows, total = self.suiteql.query(body["q"], limit, offset)
        return json_response(listing(rows, total, offset))

    async def _governance(self, _: Request) -> Response:
        return json_response({
            "accountConcurrencyLimit": self.concurrency_limit,
            "accountUnallocatedConcurrencyLimit": self.concurrency_limit,
            "integrationConcurrencyLimit": None, "integrationLimitType": "accountSpecific",
        })  # fmt: skip

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        return error_response(status, code, message)

    def app(self) -> ASGIApp:
        def refuse(method: str, path: str) -> Response:
            self.log.append({"at": time.time(), "method": method, "path": path, "query": "",
                             "body": "", "headers": {}, "fault": None, "status": 429})  # fmt: skip
            return self.throttled(None)

        return ConcurrencyGate(super().app(), self.concurrency_limit, refuse)

    def state(self) -> dict[str, Any]:
        self.revenue.settle()
        whole: dict[str, Any] = orjson.loads(dumps({**self.records.tables, "jobs": self.jobs.jobs}))
        return whole

    def control(self) -> list[BaseRoute]:
        return control_routes(self)
