"""A write to another system, with a business key and a proven outcome."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel

from canonical.ids import digest, vendor_key
from canonical.milestones import Milestone
from canonical.orders import Fact


class EffectState(StrEnum):
    """What is known of a write."""

    RESERVED = "reserved"  # about to be written, or being written
    CONFIRMED = "confirmed"  # stands in the vendor's system
    REFUTED = "refuted"  # provably not there: the vendor refused it
    UNKNOWN = "unknown"  # may stand; the next attempt probes
    UNDONE = "undone"  # stood, and was compensated


class ExternalRef(Fact):
    """A record in a vendor's system: its id there, and the few details worth keeping."""

    id: str
    detail: dict[str, str | int] = {}


class Stamp(Fact):
    """What a write carries into the vendor's own record, so that it can be found again (R144).

    `key` is the effect's business key; `token` is the same as 40 characters of `[0-9a-z_]`, bound
    to the content of the request, for idempotency headers and external ids.
    """

    key: str
    token: str
    correlation_id: str


class Subject(Fact):
    """Whom the identity crosswalk files the external id under, e.g. account 0015g…"""

    kind: str
    id: str


class ProcessRef(Fact):
    """On whose behalf something is done."""

    process: str
    workflow_id: str
    correlation_id: str


class Effect(BaseModel):
    """One write, before it is made.

    `key`: from business ids and the step (`canonical.ids.effect_key`).
    `request`: what is asked for; its digest under the same key must not change once confirmed.
    `scope`: writers of the same scope take turns (one customer record, several deals).
    `milestone`: the business milestone this write reaches, if any.
    """

    key: str
    connection: str
    kind: str
    subject: Subject
    request: Any
    scope: str
    process: ProcessRef
    legal_entity: str = ""
    milestone: Milestone | None = None

    @property
    def request_digest(self) -> str:
        """Identifies the request's content."""
        return digest(self.request)

    @property
    def stamp(self) -> Stamp:
        """What the vendor's record will carry."""
        return Stamp(
            key=self.key,
            token=vendor_key(self.key, self.request_digest),
            correlation_id=self.process.correlation_id,
        )


Write = Callable[[Stamp], Awaitable[ExternalRef]]
Probe = Callable[[Stamp], Awaitable[ExternalRef | None]]
Reverse = Callable[[ExternalRef], Awaitable[None]]


class StandingEffect(Fact):
    """A confirmed effect: its key, request and the vendor's record."""

    key: str
    request: dict[str, Any]
    ref: ExternalRef


class Effects(Protocol):
    """Makes writes happen once, with a proven outcome (DESIGN: effects)."""

    async def once(self, effect: Effect, write: Write, probe: Probe) -> ExternalRef:
        """The vendor's record of this effect: stored, found by the probe, or now written.

        Raises Conflict when the key stands confirmed with another request, Busy while another
        attempt holds the scope, OutcomeUnknown when the answer to the write was lost.
        """
        ...

    async def undo(
        self, key: str, process: ProcessRef, probe: Probe, reverse: Reverse
    ) -> ExternalRef | None:
        """Reverse an effect if it stands (or may stand and the probe finds it).

        Returns the reversed record; None when there was nothing to reverse. Raises Busy while an
        attempt of the effect may still be under way.
        """
        ...

    async def external_id(self, connection: str, kind: str, subject: Subject) -> str | None:
        """The current external id in the identity crosswalk."""
        ...

    async def standing(self, connection: str, kind: str, subject: Subject) -> list[StandingEffect]:
        """The confirmed, not undone effects of one kind for one subject, oldest first."""
        ...
