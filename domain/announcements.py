"""What a write that stands means to others: the event that is told of it."""

from canonical.effects import Subject
from canonical.events import (
    ContractActivated,
    CustomerCreated,
    EventData,
    RecordConfirmed,
    RecordReversed,
)

FIRST_REVISION = "/r1"


def confirmed(
    connection: str, kind: str, subject: Subject, key: str, external_id: str
) -> EventData:
    """The event of a record that came to stand; what has no business name is `record.confirmed`."""
    if kind == "subscription" and subject.kind == "opportunity":
        return ContractActivated(
            opportunity_id=subject.id, connection=connection, external_id=external_id
        )
    if kind == "customer" and key.endswith(FIRST_REVISION):
        return CustomerCreated(
            account_id=subject.id, connection=connection, external_id=external_id
        )
    return RecordConfirmed(connection=connection, kind=kind, external_id=external_id)


def reversed_(connection: str, kind: str, external_id: str) -> EventData:
    """The event of a record that was undone."""
    return RecordReversed(connection=connection, kind=kind, external_id=external_id)
