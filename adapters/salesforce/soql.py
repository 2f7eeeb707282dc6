"""The queries: an order with everything that belongs to it in one call in the common case."""

# ruff: noqa: S608 - every value goes through quoted()
from collections.abc import Sequence

from adapters.salesforce.api import quoted

ANCESTORS_PER_QUERY = 4

ACCOUNT_FIELDS = (
    "Id", "Name", "ParentId", "BillingCountry", "BillingState", "BillingPostalCode", "BillingCity",
    "BillingStreet", "Tax_Id__c", "Billing_Email__c", "Legal_Entity__c", "Bill_To_Account__c",
)  # fmt: skip
OPPORTUNITY_FIELDS = (
    "Id", "Name", "AccountId", "StageName", "IsWon", "Amount", "CloseDate", "SystemModstamp",
    "Term_Months__c", "Contract_Start__c", "Legal_Entity__c", "Support_Tier__c", "PO_Number__c",
)  # fmt: skip
LINE_FIELDS = (
    "Id", "ProductCode", "Name", "Quantity", "UnitPrice", "TotalPrice", "ServiceDate",
    "Service_End_Date__c", "Charge_Type__c", "Milestone__c", "Product2.IsActive",
)  # fmt: skip


def order_query(opportunity_id: str, *, multi_currency: bool) -> str:
    """An opportunity with its account, four ancestors (SOQL goes five levels up), the bill-to
    account and the lines."""
    fields = list(OPPORTUNITY_FIELDS) + (["CurrencyIsoCode"] if multi_currency else [])
    for level in range(ANCESTORS_PER_QUERY + 1):
        fields += _account_fields("Account." + "Parent." * level)
    fields += _account_fields("Account.Bill_To_Account__r.")
    lines = f"(SELECT {', '.join(LINE_FIELDS)} FROM OpportunityLineItems ORDER BY Id)"
    return (
        f"SELECT {', '.join(fields)}, {lines} FROM Opportunity WHERE Id = {quoted(opportunity_id)}"
    )


def account_query(account_id: str) -> str:
    """An account with four of its ancestors."""
    fields: list[str] = []
    for level in range(ANCESTORS_PER_QUERY + 1):
        fields += _account_fields("Parent." * level)
    return f"SELECT {', '.join(fields)} FROM Account WHERE Id = {quoted(account_id)}"


def survivor_query(account_id: str) -> str:
    """The account that a deleted one was merged into."""
    return (
        f"SELECT Id, MasterRecordId FROM Account WHERE Id = {quoted(account_id)} "
        "AND IsDeleted = true"
    )


def children_query(parent_ids: Sequence[str]) -> str:
    """The accounts directly below some accounts."""
    ids = ", ".join(quoted(parent) for parent in parent_ids)
    fields = ", ".join(ACCOUNT_FIELDS)
    return f"SELECT {fields} FROM Account WHERE ParentId IN ({ids}) ORDER BY Id"


def won_query(*, multi_currency: bool) -> str:
    """Every closed-won opportunity with its amount, oldest first."""
    currency = ", CurrencyIsoCode" if multi_currency else ""
    return (
        f"SELECT Id, StageName, Amount{currency} FROM Opportunity WHERE IsWon = true "
        "ORDER BY CloseDate, Id"
    )


def changed_query(since: str, until: str, after_id: str, limit: int) -> str:
    """Won opportunities in the order of their last change, then of their id, from a stamp on.

    With `after_id` what has exactly that stamp begins behind this id; `until` may be empty.
    """
    start = f"SystemModstamp >= {since}"
    if after_id:
        behind = f"SystemModstamp = {since} AND Id > {quoted(after_id)}"
        start = f"(SystemModstamp > {since} OR ({behind}))"
    end = f" AND SystemModstamp < {until}" if until else ""
    return (
        f"SELECT Id, SystemModstamp FROM Opportunity WHERE IsWon = true AND {start}{end} "
        f"ORDER BY SystemModstamp, Id LIMIT {limit}"
    )


def still_won_query(opportunity_ids: Sequence[str]) -> str:
    """Those of some opportunities that are won, with the stamp of their last change."""
    ids = ", ".join(quoted(deal) for deal in opportunity_ids)
    return f"SELECT Id, SystemModstamp FROM Opportunity WHERE Id IN ({ids}) AND IsWon = true"


def facts_query(opportunity_id: str, *, multi_currency: bool) -> str:
    """What is to be known of an opportunity when it changed."""
    currency = ", CurrencyIsoCode" if multi_currency else ""
    return (
        "SELECT Id, AccountId, IsWon, Amount, Legal_Entity__c, SystemModstamp"
        f"{currency} FROM Opportunity WHERE Id = {quoted(opportunity_id)}"
    )


def write_backs_query() -> str:
    """Every opportunity that Tieline has written to."""
    return (
        "SELECT Id, Activation_Status__c FROM Opportunity "
        "WHERE Integration_Correlation_Id__c != null ORDER BY Id"
    )


def _account_fields(path: str) -> list[str]:
    return [path + name for name in ACCOUNT_FIELDS]
