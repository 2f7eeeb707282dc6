"""What an operator sees of a process in Temporal's Web UI: attributes and current details."""

from collections.abc import Sequence
from typing import Any

from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from canonical.desk import ExceptionCase
from canonical.messages import Progress
from canonical.risk import RiskLevel
from canonical.visibility import ACCOUNT, AMOUNT_HELD, CAUSE, LEGAL_ENTITY, PROCESS, STAGE

_PROCESS = SearchAttributeKey.for_keyword(PROCESS)
_ACCOUNT = SearchAttributeKey.for_keyword(ACCOUNT)
_LEGAL_ENTITY = SearchAttributeKey.for_keyword(LEGAL_ENTITY)
_STAGE = SearchAttributeKey.for_keyword(STAGE)
_CAUSE = SearchAttributeKey.for_keyword(CAUSE)
_AMOUNT_HELD = SearchAttributeKey.for_int(AMOUNT_HELD)

MARKS = {
    "running": "…",
    "done": "✓",
    "exception": "!",
    "skipped": "-",
    "undone": "↶",
}


def begun(process: str, stage: str, **more: str) -> TypedSearchAttributes:
    """What a process is found by from its start, which costs nothing then; `more` are further
    keywords, by their name."""
    known = {_PROCESS.name: process, _STAGE.name: stage, **more}
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(k), v) for k, v in known.items()]
    )


def begun_risk(account_id: str) -> TypedSearchAttributes:
    """What an account's invoice risk is found by until anything is late beyond its grace."""
    of_account = {ACCOUNT: account_id, LEGAL_ENTITY: ""}
    return begun("invoice-risk-to-health", RiskLevel.NONE.value, **of_account)


def begun_renewal(account_id: str = "", legal_entity: str = "") -> TypedSearchAttributes:
    """What a contract's clock is found by; until its window opens, where its account is known."""
    if not account_id:
        return begun("renewal-readiness", "accepting")
    of_account = {ACCOUNT: account_id, LEGAL_ENTITY: legal_entity}
    return begun("renewal-readiness", "waiting", **of_account)


def search_attributes(
    stage: str, account_id: str, legal_entity: str, cases: Sequence[ExceptionCase]
) -> list[SearchAttributeUpdate[Any]]:
    """One combined update: each separate one would cost an action of its own."""
    updates: list[SearchAttributeUpdate[Any]] = [_STAGE.value_set(stage)]
    if account_id:
        updates += [_ACCOUNT.value_set(account_id), _LEGAL_ENTITY.value_set(legal_entity)]
    if cases:
        held = sum(case.held.amount_minor for case in cases[:1] if case.held)
        updates += [_CAUSE.value_set(cases[0].failure.cause), _AMOUNT_HELD.value_set(held)]
    elif stage != "accepting":
        updates += [_CAUSE.value_unset(), _AMOUNT_HELD.value_unset()]
    return updates


def describe(progress: Progress) -> str:
    """The current details in Markdown: value, steps, what is held and what to do about it."""
    lines = [
        f"**{progress.account_name or progress.business_id}** · {progress.value or ''}"
        f" · {progress.stage}",
        "",
        *(
            f"- {MARKS.get(step.state, '')} {step.name.replace('_', ' ')} {step.reference}".rstrip()
            for step in progress.steps
        ),
    ]
    for case in progress.cases:
        actions = ", ".join(case.actions)
        lines += [
            "",
            f"**{case.failure.cause}** at {case.step.replace('_', ' ')}: {case.failure.message}",
            f"Holds {case.held or 'nothing'}; {case.owner} until {case.deadline:%Y-%m-%d %H:%M}Z."
            f" Decide ({actions}): `tieline exceptions show {case.case_id}`",
        ]
    return "\n".join(lines)
