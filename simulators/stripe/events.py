"""The account's events, newest first, as the events endpoints answer them."""

import orjson

from simulators.stripe.errors import missing_resource
from simulators.stripe.lists import PAGING, as_list, created_filter, limit_of
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj

_TYPES_MAX = 20


def list_(account: Account, call: Call) -> Obj:
    """Events by type and time."""
    params, limit, in_time = call.params, limit_of(call.params), created_filter(call.params)
    types = set((params.get("types") or [])[:_TYPES_MAX]) | {params.get("type", "")} - {""}
    after, before = params.get("starting_after"), params.get("ending_before")
    found: list[Obj] = []
    skipping = bool(after)
    for raw in reversed(account.events):
        event = orjson.loads(raw)
        if before and event["id"] == before:
            break
        if not skipping and in_time(event) and (not types or event["type"] in types):
            found.append(event)
            if len(found) > limit and not before:
                break
        skipping = skipping and event["id"] != after
    # Going back from an event, the page next to it is the oldest of the newer ones.
    shown = found[-limit:] if before else found[:limit]
    return as_list(shown, "/v1/events", len(found) > limit)


def retrieve(account: Account, call: Call) -> Obj:
    """One event."""
    for raw in account.events:
        event: Obj = orjson.loads(raw)
        if event["id"] == call.path_ids[0]:
            return event
    raise missing_resource("event", call.path_ids[0])


ENDPOINTS = {
    "GET events": Endpoint(list_, PAGING | {"created", "delivery_success", "type", "types"}),
    "GET events/*": Endpoint(retrieve, {"expand"}),
}
