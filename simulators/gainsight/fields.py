"""What each object may be given, and how dates go in (text) and come out (epoch milliseconds)."""

import re
from datetime import UTC, date, datetime
from typing import Any

from simulators.gainsight.errors import BAD_DATE, BAD_FIELD, GainsightRefusal
from simulators.gainsight.store import Record

COMPANY_TEXT = (
    "Name", "Industry", "Stage", "Status", "SFDCAccountId", "Summary", "CSM", "ParentCompany",
    "CurrencyIsoCode", "Tags", "Tieline_Key__gc", "Tieline_Correlation__gc", "SFDC_Account_Id__gc",
    "Support_Tier__gc", "Legal_Entity__gc",
    "Risk_Level__gc", "Renewal_Priority__gc", "Overdue_Amount__gc", "Risk_Reasons__gc",
    "Risk_Key__gc", "Renewal_Readiness__gc", "Renewal_Forecast__gc", "Renewal_Reasons__gc",
    "Readiness_Snapshot__gc",
)  # fmt: skip
COMPANY_NUMBERS = (
    "ARR", "MRR", "Users", "Employees", "LifecycleInWeeks", "NPS", "Risk_Score__gc",
)  # fmt: skip
COMPANY_DATES = ("RenewalDate", "OriginalContractDate", "Renewal_Date__gc")
DATES = frozenset({
    "RenewalDate", "OriginalContractDate", "DueDate", "ClosedDate", "StartDate", "EndDate",
    "ActivityDate",
})  # fmt: skip
COMPANY = frozenset({*COMPANY_TEXT, *COMPANY_NUMBERS, *COMPANY_DATES})
CTA_CUSTOM = frozenset({"External_Ref__gc", "Risk_Ref__gc", "Tieline_Correlation__gc"})
STAMPS = frozenset({"Gsid", "CreatedDate", "ModifiedDate"})


def object_values(name: str, given: Record) -> Record:
    """A record's values as stored; raises GainsightRefusal for a field Company does not have."""
    values: Record = {}
    for field, value in given.items():
        if field in STAMPS:
            continue
        if name == "Company" and field not in COMPANY:
            message = f"The field {field} does not exist in the object Company."
            raise GainsightRefusal(400, BAD_FIELD, message)
        is_date = field in DATES or field.lower().endswith("date__gc")
        values[field] = to_millis(field, value) if is_date else value
    return values


def to_millis(field: str, value: Any) -> int | None:
    """A date or date-time as epoch milliseconds; raises GainsightRefusal for anything else."""
    if value is None or isinstance(value, int):
        return value
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            moment = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
        else:
            moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        message = f"The value {value} of the field {field} is not a valid date."
        raise GainsightRefusal(400, BAD_DATE, message) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
