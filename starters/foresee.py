"""What a replay of a deal would do, by where its process stands: decided without doing anything."""

from enum import StrEnum

from canonical.desk import ExceptionCase
from canonical.orders import Fact
from ledger.replays import ReplayMode

ENDED_EARLY = ("failed", "terminated", "timed_out")
UNDOING = ("cancelling", "cancelled")


class Move(StrEnum):
    """What a replay does about a deal."""

    DUE = "due"  # its event is due again
    RETRY = "retry"  # its open cases are retried
    RESUME = "resume"  # it goes on from its last workflow task
    RESTART = "restart"  # it begins again
    NOTHING = "nothing"


class DealStanding(Fact):
    """Where a deal's process stands, and what of its writes: `status` is Temporal's, in lower case,
    and empty where there is no process."""

    workflow_id: str
    status: str = ""
    run_id: str = ""
    stage: str = ""
    cases: list[ExceptionCase] = []
    confirmed: list[str] = []
    unproven: list[str] = []
    undone: list[str] = []


class Foreseen(Fact):
    """What a replay would do about a deal, in a sentence."""

    move: Move
    says: str


def foresee(mode: ReplayMode, deal: DealStanding) -> Foreseen:
    """What a replay of a deal does, by where its process stands."""
    match mode, deal.status:
        case _, "":
            return Foreseen(move=Move.DUE, says="is not there: it is started")
        case ReplayMode.START, _ if deal.undone or deal.stage in UNDOING:
            return _nothing("was undone: it is not written again, so nothing starts")
        case ReplayMode.START, "running":
            says = f"runs ({_place(deal)}): it is ended there and begins again"
            return Foreseen(move=Move.RESTART, says=says)
        case ReplayMode.START, _:
            return Foreseen(move=Move.RESTART, says=f"is {deal.status}: it begins again")
        case ReplayMode.FAILED_STEP, "running" if deal.cases:
            its = "case is" if len(deal.cases) == 1 else f"{len(deal.cases)} cases are"
            return Foreseen(move=Move.RETRY, says=f"runs ({_place(deal)}): its {its} retried")
        case ReplayMode.FAILED_STEP, status if status in ENDED_EARLY:
            says = f"is {status}: it goes on from its last workflow task"
            return Foreseen(move=Move.RESUME, says=says)
        case ReplayMode.FAILED_STEP, "running":
            return _nothing(f"runs ({_place(deal)}) and has no open case: nothing is retried")
        case ReplayMode.REDELIVER, "running":
            return _due(f"runs ({_place(deal)}): nothing starts")
        case ReplayMode.REDELIVER, status if status in ENDED_EARLY:
            return _due(f"is {status}: nothing starts; failed-step or start takes it back")
        case ReplayMode.REDELIVER, _:
            return _due(f"is {deal.status}: nothing starts")
    return _nothing(f"is {deal.status}: nothing is retried")


def _place(deal: DealStanding) -> str:
    steps = ", ".join(sorted({case.step for case in deal.cases}))
    return f"exception at {steps}" if steps else deal.stage or "accepting"


def _due(says: str) -> Foreseen:
    return Foreseen(move=Move.DUE, says=says)


def _nothing(says: str) -> Foreseen:
    return Foreseen(move=Move.NOTHING, says=says)
