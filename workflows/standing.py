"""Where a process stands, and how operators see it: the part of the base that only shows."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from canonical.effects import ProcessRef
from canonical.ids import correlation_id
from canonical.messages import Progress
from canonical.milestones import Milestone
from canonical.money import Money
from workflows.cases import Case
from workflows.steps import StepRecord
from workflows.visibility import describe, search_attributes


class Standing:
    """The state every process has, its `progress` query and its search attributes."""

    def __init__(self, business_id: str) -> None:
        info = workflow.info()
        self.ref = ProcessRef(
            process=info.workflow_type,
            workflow_id=info.workflow_id,
            correlation_id=correlation_id(info.workflow_id),
        )
        self.business_id = business_id
        self.stage = "accepting"
        self.account_id = self.account_name = self.legal_entity = ""
        self.value: Money | None = None
        self.milestones: dict[Milestone, datetime] = {}
        self.steps: list[StepRecord] = []
        self.cases: dict[str, Case] = {}

    @property
    def facts_digest(self) -> str:
        """Identifies the facts the process rests on; empty while it has none."""
        return ""

    @property
    def references(self) -> dict[str, str]:
        """What stands in each system, by step."""
        return {step.name: step.reference for step in self.steps if step.state == "done"}

    @property
    def skipped(self) -> list[str]:
        """The steps a person decided to leave out."""
        return [step.name for step in self.steps if step.state == "skipped"]

    @workflow.query
    def progress(self) -> Progress:
        """Where the process stands (R132)."""
        return Progress(
            process=self.ref.process,
            stage=self.stage,
            business_id=self.business_id,
            account_name=self.account_name,
            legal_entity=self.legal_entity,
            value=self.value,
            steps=[step.progress() for step in self.steps],
            milestones=self.milestones,
            cases=[case.filed for case in self.cases.values()],
        )

    def placed(
        self, *, account_id: str, account_name: str, legal_entity: str, value: Money
    ) -> None:
        """The facts are known: name them in listings and search attributes."""
        self.account_id, self.account_name = account_id, account_name
        self.legal_entity, self.value = legal_entity, value
        self.enter("fulfilling")

    def enter(self, stage: str) -> None:
        """Come to a coarse stage; one search-attribute update, since each is an action."""
        self.stage = stage
        filed = [case.filed for case in self.cases.values()]
        self.publish(
            search_attributes(self.listed_stage, self.account_id, self.legal_entity, filed)
        )
        self.show()

    @property
    def listed_stage(self) -> str:
        """The stage as operators' listings have it."""
        return self.stage

    def publish(self, updates: list[SearchAttributeUpdate[Any]]) -> None:
        """Tell operators' listings."""
        workflow.upsert_search_attributes(updates)

    def show(self) -> None:
        """Bring the Web UI's details up to date, which costs neither an event nor an action."""
        workflow.set_current_details(describe(self.progress()))
