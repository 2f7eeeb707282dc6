"""Endpoints of organizations, organization fields, users and memberships."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulators.kernel import json_response
from simulators.zendesk.body import body_of, many_of
from simulators.zendesk.errors import ZendeskRefusal
from simulators.zendesk.organizations import Organizations, new_field
from simulators.zendesk.pages import offset_page, table_page
from simulators.zendesk.routing import Endpoint
from simulators.zendesk.store import Account, Record
from simulators.zendesk.tickets import Tickets
from simulators.zendesk.users import Users


class DirectoryApi:
    """Who the customers are."""

    def __init__(self, account: Account, tickets: Tickets) -> None:
        self.account = account
        self.tickets = tickets
        self.organizations = Organizations(account)
        self.users = Users(account)

    async def organizations_index(self, request: Request) -> Response:
        return json_response(table_page(request, "organizations", self.account.organizations))

    async def organization_create(self, request: Request) -> Response:
        return _answer("organization", self.organizations.create(await body_of(request)), 201)

    async def organization_upsert(self, request: Request) -> Response:
        record, created = self.organizations.create_or_update(await body_of(request))
        return _answer("organization", record, 201 if created else 200)

    async def organization_show(self, request: Request) -> Response:
        return _answer("organization", self.organizations.get(request.path_params["id"]))

    async def organization_update(self, request: Request) -> Response:
        key = request.path_params["id"]
        return _answer("organization", self.organizations.update(key, await body_of(request)))

    async def organization_delete(self, request: Request) -> Response:
        self.organizations.delete(request.path_params["id"])
        return Response(status_code=204)

    async def organization_search(self, request: Request) -> Response:
        query = request.query_params
        fields = [field for field in ("external_id", "name") if field in query]
        if len(fields) != 1:
            raise ZendeskRefusal(400, "InvalidParameter", "Give external_id or name, not both")
        visible = self.account.search.visible("organization")
        found = visible.by(fields[0], query[fields[0]])
        return json_response(offset_page(request, "organizations", found))

    async def organizations_show_many(self, request: Request) -> Response:
        query = request.query_params
        found: list[Record] = []
        if "external_ids" in query:
            for value in many_of(query["external_ids"]):
                found.extend(self.account.organizations.by("external_id", value))
        for key in many_of(query.get("ids", "")):
            if key.isdigit() and int(key) in self.account.organizations.records:
                found.append(self.account.organizations.records[int(key)])
        return json_response(offset_page(request, "organizations", found))

    async def organization_related(self, request: Request) -> Response:
        key = self.organizations.get(request.path_params["id"])["id"]
        related = {
            "tickets_count": len(self.account.tickets.by("organization_id", key)),
            "users_count": len(self.account.users.by("organization_id", key)),
        }
        return json_response({"organization_related": related})

    async def organizations_create_many(self, request: Request) -> Response:
        bodies = await body_of(request, "organizations", many=True)
        return self.tickets.job([_tried(self.organizations.create, body) for body in bodies])

    async def organizations_update_many(self, request: Request) -> Response:
        bodies = await body_of(request, "organizations", many=True)
        return self.tickets.job([
            _tried(lambda b: self.organizations.update(int(b["id"]), b), body) for body in bodies
        ])  # fmt: skip

    async def fields_index(self, request: Request) -> Response:
        fields = self.account.organization_fields
        return json_response(table_page(request, "organization_fields", fields))

    async def field_create(self, request: Request) -> Response:
        body = await body_of(request, "organization_field")
        return _answer("organization_field", new_field(self.account, body), 201)

    async def users_index(self, request: Request) -> Response:
        return json_response(table_page(request, "users", self.account.users))

    async def user_create(self, request: Request) -> Response:
        return _answer("user", self.users.create(await body_of(request)), 201)

    async def user_upsert(self, request: Request) -> Response:
        record, created = self.users.create_or_update(await body_of(request))
        answer = _answer("user", record, 201 if created else 200)
        answer.headers["Location"] = str(request.url.replace(path=record["url"], query=""))
        return answer

    async def user_show(self, request: Request) -> Response:
        return _answer("user", self.users.get(request.path_params["id"]))

    async def user_update(self, request: Request) -> Response:
        key = request.path_params["id"]
        return _answer("user", self.users.update(key, await body_of(request)))

    async def user_delete(self, request: Request) -> Response:
        return _answer("user", self.users.delete(request.path_params["id"]))

    async def user_search(self, request: Request) -> Response:
        visible, query = self.account.search.visible("user"), request.query_params
        if "external_id" in query:
            found = visible.by("external_id", query["external_id"])
        else:
            text = query.get("query", "").removeprefix("email:").strip('"')
            found = visible.by("email", text) or [
                user for user in visible.ordered() if text.lower() in user["name"].lower()
            ]
        return json_response(offset_page(request, "users", found))

    async def memberships_index(self, request: Request) -> Response:
        memberships = self.account.memberships
        return json_response(table_page(request, "organization_memberships", memberships))

    async def membership_create(self, request: Request) -> Response:
        body = await body_of(request, "organization_membership")
        return _answer("organization_membership", self.users.join(body), 201)

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint here: method, path, handler name."""
        return [
            ("POST", "/organizations/create_or_update", "organization_upsert"),
            ("GET", "/organizations/search", "organization_search"),
            ("GET", "/organizations/show_many", "organizations_show_many"),
            ("POST", "/organizations/create_many", "organizations_create_many"),
            ("PUT", "/organizations/update_many", "organizations_update_many"),
            ("GET", "/organizations/{id:int}", "organization_show"),
            ("PUT", "/organizations/{id:int}", "organization_update"),
            ("DELETE", "/organizations/{id:int}", "organization_delete"),
            ("GET", "/organizations/{id:int}/related", "organization_related"),
            ("GET", "/organizations", "organizations_index"),
            ("POST", "/organizations", "organization_create"),
            ("GET", "/organization_fields", "fields_index"),
            ("POST", "/organization_fields", "field_create"),
            ("POST", "/users/create_or_update", "user_upsert"),
            ("GET", "/users/search", "user_search"),
            ("GET", "/users/{id:int}", "user_show"),
            ("PUT", "/users/{id:int}", "user_update"),
            ("DELETE", "/users/{id:int}", "user_delete"),
            ("GET", "/users", "users_index"),
            ("POST", "/users", "user_create"),
            ("GET", "/organization_memberships", "memberships_index"),
            ("POST", "/organization_memberships", "membership_create"),
        ]


def _answer(noun: str, record: Record, status: int = 200) -> Response:
    return json_response({noun: record}, status)


def _tried(act: Any, body: Record) -> dict[str, Any]:
    try:
        return {"id": act(body)["id"], "success": True}
    except ZendeskRefusal as refusal:
        return {
            "success": False,
            "error": refusal.error or "RecordInvalid",
            "details": str(refusal),
        }
