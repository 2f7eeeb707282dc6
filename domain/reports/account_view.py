"""One view of an account: five blocks, each with its sources, age and completeness (R19, R21).

What was never read and what is not known are said to be so, and are never shown as good.
"""

from datetime import date, datetime
from typing import Any

from canonical.facts import CaseFacts, OnboardingFacts, TaskFacts
from canonical.orders import Fact
from canonical.renewal import Signal, SignalState
from canonical.risk import FinancialStatus
from domain.definitions.implementation_complete import Evidence, Implementation, implementation
from domain.explaining import CLOSED_CASES
from domain.readiness import USAGE
from domain.reports.account_file import AccountFile
from domain.reports.blocks import UNKNOWN, Block, block, named
from domain.reports.contract_value import contract_value
from domain.reports.receivables import own_assessment
from governance.definitions import Definitions


class AccountView(Fact):
    """What is on record of an account at a moment; `cut` when not all of its records were read."""

    account_id: str
    account_name: str
    as_of: datetime
    cut: bool
    blocks: list[Block]


def account_view(file: AccountFile, definitions: Definitions, now: datetime) -> AccountView:
    """The five blocks of an account by the definitions in force."""
    today = now.date()
    return AccountView(
        account_id=file.account_id,
        account_name=file.account_name,
        as_of=now,
        cut=file.records.cut,
        blocks=[
            contract_value(file, definitions, today),
            payment_status(file, definitions, today),
            service_consumption(file, definitions, today),
            implementation_progress(file, definitions),
            account_hierarchy(file, definitions),
        ],
    )


def payment_status(file: AccountFile, definitions: Definitions, today: date) -> Block:
    """Where the account stands with its own invoices; with what is shown of its subsidiaries."""
    found = own_assessment(file.position, definitions.risk_rules(), today)
    reads = [(one.connection, one.as_of) for one in file.position.own if one.known]
    late = file.assessed.late_accounts if file.assessed else []
    silent = found.status is FinancialStatus.UNKNOWN
    return block(
        "payment_status",
        found.status.value,
        seen=bool(file.position.own),
        missing=["an owner of its invoices did not answer"] if silent else [],
        reasons=found.reasons if file.position.own else ["no invoice of it was ever read"],
        sources={one.connection for one in file.position.own},
        ages=file.ages(reads),
        definitions=found.version.split(),
        facts={
            "risk_level": UNKNOWN if silent else found.level.value,
            "overdue_at_least" if silent else "overdue": found.overdue,
            "disputed_at_least" if silent else "disputed": found.disputed,
            "oldest_days": found.oldest_days,
            "late_subsidiaries": [one for one in late if one != file.account_id],
        },
    )


def service_consumption(file: AccountFile, definitions: Definitions, today: date) -> Block:
    """Adoption as the newest look at a renewal found it, unless it is stale by now; with the open
    cases that were heard of."""
    looks = [one for one in file.renewals if one.seen_at is not None]
    newest = max(looks, key=lambda one: one.seen_at or datetime.min, default=None)
    usage = next((s for s in newest.signals if s.name == USAGE), None) if newest else None
    cases = [(r, c) for r, c in file.records.of(CaseFacts) if c.status not in CLOSED_CASES]
    facts: dict[str, Any] = {"open_cases": len(cases)} if cases else {}
    missing = ["usage is read when a renewal is looked at, and none was"]
    if usage is not None:
        facts |= usage.facts
        missing = usage.reasons if usage.state is SignalState.UNKNOWN else []
        missing = missing or _stale(usage, definitions, today)
    sources = {one.connection for one, _ in cases} | ({usage.source} if usage else set())
    ages = file.ages((one.connection, one.recorded_at) for one, _ in cases)
    ages += [usage.as_of] if usage and usage.as_of else []
    return block(
        "service_consumption",
        usage.state.value if usage else UNKNOWN,
        seen=usage is not None,
        missing=missing,
        reasons=usage.reasons if usage else missing,
        sources=sources - {""},
        ages=ages,
        definitions=[usage.definition] if usage else named(definitions, "renewal_readiness"),
        facts=facts,
    )


def _stale(usage: Signal, definitions: Definitions, today: date) -> list[str]:
    limit = definitions.usage.stale_days
    if usage.as_of is None:
        return ["it is not known when usage was read"]
    days = (today - usage.as_of.date()).days
    return [f"usage is stale: the newest is of {usage.as_of.date()}"] if days > limit else []


def implementation_progress(file: AccountFile, definitions: Definitions) -> Block:
    """How far the onboardings are, by the newest read of each and of its tasks."""
    onboardings = list(file.records.of(OnboardingFacts))
    tasks = list(file.records.of(TaskFacts))
    found = implementation(
        Evidence(
            onboardings=[one for _, one in onboardings],
            tasks=[one for _, one in tasks],
            required=definitions.customers.required_milestones,
        )
    )
    read = [record for record, _ in [*onboardings, *tasks]]
    done = sum(task.completed for _, task in tasks)
    return block(
        "implementation_progress",
        found.value.value,
        seen=bool(read),
        missing=found.reasons if found.value is Implementation.UNKNOWN else [],
        reasons=found.reasons,
        sources={record.connection for record in read},
        ages=file.ages((record.connection, record.recorded_at) for record in read),
        definitions=named(definitions, "implementation_complete"),
        facts={"onboardings": len(onboardings), "tasks_done": done, "tasks": len(tasks)},
    )


def account_hierarchy(file: AccountFile, definitions: Definitions) -> Block:
    """Who is above, below and pays, as it was when the account was assessed or ordered last. Below
    it only those are known that were assessed themselves."""
    family = file.family
    facts = family.model_dump(exclude={"assessed_at", "ordered_at"})
    ages = [one for one in (family.assessed_at, family.ordered_at) if one is not None]
    missing = []
    if family.assessed_at is None:
        missing = ["who is above and below it is read with its payments' risk, and was not"]
    reasons = ["below it, only accounts that were assessed themselves are known"] if ages else []
    says = "top of its family"
    if family.merged_into:
        says = f"merged into {family.merged_into}"
    elif family.parent_id:
        says = f"below {family.parent_id}"
    return block(
        "account_hierarchy",
        says,
        seen=bool(ages),
        missing=missing,
        reasons=reasons,
        sources={"crm"} if ages else set(),
        ages=ages,
        definitions=named(definitions, "account_hierarchy"),
        facts={name: value for name, value in facts.items() if value},
    )
