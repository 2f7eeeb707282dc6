"""Desk activities: cases, decisions and standings, kept in the ledger beside the workflow."""

from datetime import UTC, datetime

from temporalio import activity

from activities.context import current_process
from canonical.desk import Attempt, CaseOpening, Desk, ExceptionCase, ProcessRecord
from canonical.requests import LateCase, MilestoneReached, RevisedFacts


class DeskActivities:
    """What processes ask of the exception desk; run as local activities, all repeatable."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @activity.defn(name="desk.open_case")
    async def open_case(self, opening: CaseOpening) -> ExceptionCase:
        """File a case with the catalogue's owner, deadline and policy."""
        return await self._desk.open_case(opening)

    @activity.defn(name="desk.escalate")
    async def escalate(self, late: LateCase) -> ExceptionCase:
        """Hand a case that passed its deadline to the next owner; the same level is made once."""
        return await self._desk.escalate(late.case_id, late.level, late.at)

    @activity.defn(name="desk.revise")
    async def revise(self, revised: RevisedFacts) -> ExceptionCase:
        """Bind a case to changed facts; its approvals are void."""
        return await self._desk.revise(revised.case_id, revised.facts_digest)

    @activity.defn(name="desk.record_attempt")
    async def record_attempt(self, attempt: Attempt) -> None:
        """Keep a decision, accepted or refused."""
        await self._desk.record_attempt(attempt)

    @activity.defn(name="desk.record_milestone")
    async def record_milestone(self, reached: MilestoneReached) -> None:
        """Note a milestone that an event reported."""
        at = reached.at or datetime.now(UTC)
        await self._desk.record_milestone(
            current_process(), reached.milestone, reached.business_id, at
        )

    @activity.defn(name="desk.record_process")
    async def record_process(self, record: ProcessRecord) -> None:
        """Note where the process stands."""
        await self._desk.record_process(record)
