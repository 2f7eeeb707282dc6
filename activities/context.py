"""Who an activity works for, read from its own execution."""

from temporalio import activity

from canonical.effects import ProcessRef
from canonical.ids import correlation_id


def current_process() -> ProcessRef:
    """The process that called the running activity."""
    info = activity.info()
    if info.workflow_id is None or info.workflow_type is None:
        raise RuntimeError("this activity has to be called by a workflow")
    return ProcessRef(
        process=info.workflow_type,
        workflow_id=info.workflow_id,
        correlation_id=correlation_id(info.workflow_id),
    )
