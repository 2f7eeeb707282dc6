"""The object API: Company and custom objects, insert and update kept strictly apart."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulators.gainsight.errors import (
    BAD_PATH,
    NO_MATCH,
    UPDATE_ONLY,
    GainsightRefusal,
    failure,
    success,
)
from simulators.gainsight.fields import object_values
from simulators.gainsight.query import page, select_records
from simulators.gainsight.requests import Endpoint, json_of
from simulators.gainsight.store import Record, Tenant

RECORDS_MAX = 50
KEYS_MAX = 3
LIMIT_MAX = 5000
BAD_RECORDS = "GSOBJ_1001"
MISSING_NAME = "GSOBJ_1002"


class ObjectsApi:
    """Reads and writes records of Company and of `...__gc` objects."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    async def insert(self, request: Request) -> Response:
        """POST: inserts, always; a repeated call makes another record of the same company."""
        name = _object(request)
        given = await _records(request)
        values = [object_values(name, record) for record in given]
        if name == "Company" and not all(record.get("Name") for record in values):
            raise GainsightRefusal(400, MISSING_NAME, "The mandatory field Name is missing.")
        made = []
        for record in values:
            gsid = self.tenant.gsid("1P02" if name == "Company" else "1C01")
            made.append(self.tenant.put(name, {"Gsid": gsid, **record}))
        shown = [{"Gsid": record["Gsid"]} for record in made]
        return success({"count": len(shown), "errors": None, "records": shown})

    async def update(self, request: Request) -> Response:
        """PUT with keys: updates what matches and inserts nothing."""
        name = _object(request)
        keys = [key for key in request.query_params.get("keys", "").split(",") if key]
        if not 0 < len(keys) <= KEYS_MAX:
            raise GainsightRefusal(400, BAD_RECORDS, f"Give one to {KEYS_MAX} keys.")
        changed: list[Record] = []
        errors: list[dict[str, Any]] = []
        for given in await _records(request):
            values = object_values(name, given)
            # The values decide the match, except a Gsid, which is no value one may set.
            wanted = {key: given.get(key) if key == "Gsid" else values.get(key) for key in keys}
            matches = self._matching(name, wanted)
            if not matches:
                errors.append({
                    "errorCode": UPDATE_ONLY, "errorDesc": "No record matches the keys.",
                    "record": given,
                })  # fmt: skip
            for match in matches:
                changed.append(self.tenant.put(name, {**match, **values}))
        shown = [{"Gsid": record["Gsid"]} for record in changed]
        data = {"count": len(shown), "errors": errors or None, "records": shown}
        if not changed:
            return failure(200, UPDATE_ONLY, "No record matches the keys.", data)
        return success(data)

    async def query(self, request: Request) -> Response:
        """POST query: what queries can see by now; finding nothing is answered as an error."""
        name, body = _object(request), await json_of(request)
        limit, offset = int(body.get("limit", 1000)), int(body.get("offset", 0))
        if not 0 < limit <= LIMIT_MAX:
            raise GainsightRefusal(400, BAD_RECORDS, f"The limit is {LIMIT_MAX} records.")
        found = select_records(self.tenant.visible(name), body.get("where"))
        records = page(found, body, limit, offset)
        if not records:
            return failure(400, NO_MATCH, f"No entity matches the criteria in {name}.")
        return success({"count": len(records), "records": records})

    async def delete(self, request: Request) -> Response:
        """DELETE by Gsid."""
        name, gsid = _object(request), request.path_params["gsid"]
        if gsid not in self.tenant.tables[name].records:
            return failure(400, NO_MATCH, "No entity matches the criteria.")
        self.tenant.remove(name, gsid)
        return success({"count": 1})

    async def delete_log(self, request: Request) -> Response:
        """POST: what was deleted lately."""
        await json_of(request)
        return success({"records": self.tenant.deleted})

    def _matching(self, name: str, wanted: Record) -> list[Record]:
        table = self.tenant.tables[name]
        if wanted.get("Gsid") is not None:
            held = table.records.get(wanted["Gsid"])
            candidates = [held] if held else []
        else:
            text = next((key for key, value in wanted.items() if isinstance(value, str)), None)
            candidates = (
                table.by(text, wanted[text]) if text is not None else list(table.records.values())
            )
        return [
            record for record in candidates
            if all(value is not None and record.get(key) == value for key, value in wanted.items())
        ]  # fmt: skip

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint here: method, path, handler name."""
        base = "/v1/data/objects"
        return [
            ("POST", f"{base}/query/record_delete_log", "delete_log"),
            ("POST", f"{base}/query/{{object}}", "query"),
            ("POST", f"{base}/{{object}}", "insert"),
            ("PUT", f"{base}/{{object}}", "update"),
            ("DELETE", f"{base}/{{object}}/{{gsid}}", "delete"),
        ]


def _object(request: Request) -> str:
    name = str(request.path_params["object"])
    if name.lower() == "company":
        return "Company"
    if not name.endswith("__gc"):
        raise GainsightRefusal(404, BAD_PATH, f"The object {name} does not exist.")
    return name


async def _records(request: Request) -> list[Record]:
    records = (await json_of(request)).get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise GainsightRefusal(400, BAD_RECORDS, "The body needs a list of records.")
    if not 0 < len(records) <= RECORDS_MAX:
        raise GainsightRefusal(400, BAD_RECORDS, f"Send one to {RECORDS_MAX} records.")
    return records
