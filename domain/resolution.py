"""Judges a person's decision on an exception case; pure, so that a workflow may ask it."""

from collections.abc import Sequence

from canonical.desk import Action, CaseState, ExceptionCase, Resolution, ResolutionOutcome

REASONED = {Action.AMEND, Action.SKIP, Action.CANCEL}


def judge(
    case: ExceptionCase, earlier: Sequence[Resolution], resolution: Resolution
) -> ResolutionOutcome:
    """Whether a decision counts, and whether the case is now resolved (DESIGN: exception).

    `earlier` are the decisions accepted so far; those made on other evidence have expired. A retry
    changes no facts: one person suffices whatever the amount, and it sets aside a proposal that
    still waits for approval. Any other decision needs `approvals_required` different people who
    propose exactly the same.
    """
    standing = [
        r
        for r in earlier
        if r.case_id == case.case_id and r.evidence_digest == case.evidence_digest
    ]
    refusal = _refusal(case, resolution) or _disagreement(standing, resolution)
    if refusal:
        waiting = CaseState.AWAITING_APPROVAL if standing else CaseState.OPEN
        return ResolutionOutcome(accepted=False, outcome=f"refused: {refusal}", state=waiting)
    people = 1 if resolution.action is Action.RETRY else case.approvals_required
    given = 1 if resolution.action is Action.RETRY else len(standing) + 1
    if given < people:
        missing = people - given
        outcome = f"accepted: {resolution.action} waits for {missing} more approval"
        return ResolutionOutcome(accepted=True, outcome=outcome, state=CaseState.AWAITING_APPROVAL)
    return ResolutionOutcome(
        accepted=True, outcome=f"accepted: {resolution.action}", state=CaseState.RESOLVED
    )


def _refusal(case: ExceptionCase, resolution: Resolution) -> str:
    if resolution.case_id != case.case_id:
        return f"the decision is about case {resolution.case_id}, not {case.case_id}"
    if resolution.evidence_digest != case.evidence_digest:
        return "the facts have changed since; read the case again and decide on them"
    if resolution.action not in case.actions:
        return f"{resolution.action} is not among {', '.join(case.actions)} for this case"
    if resolution.action is Action.AMEND and not resolution.amendment:
        return "an amendment has to say what is corrected"
    if resolution.action is not Action.AMEND and resolution.amendment:
        return f"{resolution.action} cannot carry an amendment"
    if resolution.action in REASONED and not resolution.reason.strip():
        return f"{resolution.action} needs a reason"
    if not resolution.actor.strip():
        return "the decision has to say who made it"
    return ""


def _disagreement(standing: Sequence[Resolution], resolution: Resolution) -> str:
    if resolution.action is Action.RETRY:
        return ""
    for earlier in standing:
        if _person(earlier) == _person(resolution):
            return f"{resolution.actor} has decided already; another person has to approve"
        if earlier.action is not resolution.action:
            return f"{earlier.actor} proposed {earlier.action}; approve that, or retry"
        if earlier.amendment != resolution.amendment:
            return f"{earlier.actor} proposed another amendment; approve that one, or retry"
    return ""


def _person(resolution: Resolution) -> str:
    return resolution.actor.strip().casefold()
