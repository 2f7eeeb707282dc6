"""`/composite` and collection upserts: many writes a call, failing apart or together."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from simulators.salesforce.errors import SalesforceError, method_not_allowed, not_found
from simulators.salesforce.records import Answer, Call, upsert
from simulators.salesforce.schema import find_object
from simulators.salesforce.store import Store

SUBREQUESTS_MAX = 25
COLLECTION_ROWS_MAX = 200

_REFERENCE = re.compile(r"@\{([^}]+)\}")
_ROLLED_BACK = (
    "The transaction was rolled back since another operation in the same transaction failed."
)
_ROW_ROLLED_BACK = "Record rolled back because not all records were valid and the request was using AllOrNone header"  # noqa: E501

Dispatch = Callable[[Call], Answer]


class _NoSuchReference(Exception):
    """A reference to an answer that failed or never was."""


def split_url(url: str) -> tuple[str, list[str], dict[str, str]]:
    """The version, the unquoted parts after it and the query of a REST resource's address."""
    address = urlsplit(url)
    match = re.fullmatch(r"/services/data/v(\d+\.\d)(?:/(.*))?", address.path)
    if match is None:
        raise not_found()
    parts = [unquote(part) for part in (match[2] or "").rstrip("/").split("/")]
    return match[1], parts, dict(parse_qsl(address.query, keep_blank_values=True))


def composite(call: Call, store: Store, dispatch: Dispatch) -> Answer:
    """Run subrequests in order; their failures stand inside a 200."""
    if call.method != "POST":
        raise method_not_allowed(call.method)
    body = call.body if isinstance(call.body, dict) else {}
    requests = body.get("compositeRequest")
    if not isinstance(requests, list) or not requests:
        raise SalesforceError(400, "JSON_PARSER_ERROR", "compositeRequest is missing")
    if len(requests) > SUBREQUESTS_MAX:
        message = f"The operation exceeded the limit of {SUBREQUESTS_MAX} subrequests"
        raise SalesforceError(400, "LIMIT_EXCEEDED", message)
    answers: dict[str, Answer] = {}
    with store.transaction() as roll_back:
        for request in requests:
            answers[request["referenceId"]] = _run(request, answers, dispatch)
            failed = answers[request["referenceId"]].status >= 300
            if failed and body.get("allOrNone"):
                roll_back()
                answers = _halted(requests, request["referenceId"], answers)
                break
    rows = [
        {
            "body": answer.body,
            "httpHeaders": {"Location": answer.location} if answer.location else {},
            "httpStatusCode": answer.status,
            "referenceId": reference,
        }
        for reference, answer in answers.items()
    ]
    return Answer(200, {"compositeResponse": rows})


def _run(request: dict[str, Any], answers: dict[str, Answer], dispatch: Dispatch) -> Answer:
    try:
        url = _fill(str(request["url"]), answers)
        version, parts, query = split_url(str(url))
        body = _fill(request.get("body"), answers)
        return dispatch(Call(str(request["method"]).upper(), parts, query, body, version))
    except _NoSuchReference as missing:
        message = f"Invalid reference specified. No value for {missing} found"
        return Answer(400, SalesforceError(400, "PROCESSING_HALTED", message).body())
    except SalesforceError as error:
        return Answer(error.status, error.body())


def _halted(
    requests: list[dict[str, Any]], failed: str, answers: dict[str, Answer]
) -> dict[str, Answer]:
    halted = Answer(400, SalesforceError(400, "PROCESSING_HALTED", _ROLLED_BACK).body())
    references = [request["referenceId"] for request in requests]
    return {name: answers[name] if name == failed else halted for name in references}


def _fill(value: Any, answers: dict[str, Answer]) -> Any:
    """A url or body with each `@{reference.path}` replaced by what that answer held."""
    if isinstance(value, dict):
        return {name: _fill(item, answers) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, answers) for item in value]
    if not isinstance(value, str) or "@{" not in value:
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _lookup(whole[1], answers)
    return _REFERENCE.sub(lambda match: str(_lookup(match[1], answers)), value)


def _lookup(path: str, answers: dict[str, Answer]) -> Any:
    name, *steps = re.findall(r"[^.\[\]]+", path)
    answer = answers.get(name)
    if answer is None or answer.status >= 300:
        raise _NoSuchReference(path)
    found = answer.body
    for step in steps:
        try:
            found = found[int(step)] if isinstance(found, list) else found[step]
        except (KeyError, IndexError, TypeError, ValueError):
            raise _NoSuchReference(path) from None
    return found


def collection_upsert(call: Call, store: Store) -> Answer:
    """`PATCH /composite/sobjects/{object}/{external id field}`: one result a row, in order."""
    if call.method != "PATCH" or len(call.parts) != 4:
        raise method_not_allowed(call.method)
    object_type = find_object(call.parts[2])
    key = object_type.find(call.parts[3]) if object_type else None
    if object_type is None or key is None or not (key.external_id or key.type == "id"):
        raise not_found()
    body = call.body if isinstance(call.body, dict) else {}
    records = body.get("records")
    if not isinstance(records, list):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "records is missing")
    if len(records) > COLLECTION_ROWS_MAX:
        message = f"record limit reached. cannot submit more than {COLLECTION_ROWS_MAX} records"
        raise SalesforceError(400, "EXCEEDED_MAX_RECORDS", message)
    results: list[dict[str, Any]] = []
    with store.transaction() as roll_back:
        for record in records:
            try:
                row = dict(record)
                value = row.pop(key.name, None)
                if not value:
                    message = f"{key.name} not specified"
                    raise SalesforceError(400, "MISSING_ARGUMENT", message, ())
                record_id, created = upsert(store, object_type, key, str(value), row, False)
                results.append({"id": record_id, "success": True, "errors": [], "created": created})
            except SalesforceError as error:
                results.append({"success": False, "errors": [error.row()]})
        if body.get("allOrNone") and not all(result["success"] for result in results):
            roll_back()
            halted = SalesforceError(400, "ALL_OR_NONE_OPERATION_ROLLED_BACK", _ROW_ROLLED_BACK)
            results = [
                {"success": False, "errors": [halted.row()]} if result["success"] else result
                for result in results
            ]
    return Answer(200, results)
