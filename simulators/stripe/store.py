"""What the account holds: objects by kind, found by id or index and listed newest first."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from simulators.stripe.errors import missing_resource
from simulators.stripe.forms import Params
from simulators.stripe.ids import IdCounter

API_VERSION = "2026-10-28.endive"
EVENTS_MAX = 20_000
EVENTS_KEPT_SECONDS = 30 * 86_400
_PRIVATE = frozenset({"subscription_key", "price_id", "subscription_id", "told_overdue"})

Obj = dict[str, Any]


class Table:
    """Objects of one kind in the order they were made, with an index a listed field."""

    def __init__(self, noun: str, *indexed: str) -> None:
        self.noun = noun
        self.rows: list[Obj | None] = []
        self.places: dict[str, int] = {}
        self.indexes: dict[str, dict[Any, list[int]]] = {name: {} for name in indexed}

    def get(self, object_id: Any) -> Obj | None:
        """The object with this id."""
        place = self.places.get(object_id) if isinstance(object_id, str) else None
        return None if place is None else self.rows[place]

    def need(self, object_id: Any, param: str = "id") -> Obj:
        """The object with this id; raises resource_missing."""
        found = self.get(object_id)
        if found is None:
            raise missing_resource(self.noun, str(object_id), param)
        return found

    def add(self, obj: Obj) -> Obj:
        """Hold a new object."""
        place = len(self.rows)
        self.rows.append(obj)
        self.places[obj["id"]] = place
        for name in self.indexes:
            self.reindex(obj, name)
        return obj

    def reindex(self, obj: Obj, name: str) -> None:
        """Find the object under its present value too; lists skip what no longer matches."""
        bucket = self.indexes[name].setdefault(obj.get(name), [])
        place = self.places[obj["id"]]
        at = bisect_left(bucket, place)
        if at == len(bucket) or bucket[at] != place:
            insort(bucket, place)

    def remove(self, object_id: str) -> None:
        """Delete an object."""
        self.rows[self.places.pop(object_id)] = None

    def with_value(self, name: str, value: Any) -> list[Obj]:
        """The objects whose indexed field has this value, oldest first."""
        found = (self.rows[place] for place in self.indexes[name].get(value, ()))
        return [obj for obj in found if obj is not None and obj.get(name) == value]

    def newest_first(self, name: str = "", value: Any = None, after: str = "") -> Iterator[Obj]:
        """Objects from the newest, or from the one before `after`, optionally of one bucket."""
        end = self.places[after] if after else len(self.rows)
        if name:
            bucket = self.indexes[name].get(value, [])
            places: Iterator[int] = reversed(bucket[: bisect_left(bucket, end)])
        else:
            places = iter(range(end - 1, -1, -1))
        for place in places:
            obj = self.rows[place]
            if obj is not None and (not name or obj.get(name) == value):
                yield obj

    def held(self) -> list[Obj]:
        """Every object, oldest first."""
        return [obj for obj in self.rows if obj is not None]


@dataclass(frozen=True)
class Call:
    """One request as an endpoint sees it: the ids of its path and its parameters."""

    path_ids: tuple[str, ...]
    params: Params
    idempotency_key: str | None = None
    request_id: str = ""


@dataclass
class Told:
    """An event and whether a destination still waits for it.

    Kept as bytes: the object goes on changing, and bytes are small.
    """

    id: str
    type: str
    created: int
    raw: bytes
    pending: bool
    attempts: int = 0

    def event(self) -> Obj:
        """The event as the API tells it."""
        event: Obj = orjson.loads(self.raw)
        return {**event, "pending_webhooks": int(self.pending)}


@dataclass
class Account:
    """Every table of the account, its clock and the events it has told."""

    ids: IdCounter
    now: Callable[[], int]
    search_lag_seconds: float
    customers: Table = field(default_factory=lambda: Table("customer", "email"))
    tax_ids: Table = field(default_factory=lambda: Table("tax id", "customer"))
    products: Table = field(default_factory=lambda: Table("product"))
    prices: Table = field(default_factory=lambda: Table("price", "product", "lookup_key"))
    subscriptions: Table = field(default_factory=lambda: Table("subscription", "customer"))
    schedules: Table = field(default_factory=lambda: Table("subscription schedule", "customer"))
    invoices: Table = field(
        default_factory=lambda: Table("invoice", "customer", "subscription_key")
    )
    invoice_items: Table = field(default_factory=lambda: Table("invoiceitem", "customer"))
    invoice_payments: Table = field(default_factory=lambda: Table("invoice payment", "invoice"))
    disputes: Table = field(default_factory=lambda: Table("dispute", "payment_intent"))
    events: deque[Told] = field(default_factory=lambda: deque(maxlen=EVENTS_MAX))
    # Whether a destination waits for events, and who is told when there is one.
    awaited: Callable[[], bool] = lambda: False
    heard: Callable[[], None] = lambda: None
    # How long a sent first invoice stays a draft, and those that do, the earliest first.
    draft_seconds: float = 0.0
    drafts: deque[Obj] = field(default_factory=deque)

    def tell(self, call: Call, kind: str, obj: Obj, previous: Obj | None = None) -> None:
        """Record an event about an object as it is now."""
        data: Obj = {"object": public(obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Obj = {
            "id": self.ids.next("evt"), "object": "event", "api_version": API_VERSION,
            "created": self.now(), "data": data, "livemode": False, "pending_webhooks": 0,
            "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
            "type": kind,
        }  # fmt: skip
        raw = orjson.dumps(event)
        self.events.append(Told(event["id"], kind, event["created"], raw, self.awaited()))
        self.heard()

    def remembered(self) -> list[Told]:
        """The events of the last 30 days, oldest first."""
        horizon = self.now() - EVENTS_KEPT_SECONDS
        while self.events and self.events[0].created < horizon:
            self.events.popleft()
        return list(self.events)

    def table_of(self, object_id: str) -> Table | None:
        """The table an id belongs to, by its prefix; for `expand[]`."""
        prefix = object_id.rpartition("_")[0]
        return {
            "cus": self.customers, "prod": self.products, "price": self.prices,
            "sub": self.subscriptions, "sub_sched": self.schedules, "in": self.invoices,
        }.get(prefix) or (self.products if object_id in self.products.places else None)  # fmt: skip


def public(obj: Obj) -> Obj:
    """An object without the fields only the simulator uses."""
    return {name: value for name, value in obj.items() if name not in _PRIVATE}
