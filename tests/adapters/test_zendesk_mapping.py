"""What Zendesk is sent and how its answers are read, without a network."""

from typing import Any

import orjson
import pytest

from adapters.http import Answer, error_for
from adapters.zendesk.errors import ZENDESK_ERRORS
from adapters.zendesk.mapping import (
    entitled_tags,
    from_zendesk_organization,
    is_entitled,
    shows,
    tier_value,
    to_zendesk_organization,
    to_zendesk_withdrawal,
)
from canonical.errors import (
    Busy,
    DuplicateRecord,
    Malformed,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TielineError,
    Unauthorized,
)
from tests.adapters.contracts.port import GLOBEX
from tests.adapters.contracts.support import ENTITLEMENT_STAMP, GLOBEX_PREMIUM

STANDING: dict[str, Any] = {
    "id": 99,
    "external_id": GLOBEX,
    "tags": ["vip", "tier_premium", "tieline"],
    "organization_fields": {
        "support_tier": "premium",
        "entitlement_end": "2027-03-31T00:00:00+00:00",
        "tieline_correlation": "tl-globex-4711",
        "region": "emea",
    },
}


def test_an_entitlement_in_zendesks_words() -> None:
    """Tier, end date, account and correlation in fields; tags merged; no domain names at all."""
    existing = {"tags": ["vip", "tier_standard", "tieline"]}

    assert to_zendesk_organization(GLOBEX_PREMIUM, existing, ENTITLEMENT_STAMP) == {
        "external_id": GLOBEX,
        "name": "Globex Corporation",
        "organization_fields": {
            "support_tier": "premium",
            "entitlement_end": "2027-03-31",
            "sf_account_id": GLOBEX,
            "tieline_correlation": "tl-globex-4711",
        },
        "tags": ["vip", "tieline", "tier_premium"],
    }


def test_a_withdrawal_leaves_everybody_elses_tags() -> None:
    """Only the tier goes; the organization stays ours."""
    assert to_zendesk_withdrawal(STANDING, ENTITLEMENT_STAMP) == {
        "organization_fields": {
            "support_tier": None,
            "entitlement_end": None,
            "tieline_correlation": "tl-globex-4711",
        },
        "tags": ["vip", "tieline"],
    }


@pytest.mark.parametrize(
    ("tier", "value"), [("premium", "premium"), ("Premium Plus", "premium_plus"), ("24/7", "24_7")]
)
def test_tiers_are_written_as_tags_allow(tier: str, value: str) -> None:
    """Dropdown values and tags are lower case, without spaces."""
    assert tier_value(tier) == value
    assert entitled_tags({}, tier) == ["tieline", f"tier_{value}"]


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({}, True),
        ({"tags": ["tieline", "tier_premium"]}, True),
        ({"tags": ["tieline"]}, False),
        ({"tags": ["tieline", "tier_premium", "tier_standard"]}, False),
        ({"organization_fields": {**STANDING["organization_fields"], "support_tier": None}}, False),
        ({"organization_fields": None}, False),
    ],
)
def test_an_entitlement_stands_with_its_fields_and_its_tag(
    change: dict[str, Any], standing: bool
) -> None:
    """Dates are compared as dates, foreign tags and fields are nobody's business."""
    assert shows({**STANDING, **change}, GLOBEX_PREMIUM, ENTITLEMENT_STAMP) is standing


def test_a_tag_alone_is_still_an_entitlement_to_withdraw() -> None:
    """An SLA policy may match by either."""
    assert is_entitled({"id": 1, "tags": ["tier_premium"], "organization_fields": {}})
    assert not is_entitled({"id": 1, "tags": ["tieline"], "organization_fields": {}})


def test_a_reference_keeps_tier_and_external_id() -> None:
    """What is worth showing an operator."""
    ref = from_zendesk_organization(STANDING)

    assert (ref.id, ref.detail) == ("99", {"external_id": GLOBEX, "tier": "premium"})


DUPLICATE = {
    "error": "RecordInvalid",
    "description": "Record validation errors",
    "details": {
        "base": [{"description": "Support tier: x is not a valid value", "error": "InvalidValue"}],
        "name": [{"description": "Name: Globex has been taken", "error": "DuplicateValue"}],
    },
}


@pytest.mark.parametrize(
    ("status", "body", "error", "about"),
    [
        (401, {"error": "Couldn't authenticate you"}, Unauthorized, ""),
        (403, {"error": {"title": "Forbidden", "message": "no access"}}, Unauthorized, ""),
        (401, {"error": "invalid_client"}, Unauthorized, ""),
        (404, {"error": "RecordNotFound", "description": "Not found"}, NotFound, ""),
        (404, {"error": "InvalidEndpoint"}, Malformed, ""),
        (409, {"error": "Conflict"}, Busy, ""),
        (422, DUPLICATE, DuplicateRecord, "name"),
        (422, {"error": "RecordInvalid", "details": {"base": [{}]}}, Rejected, "base"),
        (422, {"error": "RecordInvalid"}, Rejected, ""),
        (400, {"error": "TooManyValues"}, Malformed, ""),
        (429, {"error": "APIRateLimitExceeded"}, RateLimited, ""),
        (500, "not even JSON we know", OutcomeUnknown, ""),
    ],
)
def test_what_zendesk_refuses_has_one_meaning(
    status: int, body: Any, error: type[TielineError], about: str
) -> None:
    """The table of the vendor's documented errors."""
    path = "/api/v2/organizations/create_or_update"
    refusal = Answer("POST", path, status, {}, orjson.dumps(body), write=True)

    raised = error_for(refusal, ZENDESK_ERRORS)

    assert type(raised) is error
    assert raised.about == about
