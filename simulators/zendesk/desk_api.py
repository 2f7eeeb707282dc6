"""Endpoints of tickets, SLA policies, search, exports and bulk jobs."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from simulators.kernel import json_response
from simulators.zendesk.body import body_of, many_of
from simulators.zendesk.errors import ZendeskRefusal, invalid
from simulators.zendesk.exports import TicketExport
from simulators.zendesk.pages import cursor_page, offset_page, table_page
from simulators.zendesk.routing import Endpoint
from simulators.zendesk.search import KINDS, search
from simulators.zendesk.store import Account, Record, Table
from simulators.zendesk.tickets import Tickets

SEARCH_ROWS_MAX = 1000


class DeskApi:
    """What the customers ask for."""

    def __init__(self, account: Account, tickets: Tickets) -> None:
        self.account = account
        self.tickets = tickets
        self.export = TicketExport(tickets)

    async def tickets_index(self, request: Request) -> Response:
        external_id = request.query_params.get("external_id")
        if external_id is not None:
            found = self.account.tickets.by("external_id", external_id)
            return json_response(offset_page(request, "tickets", found))
        return json_response(table_page(request, "tickets", self.account.tickets))

    async def ticket_create(self, request: Request) -> Response:
        key, raw = request.headers.get("idempotency-key"), await request.body()
        if key:
            replayed = self.tickets.replayed(key, raw)
            if replayed is not None:
                replayed.headers["x-idempotency-lookup"] = "hit"
                return replayed
        ticket = self.tickets.create(await body_of(request))
        answer = json_response({"ticket": ticket, "audit": {"ticket_id": ticket["id"]}}, 201)
        answer.headers["Location"] = str(request.url.replace(path=ticket["url"], query=""))
        if key:
            self.tickets.remember(key, raw, bytes(answer.body))
            answer.headers["x-idempotency-lookup"] = "miss"
        return answer

    async def ticket_show(self, request: Request) -> Response:
        shown: Record = {"ticket": self.tickets.get(request.path_params["id"])}
        # What is asked for along with it comes beside it; other names are ignored.
        if "metric_events" in request.query_params.get("include", "").split(","):
            shown["metric_events"] = self.tickets.metrics.of(shown["ticket"]["id"])
        return json_response(shown)

    async def tickets_show_many(self, request: Request) -> Response:
        held = self.account.tickets.records
        keys = [int(k) for k in many_of(request.query_params.get("ids", "")) if k.isdigit()]
        found = [held[key] for key in keys if key in held]
        return json_response(offset_page(request, "tickets", found))

    async def ticket_update(self, request: Request) -> Response:
        ticket = self.tickets.update(request.path_params["id"], await body_of(request))
        return json_response({"ticket": ticket, "audit": {"ticket_id": ticket["id"]}})

    async def ticket_delete(self, request: Request) -> Response:
        self.tickets.delete(request.path_params["id"])
        return Response(status_code=204)

    async def comments(self, request: Request) -> Response:
        ticket = self.tickets.get(request.path_params["id"])
        held = self.account.comments[ticket["id"]]
        return json_response(offset_page(request, "comments", held))

    async def organization_tickets(self, request: Request) -> Response:
        found = self.account.tickets.by("organization_id", request.path_params["id"])
        return json_response(offset_page(request, "tickets", found))

    async def policies_index(self, request: Request) -> Response:
        return json_response(table_page(request, "sla_policies", self.account.sla_policies))

    async def policy_create(self, request: Request) -> Response:
        body = await body_of(request, "sla_policy")
        return json_response({"sla_policy": self._save_policy({}, body)}, 201)

    async def policy_update(self, request: Request) -> Response:
        held = self.account.sla_policies.records.get(request.path_params["id"])
        if held is None:
            raise ZendeskRefusal(404)
        body = await body_of(request, "sla_policy")
        return json_response({"sla_policy": self._save_policy(held, body)})

    def _save_policy(self, held: Record, body: Record) -> Record:
        stamp = self.account.timestamp()
        record = {"created_at": stamp, "position": len(self.account.sla_policies.order) + 1}
        record = {**record, "description": "", "policy_metrics": [], **held, **body}
        if not record.get("title"):
            raise invalid("title", "Title: cannot be blank", "BlankValue")
        if not isinstance(record.get("filter"), dict):
            raise invalid("filter", "Filter: cannot be blank", "BlankValue")
        return self.account.sla_policies.put({**record, "updated_at": stamp})

    async def search_all(self, request: Request) -> Response:
        found = search(self.account, request.query_params.get("query", ""))
        page = int(request.query_params.get("page", "1"))
        size = min(int(request.query_params.get("per_page", "100")), 100)
        if (page - 1) * size >= SEARCH_ROWS_MAX:
            detail = "Invalid search: Requested response size was greater than Search limits"
            raise ZendeskRefusal(422, "invalid", detail)
        return json_response(offset_page(request, "results", found))

    async def search_export(self, request: Request) -> Response:
        kind = request.query_params.get("filter[type]", "")
        if kind not in KINDS:
            raise ZendeskRefusal(400, "InvalidValue", "filter[type] is required")
        told = search(self.account, request.query_params.get("query", ""))
        found = [record for record in told if record["result_type"] == kind]
        return json_response(cursor_page(request, "results", found))

    async def search_count(self, request: Request) -> Response:
        found = search(self.account, request.query_params.get("query", ""))
        return json_response({"count": len(found)})

    async def ticket_metrics(self, request: Request) -> Response:
        ticket = self.tickets.get(request.path_params["id"])
        metric = {
            "ticket_id": ticket["id"], "created_at": ticket["created_at"],
            "updated_at": ticket["updated_at"], "solved_at": self.tickets.solved.get(ticket["id"]),
        }  # fmt: skip
        return json_response({"ticket_metric": metric})

    async def ticket_export(self, request: Request) -> Response:
        query = request.query_params
        page = self.export.page(query.get("cursor"), query.get("start_time"), query.get("per_page"))
        following = request.url.replace(query="").include_query_params(cursor=page["after_cursor"])
        return json_response({**page, "after_url": str(following)})

    async def incremental(self, request: Request) -> Response:
        noun = request.path_params["noun"]
        tables = {
            "organizations": self.account.organizations, "users": self.account.users,
            "tickets": self.account.tickets,
        }  # fmt: skip
        if noun not in tables:
            raise ZendeskRefusal(404, "InvalidEndpoint")
        return json_response(self._export(request, noun, tables[noun]))

    def _export(self, request: Request, noun: str, table: Table) -> Record:
        text = request.query_params.get("cursor", request.query_params.get("start_time", ""))
        if not text.isdigit():
            raise ZendeskRefusal(400, "InvalidValue", "start_time is required")
        since = datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = [r for r in table.ordered() if r["updated_at"] >= since]
        found.sort(key=lambda record: str(record["updated_at"]))
        end = int(text)
        if found:
            end = int(datetime.fromisoformat(found[-1]["updated_at"]).timestamp())
        following = str(request.url.include_query_params(start_time=end))
        return {
            noun: found, "count": len(found), "end_time": end, "end_of_stream": True,
            "next_page": following, "after_cursor": str(end), "after_url": following,
        }  # fmt: skip

    async def job_status(self, request: Request) -> Response:
        job = self.account.jobs.get(request.path_params["job"].removesuffix(".json"))
        if job is None:
            raise ZendeskRefusal(404)
        return json_response({"job_status": job})

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint here: method, path, handler name."""
        return [
            ("GET", "/tickets/show_many", "tickets_show_many"),
            ("GET", "/tickets/{id:int}", "ticket_show"),
            ("PUT", "/tickets/{id:int}", "ticket_update"),
            ("DELETE", "/tickets/{id:int}", "ticket_delete"),
            ("GET", "/tickets/{id:int}/comments", "comments"),
            ("GET", "/tickets", "tickets_index"),
            ("POST", "/tickets", "ticket_create"),
            ("GET", "/organizations/{id:int}/tickets", "organization_tickets"),
            ("GET", "/slas/policies", "policies_index"),
            ("POST", "/slas/policies", "policy_create"),
            ("PUT", "/slas/policies/{id:int}", "policy_update"),
            ("GET", "/search/count", "search_count"),
            ("GET", "/search/export", "search_export"),
            ("GET", "/search", "search_all"),
            ("GET", "/tickets/{id:int}/metrics", "ticket_metrics"),
            ("GET", "/incremental/tickets/cursor", "ticket_export"),
            ("GET", "/incremental/{noun}/cursor", "incremental"),
            ("GET", "/incremental/{noun:word}", "incremental"),
            ("GET", "/job_statuses/{job}", "job_status"),
        ]
