"""People, success plans and timeline activities."""

from starlette.requests import Request
from starlette.responses import Response

from simulators.gainsight.cockpit_api import listed
from simulators.gainsight.errors import GainsightRefusal, failure, success
from simulators.gainsight.fields import to_millis
from simulators.gainsight.requests import Endpoint, json_of
from simulators.gainsight.store import Record, Tenant

PERSON, PLAN, ACTIVITY = "Person", "success_plan", "activity_timeline"
BAD_PERSON, BAD_PLAN, BAD_ACTIVITY = "PEOPLE_1001", "SUCCESSPLAN_1001", "ANT_1001"
PLAN_FIELDS = frozenset({
    "Gsid", "Name", "CompanyId", "Type", "Status", "OwnerId", "OwnerEmail", "StartDate", "DueDate",
    "Description", "External_Ref__gc", "Tieline_Correlation__gc", "CreatedDate", "ModifiedDate",
})  # fmt: skip


class EngagementApi:
    """Who the customer's people are, what was planned with them and what was said."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    async def person(self, request: Request) -> Response:
        """PUT: a true upsert, the e-mail being the key."""
        given = await json_of(request)
        email = given.get("Email")
        if not isinstance(email, str) or "@" not in email:
            raise GainsightRefusal(400, BAD_PERSON, "The mandatory field Email is missing.")
        held = self.tenant.tables[PERSON].by("Email", email.lower())
        record = held[0] if held else {"Gsid": self.tenant.gsid("1P01")}
        person = self.tenant.put(PERSON, {**record, **given, "Email": email.lower()})
        return success({"Gsid": person["Gsid"], "Email": person["Email"]})

    async def plan_create(self, request: Request) -> Response:
        """POST: a plan of a company; a repeated call makes another."""
        return await self._plans(request, update=False)

    async def plan_update(self, request: Request) -> Response:
        """PUT by Gsid."""
        return await self._plans(request, update=True)

    async def _plans(self, request: Request, *, update: bool) -> Response:
        entries = (await json_of(request)).get("requests") or []
        done, failed = [], []
        for number, entry in enumerate(entries):
            given: Record = entry.get("record", {})
            reference = str(given.get("referenceId", number))
            values = {k: v for k, v in given.items() if k in PLAN_FIELDS and k != "Gsid"}
            for field in ("StartDate", "DueDate"):
                if field in values:
                    values[field] = to_millis(field, values[field])
            held = self.tenant.tables[PLAN].records.get(given.get("Gsid", ""))
            reason = self._plan_refusal(values, held, update)
            if reason:
                failed.append({reference: f"{BAD_PLAN}: {reason}"})
                continue
            blank = held or {"Gsid": self.tenant.gsid("1V00"), "Status": "Draft"}
            done.append({reference: self.tenant.put(PLAN, {**blank, **values})["Gsid"]})
        data = {"success": done, "failure": failed}
        if done:
            return success(data)
        return failure(200, BAD_PLAN, "No success plan was saved.", data)

    def _plan_refusal(self, values: Record, held: Record | None, update: bool) -> str:
        if update:
            return "" if held else "Invalid success plan gsid"
        if not values.get("Name") or not values.get("CompanyId"):
            return "Mandatory fields missing: Name, CompanyId"
        known = values["CompanyId"] in self.tenant.tables["Company"].records
        return "" if known else f"Invalid value {values['CompanyId']} for CompanyId"

    async def plan_list(self, request: Request) -> Response:
        """POST list: the plans queries can see by now."""
        return success(listed(self.tenant, PLAN, PLAN_FIELDS, await json_of(request)))

    async def activity_create(self, request: Request) -> Response:
        """POST: a timeline note; one with a known external id is the same note again."""
        return await self._activities(request, update=False)

    async def activity_update(self, request: Request) -> Response:
        """PUT by external id."""
        if request.query_params.get("identifier", "").lower() != "externalid":
            raise GainsightRefusal(400, BAD_ACTIVITY, "Use identifier=externalid.")
        return await self._activities(request, update=True)

    async def _activities(self, request: Request, *, update: bool) -> Response:
        body = await json_of(request)
        given: list[Record] = body["records"] if isinstance(body.get("records"), list) else [body]
        saved: list[Record] = []
        for note in given:
            if not update and not (note.get("Subject") and note.get("TypeName")):
                raise GainsightRefusal(400, BAD_ACTIVITY, "Subject and TypeName are mandatory.")
            external_id = note.get("ExternalId")
            found = self.tenant.tables[ACTIVITY].by("ExternalId", str(external_id))
            if update and not found:
                raise GainsightRefusal(400, BAD_ACTIVITY, f"No activity {external_id}.")
            record = found[0] if found else {"Gsid": self.tenant.gsid("1A00")}
            values = {k: to_millis(k, v) if k == "ActivityDate" else v for k, v in note.items()}
            saved.append(self.tenant.put(ACTIVITY, {**record, **values}))
        return success({
            "count": len(saved),
            "records": [{"Gsid": r["Gsid"], "ExternalId": r.get("ExternalId")} for r in saved],
        })  # fmt: skip

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint here: method, path, handler name."""
        return [
            ("PUT", "/v1/peoplemgmt/v1.0/people", "person"),
            ("POST", "/v2/successPlan/list", "plan_list"),
            ("POST", "/v2/successPlan/", "plan_create"),
            ("POST", "/v2/successPlan", "plan_create"),
            ("PUT", "/v2/successPlan/", "plan_update"),
            ("PUT", "/v2/successPlan", "plan_update"),
            ("POST", "/v1/ant/es/activity", "activity_create"),
            ("PUT", "/v1/ant/es/activity", "activity_update"),
        ]
