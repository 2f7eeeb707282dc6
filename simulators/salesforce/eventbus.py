"""The org's event bus: what was published in the last 72 hours, with opaque replay ids."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

RETENTION_SECONDS = 72 * 3600
CLOSED_WON_TOPIC = "/event/Order_Closed_Won__e"
CHANGES_TOPIC = "/data/OpportunityChangeEvent"
TOPICS = (CLOSED_WON_TOPIC, CHANGES_TOPIC)
OVERFLOW_RECORD = "000000000000000AAA"


class UnknownReplayId(Exception):
    """A replay id that was never given, or whose event is no longer kept."""


@dataclass(frozen=True)
class Published:
    """One event on the bus; `place` grows along the stream, with gaps."""

    place: int
    uuid: str
    fields: dict[str, Any]
    at: float
    # An event whose bytes fit no schema, as a bug of the platform would make it.
    garbled: bool = False


class EventBus:
    """The topics of one org; `clock` decides what is still kept."""

    def __init__(self, clock: Callable[[], float], user_id: str, seed: int = 1) -> None:
        self.clock = clock
        self.user_id = user_id
        self._chance = random.Random(seed)  # noqa: S311  repeatable ids, not security
        self._events: dict[str, list[Published]] = {topic: [] for topic in TOPICS}
        self._issued: dict[str, dict[int, float]] = {topic: {} for topic in TOPICS}
        self._place = 1000
        self._sequence = 0
        self._announced: set[str] = set()
        self._waiting: set[asyncio.Event] = set()

    def announce(self, event_id: str, record: dict[str, Any]) -> None:
        """What the flow publishes when a deal is won, and the change event of the same save; once
        for a version of the deal."""
        if event_id in self._announced:
            return
        self._announced.add(event_id)
        self.publish(
            CLOSED_WON_TOPIC,
            {
                "Opportunity_Id__c": record["Id"],
                "Event_Id__c": event_id,
                "System_Modstamp__c": record["SystemModstamp"],
            },
        )
        self.change([record["Id"]], StageName=record["StageName"])

    def change(
        self, record_ids: list[str], change_type: str = "UPDATE", **fields: Any
    ) -> Published:
        """A change event; GAP_ types carry no fields, GAP_OVERFLOW no records either."""
        self._sequence += 1
        now = int(self.clock() * 1000)
        overflow = change_type == "GAP_OVERFLOW"
        header = {
            "entityName": "Opportunity",
            "recordIds": [OVERFLOW_RECORD] if overflow else record_ids,
            "changeType": change_type,
            "changeOrigin": "com/salesforce/api/rest/67.0",
            "transactionKey": self._uuid(),
            "sequenceNumber": 1,
            "commitTimestamp": now,
            "commitNumber": 10_000_000 + self._sequence,
            "commitUser": self.user_id,
            "nulledFields": [], "diffFields": [], "changedFields": ["0x400040"] if fields else [],
        }  # fmt: skip
        values = {"StageName": None, "LastModifiedDate": now if fields else None}
        return self.publish(CHANGES_TOPIC, {"ChangeEventHeader": header, **values, **fields})

    def publish(self, topic: str, fields: dict[str, Any], *, garbled: bool = False) -> Published:
        """Put an event on a topic and wake who waits for it."""
        self._place += self._chance.randrange(1, 9)
        if topic.startswith("/event/"):
            created = {"CreatedDate": int(self.clock() * 1000), "CreatedById": self.user_id}
            fields = created | fields
        event = Published(self._place, self._uuid(), fields, self.clock(), garbled)
        self._events[topic].append(event)
        self._issued[topic][event.place] = event.at
        for waiting in self._waiting:
            waiting.set()
        return event

    def kept(self, topic: str) -> list[Published]:
        """The events of the last 72 hours."""
        self._purge(topic)
        return self._events[topic]

    def tip(self, topic: str) -> int:
        """The place behind everything published so far, which can be replayed from like any."""
        self._issued[topic][self._place] = self.clock()
        return self._place

    def start(self, topic: str, preset: int, replay_id: bytes) -> int:
        """The place to read on from: 0 the tip, 1 the oldest event kept, 2 behind a replay id.

        Raises UnknownReplayId.
        """
        self._purge(topic)
        if preset == 0:
            return self.tip(topic)
        if preset == 1:
            return 0
        place = int.from_bytes(replay_id, "big") if len(replay_id) == 8 else -1
        if place not in self._issued[topic]:
            raise UnknownReplayId
        return place

    @contextlib.contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """An event that is set at every publication."""
        mine = asyncio.Event()
        self._waiting.add(mine)
        try:
            yield mine
        finally:
            self._waiting.discard(mine)

    def _purge(self, topic: str) -> None:
        oldest = self.clock() - RETENTION_SECONDS
        self._events[topic] = [event for event in self._events[topic] if event.at >= oldest]
        issued = self._issued[topic]
        self._issued[topic] = {place: at for place, at in issued.items() if at >= oldest}

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


def replay_id(place: int) -> bytes:
    """A place as subscribers get it."""
    return place.to_bytes(8, "big")
