"""The REST resources of single records: read, create, update, upsert, delete, describe."""

from dataclasses import dataclass, field
from typing import Any

from simulators.salesforce.errors import SalesforceError, method_not_allowed, not_found
from simulators.salesforce.ids import canonical_id
from simulators.salesforce.schema import OBJECTS, Field, ObjectType, find_object
from simulators.salesforce.store import Record, Store, read_body

# Before this version an upsert that updates answers 204 with no body.
UPSERT_BODY_SINCE = 46.0


@dataclass
class Call:
    """One REST call below `/services/data/v{version}`, from outside or inside a composite."""

    method: str
    parts: list[str]
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    version: str = "67.0"


@dataclass(frozen=True)
class Answer:
    """Status and JSON body; None is no body."""

    status: int
    body: Any = None
    location: str | None = None


def sobjects(call: Call, store: Store) -> Answer:
    """Everything below `/sobjects`; raises SalesforceError."""
    parts = call.parts[1:]
    if not parts:
        return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200,
                            "sobjects": [_summary(o) for o in OBJECTS.values()]})  # fmt: skip
    object_type = find_object(parts[0])
    if object_type is None:
        raise not_found()
    if len(parts) == 1:
        if call.method == "POST":
            return _create(call, store, object_type)
        if call.method == "GET":
            return Answer(200, {"objectDescribe": _summary(object_type), "recentItems": []})
        raise method_not_allowed(call.method)
    if len(parts) == 2 and parts[1] == "describe":
        return Answer(200, _describe(object_type))
    if len(parts) == 2:
        return _by_id(call, store, object_type, parts[1])
    key = object_type.find(parts[1])
    if key is None or len(parts) > 3 or not (key.external_id or key.type == "id"):
        raise not_found(
            f"Provided external ID field does not exist or is not accessible: {parts[1]}"
        )
    if key.type == "id":
        return _by_id(call, store, object_type, parts[2])
    return _by_external_id(call, store, object_type, key, parts[2])


def upsert(
    store: Store, object_type: ObjectType, key: Field, value: str, body: Any, update_only: bool
) -> tuple[str, bool]:
    """Create or update the one record with this key; answers its id and whether it is new."""
    values = read_body(object_type, body)
    if key.type == "id":
        record_id = canonical_id(value)
        if record_id is None:
            raise SalesforceError(400, "MALFORMED_ID", f"Id: malformed id {value}", ("Id",))
        store.update(object_type.name, record_id, values)
        return record_id, False
    matches = store.tables[object_type.name].where(key.name, value)
    if len(matches) > 1:
        raise SalesforceError(
            300, "DUPLICATE_EXTERNAL_ID",
            f"{key.name}: more than one record found for external id field: "
            f"[{', '.join(m['Id'] for m in matches)}]",
            (key.name,),
        )  # fmt: skip
    if matches:
        store.update(object_type.name, matches[0]["Id"], values)
        return matches[0]["Id"], False
    if update_only:
        raise not_found()
    return store.insert(object_type.name, {**values, key.name: value}), True


def _create(call: Call, store: Store, object_type: ObjectType) -> Answer:
    record_id = store.insert(object_type.name, read_body(object_type, _body(call)))
    url = f"/services/data/v{call.version}/sobjects/{object_type.name}/{record_id}"
    return Answer(201, {"id": record_id, "success": True, "errors": []}, url)


def _by_id(call: Call, store: Store, object_type: ObjectType, given: str) -> Answer:
    record_id = canonical_id(given)
    if record_id is None or not record_id.startswith(object_type.prefix):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {given}")
    if call.method == "GET":
        record = store.existing(object_type.name, record_id)
        return Answer(200, _read(call, object_type, record))
    if call.method == "PATCH":
        body = _body(call)
        _refuse_key(body, "Id")
        store.update(object_type.name, record_id, read_body(object_type, body))
        return Answer(204)
    if call.method == "DELETE":
        store.delete(object_type.name, record_id)
        return Answer(204)
    raise method_not_allowed(call.method)


def _by_external_id(
    call: Call, store: Store, object_type: ObjectType, key: Field, value: str
) -> Answer:
    if call.method == "PATCH":
        body = _body(call)
        _refuse_key(body, "Id")
        _refuse_key(body, key.name)
        update_only = call.query.get("updateOnly", "").lower() == "true"
        try:
            record_id, created = upsert(store, object_type, key, value, body, update_only)
        except SalesforceError as error:
            if error.status != 300:
                raise
            return _several(call, store, object_type, key, value)
        if not created and float(call.version) < UPSERT_BODY_SINCE:
            return Answer(204)
        answer = {"id": record_id, "success": True, "errors": [], "created": created}
        return Answer(201 if created else 200, answer)
    matches = store.tables[object_type.name].where(key.name, value)
    if not matches:
        raise not_found()
    if len(matches) > 1:
        return _several(call, store, object_type, key, value)
    if call.method == "GET":
        return Answer(200, _read(call, object_type, matches[0]))
    if call.method == "DELETE":
        store.delete(object_type.name, matches[0]["Id"])
        return Answer(204)
    raise method_not_allowed(call.method)


def _several(call: Call, store: Store, object_type: ObjectType, key: Field, value: str) -> Answer:
    matches = store.tables[object_type.name].where(key.name, value)
    base = f"/services/data/v{call.version}/sobjects/{object_type.name}/"
    return Answer(300, [base + match["Id"] for match in matches])


def _read(call: Call, object_type: ObjectType, record: Record) -> Record:
    url = f"/services/data/v{call.version}/sobjects/{object_type.name}/{record['Id']}"
    answer: Record = {"attributes": {"type": object_type.name, "url": url}}
    if not call.query.get("fields"):
        return {**answer, **record}
    for name in call.query["fields"].split(","):
        found = object_type.find(name.strip())
        if found is None:
            message = f"No such column '{name}' on entity '{object_type.name}'."
            raise SalesforceError(400, "INVALID_FIELD", message)
        answer[found.name] = record[found.name]
    return {**answer, "Id": record["Id"]}


def _body(call: Call) -> Record:
    if not isinstance(call.body, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The body is not a JSON object")
    return call.body


def _refuse_key(body: Record, name: str) -> None:
    if any(given.lower() == name.lower() for given in body):
        message = f"The {name} field should not be specified in the sobject data."
        raise SalesforceError(400, "INVALID_FIELD", message, (name,))


def _summary(object_type: ObjectType) -> dict[str, Any]:
    return {
        "name": object_type.name, "label": object_type.name, "keyPrefix": object_type.prefix,
        "custom": False, "queryable": True, "createable": True, "updateable": True,
        "deletable": True,
    }  # fmt: skip


def _describe(object_type: ObjectType) -> dict[str, Any]:
    fields = [
        {
            "name": f.name, "label": f.name, "type": f.type, "custom": f.name.endswith("__c"),
            "nillable": not f.required, "createable": f.writable, "updateable": f.writable,
            "externalId": f.external_id, "unique": f.unique, "idLookup": f.external_id,
            "referenceTo": [f.refers_to] if f.refers_to else [],
            "relationshipName": f.relationship or None,
        }
        for f in object_type.fields.values()
    ]  # fmt: skip
    children = [
        {"childSObject": child, "field": key, "relationshipName": name}
        for name, (child, key) in object_type.children.items()
    ]
    return {**_summary(object_type), "fields": fields, "childRelationships": children}
