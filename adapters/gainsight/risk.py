"""Payment risk in Gainsight's words: fields of the company, and one call to action; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Self

from adapters.gainsight.mapping import Record
from adapters.http import option
from canonical.connections import Connection
from canonical.effects import Stamp
from canonical.errors import Misconfigured
from canonical.portfolio import RiskUpdate
from canonical.risk import RiskLevel

# The calls of onboardings carry External_Ref__gc, by which events and counts know them: a call
# about payments has a reference of its own and is never taken for an implementation.
RISK_REFERENCE_FIELD = "Risk_Ref__gc"
RISK_CALL_FIELDS = ["Gsid", "Name", "CompanyId", "IsClosed", RISK_REFERENCE_FIELD]
RISK_FIELDS = [
    "Risk_Score__gc", "Risk_Level__gc", "Renewal_Priority__gc", "Overdue_Amount__gc",
    "Risk_Reasons__gc", "Risk_Key__gc",
]  # fmt: skip
TEXT_CHARACTERS_MAX = 500
DUE_DAYS = 5


@dataclass(frozen=True)
class RiskStyle:
    """How the tenant files a call about late payments: owner, picklist names and days to act."""

    owner_email: str
    type: str
    reason: str
    status: str
    priority: str
    closed_status: str
    due_days: int

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Options `owner_email` and `risk_cta_type`, `risk_cta_reason`, ..., `risk_due_days`.

        Raises Misconfigured without an owner, and for days that are no number.
        """
        options = connection.options
        days = options.get("risk_due_days", str(DUE_DAYS))
        if not days.isdecimal():
            raise Misconfigured(f"risk_due_days is {days!r}", about=connection.name)
        return cls(
            owner_email=option(connection, "owner_email"),
            type=options.get("risk_cta_type", "Risk"),
            reason=options.get("risk_cta_reason", "Payment Overdue"),
            status=options.get("risk_cta_status", "New"),
            priority=options.get("risk_cta_priority", "High"),
            closed_status=options.get("risk_cta_closed_status", "Closed Success"),
            due_days=int(days),
        )

    def names(self) -> dict[str, list[str]]:
        """Every picklist name in use, by its category."""
        return {
            "CTA_TYPE": [self.type],
            "CTA_REASON": [self.reason],
            "CTA_STATUS": [self.status, self.closed_status],
            "CTA_PRIORITY": [self.priority],
        }


def to_gainsight_risk(risk: RiskUpdate, stamp: Stamp) -> Record:
    """The company's risk fields; all are emptied for no risk, so that none leaves a trace."""
    if risk.level is RiskLevel.NONE:
        return dict.fromkeys(RISK_FIELDS)
    return {
        "Risk_Score__gc": risk.score,
        "Risk_Level__gc": risk.level.value,
        "Renewal_Priority__gc": risk.renewal_priority.value,
        # Several currencies cannot be one number, and a float is no money.
        "Overdue_Amount__gc": text_of(map(str, risk.overdue)),
        "Risk_Reasons__gc": text_of(risk.reasons),
        "Risk_Key__gc": stamp.key,
    }


def to_gainsight_risk_call(
    risk: RiskUpdate, company_id: str, style: RiskStyle, stamp: Stamp, today: date
) -> Record:
    """The call to action for whoever looks after the customer."""
    return {
        "referenceId": stamp.token,
        "Name": f"Late payments: {text_of(map(str, risk.overdue)) or risk.level.value}",
        "CompanyId": company_id,
        "OwnerEmail": style.owner_email,
        "DueDate": (today + timedelta(days=style.due_days)).isoformat(),
        "type": style.type,
        "reason": style.reason,
        "status": style.status,
        "priority": style.priority,
        "Comments": _comments(risk),
        RISK_REFERENCE_FIELD: stamp.key,
        "Tieline_Correlation__gc": stamp.correlation_id,
    }


def _comments(risk: RiskUpdate) -> str:
    return "; ".join([f"The oldest is {risk.oldest_days} days overdue", *risk.reasons]) + "."


def to_gainsight_taken_over(cta_id: str, stamp: Stamp) -> Record:
    """The update by which a standing call about late payments becomes that of another effect."""
    return {
        "referenceId": cta_id,
        "Gsid": cta_id,
        RISK_REFERENCE_FIELD: stamp.key,
        "Tieline_Correlation__gc": stamp.correlation_id,
    }


def to_gainsight_done(cta_id: str, style: RiskStyle, stamp: Stamp) -> Record:
    """The update that closes a call as done."""
    return {
        "referenceId": cta_id,
        "Gsid": cta_id,
        "status": style.closed_status,
        "Tieline_Correlation__gc": stamp.correlation_id,
    }


def text_of(parts: Iterable[str]) -> str | None:
    """Several statements as one text, cut where a text field ends; None for none."""
    text = "; ".join(parts)
    if len(text) > TEXT_CHARACTERS_MAX:
        text = text[: TEXT_CHARACTERS_MAX - 3].rstrip() + "..."
    return text or None


def shows(record: Record, wanted: Record) -> bool:
    """Whether a record's fields have these values; empty text is none, a number may be text."""
    return all(_same(record.get(name), value) for name, value in wanted.items())


def _same(held: Any, wanted: Any) -> bool:
    if held in (None, "") or wanted is None:
        return held in (None, "") and wanted is None
    if isinstance(wanted, int):
        try:
            return float(held) == wanted
        except (TypeError, ValueError):
            return False
    return bool(str(held) == wanted)
