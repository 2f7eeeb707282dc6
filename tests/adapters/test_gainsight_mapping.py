"""What Gainsight is sent and how its answers are read, without a network."""

from typing import Any

import orjson
import pytest

from adapters.gainsight.api import rows_of
from adapters.gainsight.errors import GAINSIGHT_ERRORS, failures
from adapters.gainsight.mapping import (
    OnboardingStyle,
    from_gainsight_cta,
    is_closed,
    to_gainsight_company,
    to_gainsight_cta,
    where,
)
from adapters.http import Answer, error_for
from canonical.errors import (
    Malformed,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
)
from tests.adapters.contracts.port import GLOBEX, GLOBEX_DEAL
from tests.adapters.contracts.success import COMPANY_STAMP, GLOBEX_ONBOARDING, ONBOARDING_STAMP

STYLE = OnboardingStyle(
    "csm@acme.example", "Lifecycle", "Onboarding", "New", "Medium", "Closed No Action"
)


def envelope(status: int, code: str | None = None, data: Any = None) -> Answer:
    """An answer to a write in Gainsight's envelope."""
    body = {"result": code is None, "errorCode": code, "errorDesc": code and "no", "data": data}
    return Answer("POST", "/v2/cockpit/cta", status, {}, orjson.dumps(body), write=True)


def test_a_company_in_gainsights_words() -> None:
    """Account id, tier and legal entity in the tenant's own fields, with our key."""
    assert to_gainsight_company(GLOBEX_ONBOARDING, COMPANY_STAMP) == {
        "Name": "Globex Corporation",
        "SFDC_Account_Id__gc": GLOBEX,
        "Support_Tier__gc": "premium",
        "Legal_Entity__gc": "Acme Inc",
        "Tieline_Key__gc": COMPANY_STAMP.key,
        "Tieline_Correlation__gc": "tl-globex-4711",
    }


def test_an_onboarding_in_gainsights_words() -> None:
    """The effect's key is the reference; what the CSM must know is in the comments."""
    assert to_gainsight_cta(GLOBEX_ONBOARDING, "1P02GLOBEX", STYLE, ONBOARDING_STAMP) == {
        "referenceId": ONBOARDING_STAMP.token,
        "Name": "Onboarding: Globex platform, three years",
        "CompanyId": "1P02GLOBEX",
        "OwnerEmail": "csm@acme.example",
        "DueDate": "2026-04-15",
        "type": "Lifecycle",
        "reason": "Onboarding",
        "status": "New",
        "priority": "Medium",
        "Comments": "Globex platform, three years: 16,000.10 USD, support tier premium, "
        f"Acme Inc, opportunity {GLOBEX_DEAL}.",
        "External_Ref__gc": ONBOARDING_STAMP.key,
        "Tieline_Correlation__gc": "tl-globex-4711",
    }


def test_a_where_clause_joins_its_conditions() -> None:
    """The object API says `name`, the cockpit says `fieldName`."""
    assert where("fieldName", CompanyId="1P02", External_Ref__gc="k") == {
        "conditions": [
            {"fieldName": "CompanyId", "alias": "A", "value": ["1P02"], "operator": "EQ"},
            {"fieldName": "External_Ref__gc", "alias": "B", "value": ["k"], "operator": "EQ"},
        ],
        "expression": "A AND B",
    }


@pytest.mark.parametrize(
    ("shown", "closed"),
    [(True, True), ("true", True), (False, False), ("false", False), (None, False)],
)
def test_closed_is_read_from_json_and_from_text(shown: Any, closed: bool) -> None:
    """The list API has shown both."""
    assert is_closed({"IsClosed": shown}) is closed


def test_an_onboarding_row_names_its_order() -> None:
    """By the effect's key, or by whatever else stands in the field."""
    ours = from_gainsight_cta({"Gsid": "1S01", "External_Ref__gc": ONBOARDING_STAMP.key})
    foreign = from_gainsight_cta({"Gsid": "1S02", "External_Ref__gc": "by hand"})

    assert (ours.business_id, foreign.business_id) == (GLOBEX_DEAL, "by hand")


@pytest.mark.parametrize(
    "data",
    [[{"Gsid": "1"}], {"count": 1, "records": [{"Gsid": "1"}]}, {"records": [{"Gsid": "1"}, 7]}],
)
def test_rows_come_bare_or_under_records(data: Any) -> None:
    """The documented samples show both."""
    assert rows_of(data) == [{"Gsid": "1"}]


def test_a_batch_tells_each_of_its_failures() -> None:
    """Cockpit writes code and text into one string, objects keep them apart."""
    cockpit = {"data": {"success": [], "failure": [{"r1": "COCKPIT_9700: Invalid value"}]}}
    objects = {"data": {"errors": [{"errorCode": "GSOBJ_1013", "errorDesc": "No match"}]}}

    assert [(f.code, f.message) for f in failures(cockpit)] == [("COCKPIT_9700", "Invalid value")]
    assert [f.code for f in failures(objects)] == ["GSOBJ_1013"]
    assert failures({"data": {"count": 1, "errors": None}}) == []
    assert failures({"data": [{"Gsid": "1"}]}) == []


PARTIAL = {"success": [], "failure": [{"tl_1": "COCKPIT_6007: Invalid CTA gsid"}]}


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (envelope(401, "GS_APIG_2401"), Unauthorized),
        (envelope(403, "GS_APIG_2402"), Unauthorized),
        (envelope(400, "GSOBJ_1024"), Unauthorized),
        (envelope(404, "GS_APIG_1000"), Malformed),
        (envelope(400, "GSOBJ_1011"), NotFound),
        (envelope(200, "GSOBJ_1013"), NotFound),
        (envelope(400, "GSOBJ_1007"), Misconfigured),
        (envelope(400, "GSOBJ_1005"), Malformed),
        (envelope(400, "COCKPIT_5101"), Malformed),
        (envelope(200, "COCKPIT_9700"), Rejected),
        (envelope(200, "COCKPIT_1234"), Rejected),
        (envelope(200, None, PARTIAL), NotFound),
        (envelope(429, "GU_2400"), RateLimited),
        (envelope(200, "GU_2400"), RateLimited),
        (envelope(500, "GU_1101"), OutcomeUnknown),
        (envelope(200, "GU_1101"), OutcomeUnknown),
    ],
)
def test_what_gainsight_refuses_has_one_meaning(refusal: Answer, error: type[TielineError]) -> None:
    """The table of the vendor's documented errors, failures inside a 200 included."""
    assert type(error_for(refusal, GAINSIGHT_ERRORS)) is error
