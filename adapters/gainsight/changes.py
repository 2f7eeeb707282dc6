"""Calls to action and tasks in our words: the hint that one changed, and what it is now; pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson

from adapters.gainsight.mapping import (
    ACCOUNT_FIELD,
    REFERENCE_FIELD,
    Record,
    is_closed,
    opportunity_of,
)
from canonical.connections import Connection
from canonical.facts import Kind, OnboardingFacts, TaskFacts
from canonical.inbound import BACKFILL_PRIORITY, NORMAL_PRIORITY, Channel, InboundEvent

LEGAL_ENTITY_FIELD = "Legal_Entity__gc"
OWNER_FIELDS = ["Gsid", ACCOUNT_FIELD, LEGAL_ENTITY_FIELD]
STATUS_FIELD = "StatusId__gr.Name"
CTA_CHANGE_FIELDS = [
    "Gsid", "Name", "CompanyId", "IsClosed", "ClosedDate", "ModifiedDate", STATUS_FIELD,
    REFERENCE_FIELD,
]  # fmt: skip
TASK_CHANGE_FIELDS = ["Gsid", "CTAId", "Name", "Status", "ModifiedDate"]
KINDS = {"cta": Kind.ONBOARDING, "task": Kind.TASK}


@dataclass(frozen=True)
class Completion:
    """By which statuses the tenant says that an onboarding succeeded and that a task is done."""

    success: frozenset[str]
    done: frozenset[str]

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Options `cta_success_status` and `task_done_status`: names, several between commas."""
        options = connection.options
        return cls(
            _names(options.get("cta_success_status", "Closed Success")),
            _names(options.get("task_done_status", "Closed,Completed")),
        )


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def moment_of(value: Any) -> datetime:
    """A moment as Gainsight writes it, epoch milliseconds or ISO 8601; raises ValueError."""
    if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"\d{1,15}", value)):
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)


def version_of(moment: datetime) -> str:
    """A moment as a record's version, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_id_of(noun: str, gsid: str, version: str) -> str:
    """The one id of a change, whoever tells it; `noun` is cta or task."""
    return f"gs:{noun}:{gsid}:{version}"


def from_gainsight_change(
    noun: str, record: Record, connection: Connection, received_at: datetime, channel: Channel
) -> InboundEvent:
    """The hint in a listed record; raises KeyError or ValueError when it lacks what is needed."""
    changed_at = moment_of(record["ModifiedDate"])
    version, gsid = version_of(changed_at), str(record["Gsid"])
    backfilled = channel is Channel.BACKFILL
    return InboundEvent(
        source=connection.name,
        event_id=event_id_of(noun, gsid, version),
        type=f"{noun}.changed",
        kind=KINDS[noun],
        subject=gsid,
        version=version,
        channel=channel,
        priority=BACKFILL_PRIORITY if backfilled else NORMAL_PRIORITY,
        occurred_at=changed_at,
        environment=connection.environment,
        body=orjson.dumps(record),
        received_at=received_at,
    )


def from_gainsight_onboarding(
    cta: Record, owner: Record, completion: Completion
) -> OnboardingFacts:
    """A call to action of ours as the onboarding it is now; raises KeyError or ValueError when it
    lacks what is needed. Closed without success is closed and not completed."""
    changed_at = moment_of(cta["ModifiedDate"])
    status = str(cta[STATUS_FIELD])
    completed = is_closed(cta) and status in completion.success
    closed = cta.get("ClosedDate")
    return OnboardingFacts(
        id=str(cta["Gsid"]),
        version=version_of(changed_at),
        changed_at=changed_at,
        account_id=str(owner.get(ACCOUNT_FIELD) or ""),
        opportunity_id=opportunity_of(cta),
        legal_entity=str(owner.get(LEGAL_ENTITY_FIELD) or ""),
        status=status,
        completed=completed,
        completed_at=moment_of(closed) if completed and closed else None,
    )


def from_gainsight_task(
    task: Record, cta: Record, owner: Record, completion: Completion
) -> TaskFacts:
    """A task of one of our onboardings as it is now; raises KeyError or ValueError when it lacks
    what is needed. When it was done is the time of its last change: tasks state no other."""
    changed_at = moment_of(task["ModifiedDate"])
    status = str(task["Status"])
    return TaskFacts(
        id=str(task["Gsid"]),
        version=version_of(changed_at),
        changed_at=changed_at,
        account_id=str(owner.get(ACCOUNT_FIELD) or ""),
        opportunity_id=opportunity_of(cta),
        legal_entity=str(owner.get(LEGAL_ENTITY_FIELD) or ""),
        name=str(task["Name"]),
        onboarding_id=str(cta["Gsid"]),
        status=status,
        completed=status in completion.done,
    )
