"""Salesforce's upserts, composites and errors, against the simulated org."""

from collections.abc import AsyncIterator

import pytest

from adapters.http import Answer, HttpClient, StaticAuth, error_for
from adapters.salesforce.api import SalesforceApi, Subrequest
from adapters.salesforce.errors import ERRORS
from canonical.connections import Connection
from canonical.errors import (
    Busy,
    DuplicateRecord,
    Malformed,
    NotFound,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
)
from simulators.salesforce import SalesforceSimulator
from simulators.serve import serving


@pytest.fixture
def org() -> SalesforceSimulator:
    return SalesforceSimulator()


@pytest.fixture
async def api(org: SalesforceSimulator) -> AsyncIterator[SalesforceApi]:
    async with serving({"salesforce": org}) as urls:
        connection = Connection(
            name="crm", role="crm", vendor="salesforce", base_url=urls["salesforce"]
        )
        client = HttpClient(connection, StaticAuth.bearer(org.issue_token()), ERRORS)
        yield SalesforceApi(client)
        await client.aclose()


def opportunity(org: SalesforceSimulator, **fields: str) -> str:
    """A deal of Globex."""
    return org.add(
        "Opportunity", Name="Globex", StageName="Closed Won", CloseDate="2026-11-20", **fields
    )


async def test_an_upsert_creates_once_and_then_updates(
    api: SalesforceApi, org: SalesforceSimulator
) -> None:
    """The same external id is the same record, also with a slash in it."""
    values = {"Name": "Globex", "StageName": "Open", "CloseDate": "2026-11-20"}

    first = await api.upsert("Opportunity", "Tieline_Key__c", "crm/deal/1", values)
    again = await api.upsert("Opportunity", "Tieline_Key__c", "crm/deal/1", {"Name": "Globex 2"})

    assert first == again
    assert org.record("Opportunity", first)["Name"] == "Globex 2"


async def test_an_external_id_of_several_records_is_reported(
    api: SalesforceApi, org: SalesforceSimulator
) -> None:
    """Nothing is written when the key is ambiguous."""
    for _ in range(2):
        opportunity(org, ERP_Order_Id__c="4711")

    with pytest.raises(DuplicateRecord):
        await api.upsert("Opportunity", "ERP_Order_Id__c", "4711", {"Name": "Globex"})


async def test_a_composite_writes_all_or_nothing(
    api: SalesforceApi, org: SalesforceSimulator
) -> None:
    """The error is the one of the part that failed, not of those it halted."""
    deal = opportunity(org)
    good = Subrequest(
        "PATCH", f"/sobjects/Opportunity/{deal}", "one", {"Activation_Status__c": "Active"}
    )
    bad = Subrequest("PATCH", f"/sobjects/Opportunity/{deal}", "two", {"NoSuch__c": "x"})

    with pytest.raises(Malformed, match="INVALID_FIELD"):
        await api.composite([good, bad])
    assert org.record("Opportunity", deal)["Activation_Status__c"] is None

    assert await api.composite([good]) == {"one": None}
    assert org.record("Opportunity", deal)["Activation_Status__c"] == "Active"


async def test_a_record_that_is_not_there_is_none(api: SalesforceApi) -> None:
    """A probe needs absence as an answer."""
    assert await api.record("Opportunity", "0065g00000GlobexIAQ", ["Id"]) is None


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "UNABLE_TO_LOCK_ROW", Busy),
        (400, "DUPLICATES_DETECTED", DuplicateRecord),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Rejected),
        (400, "REQUIRED_FIELD_MISSING", Rejected),
        (400, "MALFORMED_QUERY", Malformed),
        (401, "INVALID_SESSION_ID", Unauthorized),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", Unauthorized),
        (403, "REQUEST_LIMIT_EXCEEDED", RateLimited),
        (404, "NOT_FOUND", NotFound),
        (404, "ENTITY_IS_DELETED", NotFound),
    ],
)
def test_an_error_code_means_one_error(status: int, code: str, error: type[TielineError]) -> None:
    """The codes of the REST guide."""
    body = b'[{"message":"no","errorCode":"%s","fields":["Name"]}]' % code.encode()

    refused = error_for(Answer("PATCH", "/x", status, {}, body, True), ERRORS)

    assert type(refused) is error
    assert refused.details["code"] == code
    assert refused.details["param"] == "Name"
