"""A renewal's readiness on the company, and what of an implementation is open; pure."""

from datetime import UTC, date, datetime
from typing import Any

from adapters.gainsight.changes import STATUS_FIELD, Completion, moment_of
from adapters.gainsight.mapping import REFERENCE_FIELD, Record, is_closed
from adapters.gainsight.risk import shows, text_of
from canonical.portfolio import ReadinessUpdate
from canonical.renewal import OnboardingTasks

DATE_FIELD = "Renewal_Date__gc"
READINESS_FIELDS = [
    DATE_FIELD, "Renewal_Readiness__gc", "Renewal_Forecast__gc", "Renewal_Reasons__gc",
    "Readiness_Snapshot__gc",
]  # fmt: skip
IMPLEMENTATION_FIELDS = ["Gsid", "IsClosed", STATUS_FIELD, REFERENCE_FIELD]
TASK_FIELDS = ["Gsid", "CTAId", "Name", "Status", "DueDate"]


def to_gainsight_readiness(readiness: ReadinessUpdate) -> Record:
    """The company's renewal fields; the snapshot's id makes them those of one view."""
    return {
        DATE_FIELD: readiness.renews_on.isoformat(),
        "Renewal_Readiness__gc": readiness.state.value,
        "Renewal_Forecast__gc": readiness.forecast.value,
        "Renewal_Reasons__gc": text_of(readiness.blocking),
        "Readiness_Snapshot__gc": readiness.snapshot_id,
    }


def shows_readiness(record: Record, readiness: ReadinessUpdate) -> bool:
    """Whether the company shows exactly this; Gainsight answers a date as milliseconds."""
    told = date_of(record.get(DATE_FIELD))
    held = {**record, DATE_FIELD: told.isoformat() if told else None}
    return shows(held, to_gainsight_readiness(readiness))


def from_gainsight_tasks(
    account_id: str,
    ctas: list[Record],
    tasks: list[Record],
    completion: Completion,
    as_of: datetime,
) -> OnboardingTasks:
    """What is open of an account's onboardings; a task is overdue once its day has passed.

    It is completed once one has ended well, and none is open: those that were closed as no longer
    needed do not count. Raises KeyError or ValueError for a record that lacks what is needed.
    """
    unfinished = {str(cta["Gsid"]) for cta in ctas if not is_closed(cta)}
    left = [
        task
        for task in tasks
        if str(task["CTAId"]) in unfinished and str(task["Status"]) not in completion.done
    ]
    late = [task for task in left if (due := date_of(task.get("DueDate"))) and due < as_of.date()]
    ended_well = [c for c in ctas if is_closed(c) and str(c[STATUS_FIELD]) in completion.success]
    return OnboardingTasks(
        account_id=account_id,
        as_of=as_of,
        open_tasks=sorted(str(task["Name"]) for task in left),
        overdue_tasks=sorted(str(task["Name"]) for task in late),
        completed=bool(ended_well) and not unfinished,
    )


def date_of(value: Any) -> date | None:
    """A day as Gainsight writes it: milliseconds, a moment or a date; raises ValueError."""
    if value in (None, ""):
        return None
    if isinstance(value, str) and len(value) == len("2026-11-25"):
        return date.fromisoformat(value)
    return moment_of(value).astimezone(UTC).date()
