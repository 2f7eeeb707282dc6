"""Companies, people and onboardings in Gainsight's words, and back; pure."""

from dataclasses import dataclass
from typing import Any, Self

from adapters.http import option
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.plan import OnboardingSpec
from canonical.ports import RecordSummary

ACCOUNT_FIELD = "SFDC_Account_Id__gc"
REFERENCE_FIELD = "External_Ref__gc"
COMPANY_FIELDS = ["Gsid", "Name", ACCOUNT_FIELD]
CTA_FIELDS = ["Gsid", "Name", "CompanyId", "IsClosed", REFERENCE_FIELD]

Record = dict[str, Any]


@dataclass(frozen=True)
class OnboardingStyle:
    """How the tenant files an onboarding: the CTA's owner and its picklist names."""

    owner_email: str
    type: str
    reason: str
    status: str
    priority: str
    closed_status: str

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Options `owner_email` and `cta_type`, `cta_reason`, ...; raises Misconfigured without an
        owner."""
        options = connection.options
        return cls(
            owner_email=option(connection, "owner_email"),
            type=options.get("cta_type", "Lifecycle"),
            reason=options.get("cta_reason", "Onboarding"),
            status=options.get("cta_status", "New"),
            priority=options.get("cta_priority", "Medium"),
            closed_status=options.get("cta_closed_status", "Closed No Action"),
        )

    def names(self) -> dict[str, list[str]]:
        """Every picklist name in use, by its category."""
        return {
            "CTA_TYPE": [self.type],
            "CTA_REASON": [self.reason],
            "CTA_STATUS": [self.status, self.closed_status],
            "CTA_PRIORITY": [self.priority],
        }


def to_gainsight_company(onboarding: OnboardingSpec, stamp: Stamp) -> Record:
    """The account's company."""
    return {
        "Name": onboarding.name,
        ACCOUNT_FIELD: onboarding.account_id,
        "Support_Tier__gc": onboarding.tier,
        "Legal_Entity__gc": onboarding.legal_entity,
        "Tieline_Key__gc": stamp.key,
        "Tieline_Correlation__gc": stamp.correlation_id,
    }


def to_gainsight_person(email: str, company_id: str) -> Record:
    """The contact of a company, by e-mail; names are left to whoever knows them."""
    return {"Email": email, "companies": [{"Company_ID": company_id}]}


def to_gainsight_cta(
    onboarding: OnboardingSpec, company_id: str, style: OnboardingStyle, stamp: Stamp
) -> Record:
    """The onboarding as a call to action; the effect's key is the reference it is found by.

    `referenceId` only pairs the answer with the request: it prevents no duplicate.
    """
    return {
        "referenceId": stamp.token,
        "Name": f"Onboarding: {onboarding.order_name}",
        "CompanyId": company_id,
        "OwnerEmail": style.owner_email,
        "DueDate": onboarding.due_on.isoformat(),
        "type": style.type,
        "reason": style.reason,
        "status": style.status,
        "priority": style.priority,
        "Comments": _comments(onboarding),
        REFERENCE_FIELD: stamp.key,
        "Tieline_Correlation__gc": stamp.correlation_id,
    }


def _comments(onboarding: OnboardingSpec) -> str:
    return (
        f"{onboarding.order_name}: {onboarding.total}, support tier {onboarding.tier}, "
        f"{onboarding.legal_entity}, opportunity {onboarding.opportunity_id}."
    )


def to_gainsight_closure(cta_id: str, style: OnboardingStyle, stamp: Stamp) -> Record:
    """The update that closes a call to action as no longer needed."""
    return {
        "referenceId": cta_id,
        "Gsid": cta_id,
        "status": style.closed_status,
        "Tieline_Correlation__gc": stamp.correlation_id,
    }


def where(name_key: str, **equal: Any) -> Record:
    """A where-clause: every field equals its value (`name_key` differs between the two APIs)."""
    aliases = [chr(ord("A") + number) for number in range(len(equal))]
    conditions = [
        {name_key: field, "alias": alias, "value": [value], "operator": "EQ"}
        for alias, (field, value) in zip(aliases, equal.items(), strict=True)
    ]
    return {"conditions": conditions, "expression": " AND ".join(aliases)}


def not_empty(name_key: str, field: str) -> Record:
    """A where-clause: the field has a value."""
    condition = {name_key: field, "alias": "A", "value": [], "operator": "IS_NOT_NULL"}
    return {"conditions": [condition], "expression": "A"}


def from_gainsight_record(record: Record) -> ExternalRef:
    """A company or call to action as our reference to it."""
    return ExternalRef(id=str(record["Gsid"]))


def is_closed(cta: Record) -> bool:
    """Whether a call to action is closed; the list API writes truth as JSON or as text."""
    return str(cta.get("IsClosed")).lower() == "true"


def from_gainsight_company(record: Record) -> RecordSummary:
    """A company for counting."""
    return RecordSummary(
        kind="company", id=str(record["Gsid"]), business_id=str(record.get(ACCOUNT_FIELD) or "")
    )


def from_gainsight_cta(record: Record) -> RecordSummary:
    """An open onboarding for counting: its reference is an effect's key, which names the order."""
    return RecordSummary(
        kind="onboarding",
        id=str(record["Gsid"]),
        business_id=opportunity_of(record),
        status="open",
    )


def opportunity_of(cta: Record) -> str:
    """The order that a call to action's reference, an effect's key, is of."""
    reference = str(cta.get(REFERENCE_FIELD) or "")
    parts = reference.split("/")
    return parts[2] if len(parts) > 2 else reference
