"""An intake alarm: something that should have come in has not, until it has or a person says so."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.watch import WatchActivities
from canonical.intake import ALARM, AlarmResult, Concern
from workflows.process import Process, ended
from workflows.steps import OWN_QUEUE, attempt

STEP = "watch_intake"
LOOK_PATIENCE = timedelta(minutes=5)
FIRST_LOOK = timedelta(minutes=5)
LOOKS_APART_MAX = timedelta(hours=6)
ENDS_ITS_LOOK = "a cancelled alarm ends its look"


@workflow.defn(name=ALARM)
class IntakeAlarm(Process):
    """One concern as a case with owner and deadline; it closes by itself once it has healed."""

    @workflow.init
    def __init__(self, concern: Concern) -> None:
        super().__init__(concern.about)
        self.concern = concern
        self.account_id, self.account_name = concern.account_id, concern.account_name
        self.legal_entity, self.value = concern.legal_entity, concern.held
        self._healed = False

    @workflow.run
    async def run(self, concern: Concern) -> AlarmResult:
        """Stand until the concern is not true any more, or somebody has dealt with it."""
        await self.perform()
        return AlarmResult(stage=self.stage, skipped=bool(self.skipped) and not self._healed)

    async def fulfil(self) -> None:
        """Look; ask a person; meanwhile look again, less and less often."""
        looking = asyncio.create_task(
            self.step(
                STEP, WatchActivities.check, lambda: self.concern, connection=lambda: OWN_QUEUE
            )
        )
        try:
            await self._look_again(looking)
        except asyncio.CancelledError:
            # Else it would take the closing of its case for a person's skip, and go on. An alarm
            # that was cancelled before this was known did so, and has to replay as it was.
            if workflow.patched(ENDS_ITS_LOOK):
                await ended(looking)
            raise
        await looking

    async def _look_again(self, looking: "asyncio.Task[str | None]") -> None:
        pause = FIRST_LOOK
        while not looking.done():
            try:
                async with asyncio.timeout(pause.total_seconds()):
                    await workflow.wait_condition(looking.done)
            except TimeoutError:
                pause = min(2 * pause, LOOKS_APART_MAX)
                if await self._has_healed():
                    self._healed = bool(self.cases)
                    await self.close_cases("it has healed")

    async def _has_healed(self) -> bool:
        try:
            await attempt(
                WatchActivities.check,
                self.concern,
                connection=OWN_QUEUE,
                gates=False,
                patience=LOOK_PATIENCE,
                summary="look again",
            )
        except ActivityError:
            return False
        return True
