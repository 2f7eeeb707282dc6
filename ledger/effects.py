"""Writes that happen once, with a proven outcome (DESIGN: effects)."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from canonical.connections import Environment
from canonical.effects import (
    Effect,
    EffectState,
    ExternalRef,
    Probe,
    ProcessRef,
    Reverse,
    StandingEffect,
    Subject,
    Write,
)
from canonical.errors import (
    Malformed,
    NeedsPerson,
    OutcomeUnknown,
    Terminal,
    TielineError,
    Transient,
)
from ledger import crosswalk
from ledger.clock import Clock, utc_now
from ledger.database import Database
from ledger.effect_facts import EffectFacts, standing
from ledger.effect_outcomes import confirm, mark_undone, record_failure
from ledger.effect_records import Reservation, adopt, check_standing, reserve
from ledger.effect_undo import begin_undo
from ledger.scopes import Lease, Turns, busy

T = TypeVar("T")
log = logging.getLogger(__name__)

LEASE_SECONDS = 120.0
# A probe and a write together must end while the lease still keeps other processes out.
CALL_SHARE_OF_LEASE = 0.375


def process_owner() -> str:
    """Names this process in leases; differs at every start, so a dead one is never mistaken."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


class SqlEffects:
    """`canonical.effects.Effects` over a ledger; `environments` says which connection is live."""

    def __init__(
        self,
        db: Database,
        *,
        clock: Clock = utc_now,
        owner: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        environments: Mapping[str, Environment] | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._lease = Lease(owner or process_owner(), lease_seconds)
        self._environments = environments or {}
        self._turns = Turns()

    async def once(self, effect: Effect, write: Write, probe: Probe) -> ExternalRef:
        """The vendor's record of this effect: stored, found by the probe, or now written."""
        wanted = EffectFacts.of(effect)
        async with self._turns.take(effect.scope):
            reservation = await self._reserve(wanted)
            opened = reservation.effect
            if opened.state is EffectState.CONFIRMED and opened.ref is not None:
                return opened.ref
            if reservation.must_probe:
                found = await self._probe(reservation.before, opened, probe)
                if found is not None:
                    return await self._accept_found(reservation, found)
                if reservation.adopts_request:
                    opened = await self._db.run(lambda s: adopt(s, reservation, self._clock()))
            return await self._write(opened, write)

    async def undo(
        self, key: str, process: ProcessRef, probe: Probe, reverse: Reverse
    ) -> ExternalRef | None:
        """Reverse an effect if it stands; None when there was nothing to reverse.

        One that was undone before answers with the record it reversed then.
        """
        known = await self._db.read(lambda s: EffectFacts.load(s, key))
        if known is None:
            return None
        async with self._turns.take(known.scope):
            before, opened = await self._db.run(
                lambda s: begin_undo(s, known, self._lease, self._clock())
            )
            if opened is None:
                return before.ref if before.state is EffectState.UNDONE else None
            ref = before.ref if before.state is EffectState.CONFIRMED else None
            if ref is None:
                ref = await self._probe(before, opened, probe)
                if ref is None:
                    await self._fail(opened, EffectState.REFUTED, "absent when it was to be undone")
                    return None
                await self._confirm(opened, ref, "found", keep_lease=True)
            await self._reverse(opened, ref, reverse)
            return await self._mark_undone(opened, ref, process)

    async def external_id(self, connection: str, kind: str, subject: Subject) -> str | None:
        """The current external id in the identity crosswalk."""
        return await self._db.read(lambda s: crosswalk.current(s, connection, kind, subject))

    async def standing(self, connection: str, kind: str, subject: Subject) -> list[StandingEffect]:
        """The confirmed, not undone effects of one kind for one subject, oldest first."""
        return await self._db.read(lambda s: standing(s, connection, kind, subject))

    async def _reserve(self, wanted: EffectFacts) -> Reservation:
        return await self._db.run(lambda s: reserve(s, wanted, self._lease, self._clock()))

    async def _probe(
        self, before: EffectFacts | None, opened: EffectFacts, probe: Probe
    ) -> ExternalRef | None:
        try:
            return await self._bounded(probe(opened.stamp), opened)
        except BaseException as error:
            # A probe that fails proves nothing: what was in doubt stays so, what was not is not.
            clean = before is not None and before.settled
            state = EffectState.RESERVED if clean else EffectState.UNKNOWN
            await self._fail(opened, state, _named(error), settled=clean)
            raise

    async def _accept_found(self, reservation: Reservation, found: ExternalRef) -> ExternalRef:
        ref = await self._confirm(reservation.effect, found, "found")
        check_standing(replace(reservation.effect, state=EffectState.CONFIRMED), reservation.wanted)
        return ref

    async def _write(self, opened: EffectFacts, write: Write) -> ExternalRef:
        try:
            ref = await self._bounded(write(opened.stamp), opened)
        except NeedsPerson as error:
            await self._fail(opened, EffectState.REFUTED, _named(error))
            raise
        except OutcomeUnknown as error:
            await self._fail(opened, EffectState.UNKNOWN, _named(error), settled=False)
            raise
        except (Transient, Terminal) as error:
            # An answer that was not understood may have been a yes: the next attempt must look.
            settled = not isinstance(error, Malformed)
            await self._fail(opened, EffectState.RESERVED, _named(error), settled=settled)
            raise
        except BaseException as error:
            await self._fail(opened, EffectState.UNKNOWN, _named(error), settled=False)
            raise
        return await self._confirm(opened, ref, "written")

    async def _bounded(self, asked: Awaitable[T], opened: EffectFacts) -> T:
        limit = self._lease.seconds * CALL_SHARE_OF_LEASE
        try:
            async with asyncio.timeout(limit) as deadline:
                return await asked
        except TimeoutError as error:
            if not deadline.expired():
                raise
            said = f"{opened.key}: no answer within {limit:.0f} seconds."
            raise OutcomeUnknown(said, about=opened.key) from error

    async def _confirm(
        self, opened: EffectFacts, ref: ExternalRef, how: str, *, keep_lease: bool = False
    ) -> ExternalRef:
        lease = None if keep_lease else self._lease
        environment = self._environment(opened)
        stands = await self._db.run(
            lambda s: confirm(s, opened, ref, how, lease, environment, self._clock())
        )
        if not stands:
            raise busy(opened.scope, 0.5)
        return ref

    async def _fail(
        self, opened: EffectFacts, state: EffectState, error: str, *, settled: bool = True
    ) -> None:
        unknown = opened.ever_unknown or not settled
        record = partial(record_failure, settled=settled, ever_unknown=unknown)
        try:
            await self._db.run(
                lambda s: record(s, opened, state, error, self._lease, self._clock())
            )
        except TielineError as failure:
            # The row stays reserved and leased, which the next attempt treats as unknown.
            log.warning("The outcome of %s could not be recorded: %s", opened.key, failure)

    async def _reverse(self, opened: EffectFacts, ref: ExternalRef, reverse: Reverse) -> None:
        try:
            await self._bounded(reverse(ref), opened)
        except BaseException:
            await self._db.run(lambda s: self._lease.release(s, opened.scope))
            raise

    async def _mark_undone(
        self, opened: EffectFacts, ref: ExternalRef, process: ProcessRef
    ) -> ExternalRef:
        environment = self._environment(opened)
        undone = await self._db.run(
            lambda s: mark_undone(s, opened, ref, process, self._lease, environment, self._clock())
        )
        if not undone:
            raise busy(opened.scope, 0.5)
        return ref

    def _environment(self, effect: EffectFacts) -> Environment:
        return self._environments.get(effect.connection, Environment.TEST)


def _named(error: BaseException) -> str:
    """An error as the ledger keeps it; texts of errors that are not ours might hold a secret."""
    known = isinstance(error, TielineError)
    return f"{type(error).__name__}: {error}" if known else type(error).__name__
