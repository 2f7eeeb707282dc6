"""The account's events, newest first, as the events endpoints answer them."""

from collections.abc import Sequence

from simulators.stripe.errors import StripeError, missing_resource
from simulators.stripe.forms import flag
from simulators.stripe.lists import PAGING, as_list, created_filter, limit_of
from simulators.stripe.routing import Endpoint
from simulators.stripe.store import Account, Call, Obj, Told

_TYPES_MAX = 20


def list_(account: Account, call: Call) -> Obj:
    """Events by type, time and delivery, of the last 30 days."""
    params, limit = call.params, limit_of(call.params)
    told = account.remembered()
    after, before = params.get("starting_after", ""), params.get("ending_before", "")
    end = _place(told, after, "starting_after") if after else len(told)
    begin = _place(told, before, "ending_before") + 1 if before else 0
    keep = _filter(call)
    if before:
        # Going back from an event, the page next to it is the oldest of the newer ones.
        found = [one for one in told[begin:end] if keep(one)]
        shown = [one.event() for one in reversed(found[:limit])]
        return as_list(shown, "/v1/events", len(found) > limit)
    found = [one for one in reversed(told[begin:end]) if keep(one)]
    return as_list([one.event() for one in found[:limit]], "/v1/events", len(found) > limit)


def _filter(call: Call) -> "_Wanted":
    params = call.params
    types = params.get("types") or []
    if len(types) > _TYPES_MAX:
        raise StripeError(f"You may only specify up to {_TYPES_MAX} types.", param="types")
    if types and params.get("type"):
        raise StripeError("You may only specify one of these parameters: type, types.")
    return _Wanted(call, {*types, params.get("type", "")} - {""})


class _Wanted:
    """Whether an event passes the filters of a list."""

    def __init__(self, call: Call, types: set[str]) -> None:
        self._types = types
        self._in_time = created_filter(call.params)
        asked = call.params.get("delivery_success") not in (None, "")
        self._delivered = flag(call.params, "delivery_success") if asked else None

    def __call__(self, told: Told) -> bool:
        return (
            self._in_time({"created": told.created})
            and (not self._types or any(_is_of(told.type, kind) for kind in self._types))
            and (self._delivered is None or self._delivered is not told.pending)
        )


def _is_of(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def _place(told: Sequence[Told], event_id: str, param: str) -> int:
    # Who follows the list asks for what came after one of its newest.
    for place in range(len(told) - 1, -1, -1):
        if told[place].id == event_id:
            return place
    raise missing_resource("event", event_id, param)


def retrieve(account: Account, call: Call) -> Obj:
    """One event."""
    told = account.remembered()
    return told[_place(told, call.path_ids[0], "id")].event()


ENDPOINTS = {
    "GET events": Endpoint(list_, PAGING | {"created", "delivery_success", "type", "types"}),
    "GET events/*": Endpoint(retrieve, {"expand"}),
}
