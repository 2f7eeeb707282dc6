"""Cockpit: calls to action and their tasks; a batch may fail in part inside a 200.

Lists have pages but no order that anybody documents: each call gives another one here.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulators.gainsight.errors import (
    BAD_CTA,
    BAD_SELECT,
    MANDATORY_MISSING,
    GainsightRefusal,
    failure,
    success,
)
from simulators.gainsight.fields import CTA_CUSTOM, to_millis
from simulators.gainsight.picklists import Picklists
from simulators.gainsight.query import page, select_records
from simulators.gainsight.requests import Endpoint, json_of
from simulators.gainsight.store import Record, Tenant

TIMES = ("CreatedDate", "ModifiedDate", "ClosedDate")
CTA, TASK = "call_to_action", "cs_task"
PAGE_SIZE_MAX = 1000
MANDATORY = ("Name", "CompanyId", "type", "reason", "status", "priority")
CHOICES = {
    "type": ("Type", "CTA_TYPE"), "reason": ("Reason", "CTA_REASON"),
    "status": ("Status", "CTA_STATUS"), "priority": ("Priority", "CTA_PRIORITY"),
}  # fmt: skip
PLAIN = ("Name", "CompanyId", "OwnerId", "OwnerEmail", "Comments", "DueDate", *sorted(CTA_CUSTOM))
CTA_FIELDS = frozenset({
    *PLAIN, "Gsid", "CreatedDate", "ModifiedDate", "ClosedDate", "IsClosed",
    *(n for label, _ in CHOICES.values() for n in (label, f"{label}Id", f"{label}Id__gr.Name")),
})  # fmt: skip
TASK_FIELDS = frozenset({
    "Gsid", "CTAId", "Name", "Status", "DueDate", "OwnerId", "CreatedDate", "ModifiedDate",
})  # fmt: skip


class Rejected(Exception):
    """One record of a batch cannot be taken; the text says why, code first."""


class CockpitApi:
    """Creates, changes and lists calls to action."""

    def __init__(self, tenant: Tenant, picklists: Picklists) -> None:
        self.tenant = tenant
        self.picklists = picklists

    async def create(self, request: Request) -> Response:
        """POST: a repeated call makes another CTA; `referenceId` only pairs up the answers."""
        return await self._batch(request, self._created)

    async def update(self, request: Request) -> Response:
        """PUT by Gsid."""
        return await self._batch(request, self._updated)

    async def _batch(self, request: Request, act: Any) -> Response:
        given = (await json_of(request)).get("requests")
        if not isinstance(given, list) or not given:
            raise GainsightRefusal(400, MANDATORY_MISSING, "The body needs a list of requests.")
        done: list[dict[str, str]] = []
        failed: list[dict[str, str]] = []
        for number, entry in enumerate(given):
            record = entry.get("record", {}) if isinstance(entry, dict) else {}
            reference = str(record.get("referenceId", number))
            try:
                done.append({reference: act(record)["Gsid"]})
            except (Rejected, GainsightRefusal) as refusal:
                failed.append({reference: str(refusal)})
        data = {"success": done, "failure": failed}
        if done:
            return success(data)
        code, _, reason = next(iter(failed[0].values())).partition(": ")
        return failure(200, code, reason, data)

    def _created(self, given: Record) -> Record:
        missing = [field for field in MANDATORY if not given.get(field)]
        if not given.get("OwnerId") and not given.get("OwnerEmail"):
            missing.append("OwnerId")
        if missing:
            raise Rejected(f"{MANDATORY_MISSING}: Mandatory fields missing: {', '.join(missing)}")
        record = {"Gsid": self.tenant.gsid("1S01"), "IsClosed": False}
        return self.tenant.put(CTA, {**record, **self._values(given)})

    def _updated(self, given: Record) -> Record:
        gsid = given.get("Gsid") or given.get("gsid") or ""
        held = self.tenant.tables[CTA].records.get(gsid)
        if held is None:
            raise Rejected(f"{BAD_CTA}: Invalid CTA gsid {gsid}")
        return self.tenant.put(CTA, {**held, **self._values(given)})

    def _values(self, given: Record) -> Record:
        values: Record = {}
        for field, value in given.items():
            if field in CHOICES and value is not None:
                label, category = CHOICES[field]
                item = self.picklists.find(category, value)
                if item is None:
                    raise Rejected(f"{MANDATORY_MISSING}: Invalid value {value} for {field}")
                values[label], values[f"{label}Id"] = item["name"], item["gsid"]
                values[f"{label}Id__gr.Name"] = item["name"]
            elif field == "DueDate":
                values[field] = to_millis(field, value)
            elif field in PLAIN:
                values[field] = value
        company = values.get("CompanyId")
        if company is not None and company not in self.tenant.tables["Company"].records:
            raise Rejected(f"{MANDATORY_MISSING}: Invalid value {company} for CompanyId")
        if "Status" in values:
            values["IsClosed"] = values["Status"].startswith("Closed")
            values["ClosedDate"] = self.tenant.millis() if values["IsClosed"] else None
        return values

    def open(self, **given: Any) -> Record:
        """What a rule or a CSM does: create a CTA; raises GainsightRefusal."""
        return _refusing(self._created, given)

    def change(self, gsid: str, **given: Any) -> Record:
        """What a CSM does: change a CTA's status, reason, ...; raises GainsightRefusal."""
        return _refusing(self._updated, {"Gsid": gsid, **given})

    async def index(self, request: Request) -> Response:
        """POST list: the CTAs queries can see by now."""
        body = await json_of(request)
        return success(listed(self.tenant, CTA, CTA_FIELDS, body))

    async def tasks(self, request: Request) -> Response:
        """POST list of tasks."""
        body = await json_of(request)
        return success(listed(self.tenant, TASK, TASK_FIELDS, body))

    async def cta_tasks(self, request: Request) -> Response:
        """The tasks of one CTA."""
        found = self.tenant.visible(TASK).by("CTAId", request.path_params["cta"])
        return success([with_dates(task) for task in found])

    async def picklist(self, request: Request) -> Response:
        """GET the picklist items of one or more categories."""
        wanted = request.query_params.get("category", "").split(",")
        return success({c: self.picklists.items[c] for c in wanted if c in self.picklists.items})

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint here: method, path, handler name."""
        base = "/v2/cockpit"
        return [
            ("POST", f"{base}/cta/list", "index"),
            ("POST", f"{base}/cta", "create"),
            ("PUT", f"{base}/cta", "update"),
            ("GET", f"{base}/admin/picklist/lite", "picklist"),
            ("POST", f"{base}/task/list", "tasks"),
            ("POST", f"{base}/task/list/{{cta}}", "cta_tasks"),
            ("GET", f"{base}/task/list/{{cta}}", "cta_tasks"),
        ]


def _refusing(act: Callable[[Record], Record], given: Record) -> Record:
    try:
        return act(given)
    except Rejected as rejected:
        code, _, reason = str(rejected).partition(": ")
        raise GainsightRefusal(200, code, reason) from None


def listed(tenant: Tenant, name: str, fields: frozenset[str], body: Record) -> list[Record]:
    """A page of a list call; raises GainsightRefusal for a field that cannot be selected."""
    unknown = [field for field in body.get("select") or [] if field not in fields]
    if unknown:
        raise GainsightRefusal(400, BAD_SELECT, f"Invalid select fields: {', '.join(unknown)}")
    size, number = int(body.get("pageSize", PAGE_SIZE_MAX)), int(body.get("pageNumber", 1))
    if not 0 < size <= PAGE_SIZE_MAX or number < 1:
        raise GainsightRefusal(400, BAD_SELECT, f"The page size is at most {PAGE_SIZE_MAX}.")
    found = select_records(tenant.visible(name), body.get("where"), "fieldName")
    tenant.shuffle(found)
    return [with_dates(record) for record in page(found, body, size, (number - 1) * size)]


def with_dates(record: Record) -> Record:
    """A record as the cockpit's lists write it: times as ISO text, other than the objects' API."""
    shown = dict(record)
    for field in TIMES:
        if isinstance(shown.get(field), int):
            moment = datetime.fromtimestamp(shown[field] / 1000, UTC)
            shown[field] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return shown
