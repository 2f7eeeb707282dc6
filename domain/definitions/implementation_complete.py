"""When an implementation is complete, and what proves it (R115)."""

from enum import StrEnum

from canonical.facts import OnboardingFacts, TaskFacts
from canonical.orders import Fact
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.samples import onboarding, task


class Implementation(StrEnum):
    """How far an implementation is."""

    COMPLETE = "complete"
    OPEN = "open"
    UNKNOWN = "unknown"


class Evidence(Fact):
    """An account's onboardings with their tasks, and the milestones that have to be among them."""

    onboardings: list[OnboardingFacts] = []
    tasks: list[TaskFacts] = []
    required: list[str] = []


def implementation(given: Evidence) -> Decision:
    """Complete by the word of customer success and by its tasks; either alone proves nothing."""
    if not given.onboardings:
        return Decision(Implementation.UNKNOWN, ["no onboarding is known"])
    open_ones = [f"onboarding {o.id} is {o.status}" for o in given.onboardings if not o.completed]
    undone = [f"task {t.name} is {t.status}" for t in given.tasks if not t.completed]
    done = {t.name for t in given.tasks if t.completed}
    known = {t.name for t in given.tasks}
    absent = [f"milestone {m} is not known" for m in given.required if m not in known | done]
    missing = [*sorted(open_ones), *sorted(undone), *absent]
    if missing:
        return Decision(Implementation.OPEN, missing)
    evidence = [f"onboarding {o.id} is {o.status}" for o in given.onboardings]
    return Decision(Implementation.COMPLETE, sorted(evidence))


def _of(name: str, given: Evidence, value: Implementation, *reasons: str) -> Example[Evidence]:
    return Example(name, given, value, reasons)


_DONE, _OPEN = onboarding(True), onboarding(False)

IMPLEMENTATION_COMPLETE = Definition(
    name="implementation_complete",
    version=1,
    meaning="Every onboarding of the account is closed with success, none of its tasks is open, "
    "and the milestones that the business requires are among them.",
    requirements=(115,),
    inputs=Evidence,
    outcomes=Implementation,
    decide=implementation,
    examples=(
        _of("closed with success, every task done",
            Evidence(onboardings=[_DONE], tasks=[task("go-live", True)], required=["go-live"]),
            Implementation.COMPLETE, "onboarding 1P02 is Closed Success"),
        _of("closed with success, one task open",
            Evidence(onboardings=[_DONE], tasks=[task("training", False)]),
            Implementation.OPEN, "task training is Open"),
        _of("every task done, not closed",
            Evidence(onboardings=[_OPEN], tasks=[task("go-live", True)]),
            Implementation.OPEN, "onboarding 1P02 is Work In Progress"),
        _of("closed with success, without the required go-live",
            Evidence(onboardings=[_DONE], required=["go-live"]),
            Implementation.OPEN, "milestone go-live is not known"),
        _of("nothing is known", Evidence(), Implementation.UNKNOWN, "no onboarding is known"),
    ),
    parameters=("customers.required_milestones",),
)  # fmt: skip
