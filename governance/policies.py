"""`policies.toml`: the desk's policy, who answers, by when and what may be decided (R67, R103)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from canonical.desk import Action
from canonical.errors import ERRORS, TielineError
from canonical.money import Money
from governance.section import Amounts, Key, RoleName, Section, minor

Hours = Annotated[int, Field(gt=0, le=2160)]
Minutes = Annotated[int, Field(gt=0, le=43200)]
BASE = TielineError.__name__


class RoleRule(Section):
    """A role that answers for cases, and who a missed deadline goes to next."""

    name: str
    escalates_to: RoleName | None = None


class CauseRule(Section):
    """What holds for one kind of error, and for the kinds below it unless they say otherwise."""

    owner: RoleName | None = None
    deadline_hours: list[Hours] = []
    actions: list[Action] = []


class StepRule(Section):
    """What holds for one step: its owner, its objective, and how long it is retried unattended."""

    owner: RoleName
    objective_minutes: Minutes
    patience_minutes: Minutes
    actions: list[Action] = Field(min_length=1)


class Approvals(Section):
    """Above which amount a case needs two people."""

    unlisted_currency_people: int = Field(ge=1, le=2)
    two_people_over: Amounts

    def required(self, held: Money | None) -> int:
        """How many people must agree; one where no money is held."""
        if held is None or held.amount_minor == 0:
            return 1
        threshold = minor(self.two_people_over, held.currency)
        if threshold is None:
            return self.unlisted_currency_people
        return 2 if abs(held.amount_minor) > threshold else 1


class Policies(Section):
    """Owners, deadlines, actions and approvals; implements `canonical.desk.DeskPolicy`."""

    await_payment: bool = False
    default_owner: RoleName
    approvals: Approvals
    roles: dict[RoleName, RoleRule]
    causes: dict[str, CauseRule]
    default_step: StepRule
    steps: dict[Key, StepRule] = {}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for cause in self.causes.keys() - ERRORS.keys():
            raise ValueError(f"causes.{cause} is not an error kind")
        base = self.causes.get(BASE, CauseRule())
        if not base.deadline_hours or not base.actions:
            raise ValueError(f"causes.{BASE} needs deadline_hours and actions, the default of all")
        for where, role in self._named_roles():
            if role not in self.roles:
                raise ValueError(f"{where} names the unknown role {role!r}")
        for role in self.roles:
            self._chain(role)
        return self

    def _named_roles(self) -> Iterator[tuple[str, str]]:
        yield "default_owner", self.default_owner
        yield "default_step.owner", self.default_step.owner
        for step, rule in self.steps.items():
            yield f"steps.{step}.owner", rule.owner
        for cause, of_cause in self.causes.items():
            if of_cause.owner:
                yield f"causes.{cause}.owner", of_cause.owner
        for role, of_role in self.roles.items():
            if of_role.escalates_to:
                yield f"roles.{role}.escalates_to", of_role.escalates_to

    def _chain(self, role: str) -> list[str]:
        chain = [role]
        while upper := self.roles[chain[-1]].escalates_to:
            if upper in chain:
                raise ValueError(f"roles.{role}.escalates_to leads back to {upper}")
            chain.append(upper)
        return chain

    def _rules(self, cause: str) -> list[CauseRule]:
        """The rules of a cause, its own before those of the kinds above it."""
        kind = ERRORS.get(cause, TielineError)
        return [self.causes[k.__name__] for k in kind.__mro__ if k.__name__ in self.causes]

    def step(self, step: str) -> StepRule:
        """The rule of a step, named alone or as `role.step`."""
        return self.steps.get(step.rpartition(".")[2], self.default_step)

    def owner_of(self, cause: str, step: str) -> str:
        """The cause's owner, else the step's, else the default one (R103)."""
        for rule in self._rules(cause):
            if rule.owner:
                return rule.owner
        named = step.rpartition(".")[2] in self.steps
        return self.step(step).owner if named else self.default_owner

    def escalation_owner(self, cause: str, step: str, level: int) -> str:
        """Who answers after `level` missed deadlines; the top of the chain keeps the case."""
        chain = self._chain(self.owner_of(cause, step))
        return chain[min(max(level, 0), len(chain) - 1)]

    def deadline(self, cause: str, step: str, level: int) -> timedelta:
        """How long the owner of this level has; the last figure repeats."""
        hours = next(rule.deadline_hours for rule in self._rules(cause) if rule.deadline_hours)
        return timedelta(hours=hours[min(max(level, 0), len(hours) - 1)])

    def actions_for(self, cause: str, step: str, gates: bool) -> list[Action]:
        """What both cause and step allow; a step that holds others is never skipped (R67)."""
        of_cause = next(rule.actions for rule in self._rules(cause) if rule.actions)
        of_step = self.step(step).actions
        allowed = [a for a in of_cause if a in of_step and not (gates and a is Action.SKIP)]
        return allowed or [Action.RETRY]

    def approvals_required(self, held: Money | None) -> int:
        """How many people must agree on a case that holds this money."""
        return self.approvals.required(held)

    def objective(self, step: str) -> timedelta:
        """How soon a step should be done (R146)."""
        return timedelta(minutes=self.step(step).objective_minutes)

    def patience(self, step: str) -> timedelta:
        """How long a step's transient failures are retried before they become a case."""
        return timedelta(minutes=self.step(step).patience_minutes)
