"""The objects, fields and relationships of the simulated org."""

from dataclasses import dataclass, field
from typing import Literal

FieldType = Literal[
    "id", "reference", "string", "textarea", "double", "int", "boolean", "date", "datetime"
]

WON_STAGE = "Closed Won"
LOST_STAGE = "Closed Lost"


@dataclass(frozen=True)
class Field:
    """One field; a reference knows the object it points to and the name of the way there."""

    name: str
    type: FieldType = "string"
    refers_to: str = ""
    relationship: str = ""
    external_id: bool = False
    unique: bool = False
    writable: bool = True
    required: bool = False


@dataclass(frozen=True)
class ObjectType:
    """One object: its id prefix, its fields and its child relationships (name -> object, key)."""

    name: str
    prefix: str
    fields: dict[str, Field]
    children: dict[str, tuple[str, str]] = field(default_factory=dict)
    # SOQL and field names in paths ignore case; these find the proper spelling.
    by_lower: dict[str, Field] = field(default_factory=dict)
    parents: dict[str, Field] = field(default_factory=dict)

    def find(self, name: str) -> Field | None:
        """A field by its name in any case."""
        return self.fields.get(name) or self.by_lower.get(name.lower())

    @property
    def external_ids(self) -> list[Field]:
        """The fields a record can be addressed by, beside its Id."""
        return [f for f in self.fields.values() if f.external_id]


SYSTEM_FIELDS = (
    Field("Id", "id", writable=False),
    Field("IsDeleted", "boolean", writable=False),
    Field("CreatedDate", "datetime", writable=False),
    Field("LastModifiedDate", "datetime", writable=False),
    Field("SystemModstamp", "datetime", writable=False),
)


def _texts(*names: str) -> list[Field]:
    return [Field(name) for name in names]


def _numbers(*names: str) -> list[Field]:
    return [Field(name, "double") for name in names]


def _object(
    name: str,
    prefix: str,
    fields: list[Field],
    children: dict[str, tuple[str, str]] | None = None,
) -> ObjectType:
    named = {f.name: f for f in (*SYSTEM_FIELDS, *fields)}
    return ObjectType(
        name, prefix, named, children or {},
        by_lower={f.name.lower(): f for f in named.values()},
        parents={f.relationship.lower(): f for f in named.values() if f.relationship},
    )  # fmt: skip


ACCOUNT = _object("Account", "001", [
    Field("Name", required=True),
    Field("ParentId", "reference", "Account", "Parent"),
    Field("MasterRecordId", "reference", "Account", "MasterRecord", writable=False),
    Field("Bill_To_Account__c", "reference", "Account", "Bill_To_Account__r"),
    Field("NumberOfEmployees", "int"),
    *_numbers("AnnualRevenue"),
    *_texts(
        "Industry", "BillingStreet", "BillingCity", "BillingState", "BillingStateCode",
        "BillingPostalCode", "BillingCountry", "BillingCountryCode", "Website", "Phone",
        "Legal_Entity__c", "Tax_Id__c", "Billing_Email__c",
    ),
], {
    "ChildAccounts": ("Account", "ParentId"), "Opportunities": ("Opportunity", "AccountId"),
})  # fmt: skip

OPPORTUNITY = _object("Opportunity", "006", [
    Field("Name", required=True),
    Field("AccountId", "reference", "Account", "Account"),
    Field("OwnerId", "reference", "User", "Owner"),
    Field("StageName", required=True),
    Field("CloseDate", "date", required=True),
    Field("Contract_Start__c", "date"),
    # The stage decides both, as in any org.
    Field("IsWon", "boolean", writable=False),
    Field("IsClosed", "boolean", writable=False),
    *_numbers("Amount", "Term_Months__c"),
    *_texts(
        "CurrencyIsoCode", "Type", "Legal_Entity__c", "Support_Tier__c", "PO_Number__c",
        "Activation_Status__c", "Integration_Correlation_Id__c", "Renewal_Readiness__c",
        "Renewal_Forecast__c", "Readiness_Snapshot__c",
    ),
    Field("Renewal_Reasons__c", "textarea"),
    Field("Renews_Opportunity__c", "reference", "Opportunity", "Renews_Opportunity__r"),
    Field("RecordTypeId", "reference", "RecordType", "RecordType"),
    # External ids without "unique": two records may share a value, and addressing them answers 300.
    Field("ERP_Order_Id__c", external_id=True),
    Field("Billing_Subscription_Id__c", external_id=True),
    Field("Tieline_Key__c", external_id=True, unique=True),
], {"OpportunityLineItems": ("OpportunityLineItem", "OpportunityId")})  # fmt: skip

LINE_ITEM = _object("OpportunityLineItem", "00k", [
    Field("OpportunityId", "reference", "Opportunity", "Opportunity", required=True),
    Field("PricebookEntryId", "reference", "PricebookEntry", "PricebookEntry"),
    Field("Product2Id", "reference", "Product2", "Product2"),
    Field("Quantity", "double", required=True),
    *_numbers("UnitPrice", "TotalPrice", "Discount"),
    *_texts("ProductCode", "Name", "Description", "Charge_Type__c", "Milestone__c"),
    Field("ServiceDate", "date"),
    Field("Service_End_Date__c", "date"),
])  # fmt: skip

PRODUCT = _object("Product2", "01t", [
    Field("Name", required=True), *_texts("ProductCode", "Family"), Field("IsActive", "boolean"),
], {"PricebookEntries": ("PricebookEntry", "Product2Id")})  # fmt: skip

PRICEBOOK_ENTRY = _object("PricebookEntry", "01u", [
    Field("Product2Id", "reference", "Product2", "Product2", required=True),
    *_numbers("UnitPrice"), *_texts("CurrencyIsoCode"), Field("IsActive", "boolean"),
])  # fmt: skip

USER = _object("User", "005", [
    Field("Name", required=True), *_texts("Email", "Manager", "Region"),
])  # fmt: skip

RECORD_TYPE = _object("RecordType", "012", [
    Field("Name", required=True), *_texts("DeveloperName", "SobjectType"),
    Field("IsActive", "boolean"),
])  # fmt: skip

OBJECTS = {
    o.name: o
    for o in (ACCOUNT, OPPORTUNITY, LINE_ITEM, PRODUCT, PRICEBOOK_ENTRY, USER, RECORD_TYPE)
}
_BY_LOWER = {name.lower(): o for name, o in OBJECTS.items()}


def find_object(name: str) -> ObjectType | None:
    """An object by its name in any case."""
    return OBJECTS.get(name) or _BY_LOWER.get(name.lower())


def stage_flags(stage: str | None) -> dict[str, bool]:
    """IsWon and IsClosed as the stage has them."""
    return {"IsWon": stage == WON_STAGE, "IsClosed": stage in (WON_STAGE, LOST_STAGE)}
