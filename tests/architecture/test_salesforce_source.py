"""What is deployed into an org is whole, and is what the adapter expects to find there."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from standardwebhooks import Webhook

from adapters.salesforce.mapping import CHARGES, WRITE_BACK_FIELDS
from adapters.salesforce.renewals import LOOKUP_FIELD, READINESS_FIELDS
from adapters.salesforce.soql import (
    ACCOUNT_FIELDS,
    LINE_FIELDS,
    OPPORTUNITY_FIELDS,
    facts_query,
)
from adapters.salesforce.webhook import TYPES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "deploy" / "salesforce"
METADATA = SOURCE / "force-app" / "main" / "default"
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
EVENT = "Order_Closed_Won__e"


def root(path: Path) -> ElementTree.Element:
    """A metadata file."""
    return ElementTree.parse(path).getroot()


def texts(element: ElementTree.Element, path: str) -> list[str]:
    """The texts at a path, whose names are without namespace."""
    steps = "/".join(step if step == "." else NAMESPACE + step for step in path.split("/"))
    return [found.text or "" for found in element.findall(steps)]


def deployed(object_name: str) -> dict[str, ElementTree.Element]:
    """The custom fields of an object."""
    folder = METADATA / "objects" / object_name / "fields"
    return {path.name.split(".")[0]: root(path) for path in folder.iterdir()}


def custom(names: Iterator[str] | tuple[str, ...]) -> set[str]:
    """Those that an org does not have by itself."""
    return {name for name in names if name.endswith("__c")}


def apex(name: str) -> str:
    """The source of a class."""
    return (METADATA / "classes" / f"{name}.cls").read_text()


def constants(source: str) -> dict[str, str]:
    """The texts and numbers that a class gives a name."""
    found = re.findall(r"static final (?:String|Long) (\w+) = (?:'(.*)'|(\d+)L);", source)
    return {name: text or number for name, text, number in found}


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.xml")), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_every_file_is_metadata_under_its_own_name(path: Path) -> None:
    """Well-formed, in Salesforce's namespace; a field is called as its file is."""
    element = root(path)

    assert element.tag.startswith(NAMESPACE)
    if path.parent.name == "fields":
        assert texts(element, "fullName") == [path.name.split(".")[0]]


def test_the_project_is_deployable_source() -> None:
    """One package directory, and the API version that the adapter speaks."""
    project = json.loads((SOURCE / "sfdx-project.json").read_text())

    assert [d["path"] for d in project["packageDirectories"]] == ["force-app"]
    assert f"v{project['sourceApiVersion']}" == "v67.0"


def test_the_manifest_lists_everything_that_is_there() -> None:
    """And nothing else."""
    listed = {
        f"{name}/{member}"
        for types in root(SOURCE / "manifest" / "package.xml").findall(f"{NAMESPACE}types")
        for name in texts(types, "name")
        for member in texts(types, "members")
    }
    folders = {
        "classes": "ApexClass", "flows": "Flow", "permissionsets": "PermissionSet",
        "remoteSiteSettings": "RemoteSiteSetting",
    }  # fmt: skip
    there = {
        f"{kind}/{path.name.split('.')[0]}"
        for folder, kind in folders.items()
        for path in (METADATA / folder).iterdir()
    }
    for folder in (METADATA / "objects").iterdir():
        if folder.name.endswith(("__e", "__mdt")):
            there.add(f"CustomObject/{folder.name}")
        else:
            there |= {f"CustomField/{folder.name}.{name}" for name in deployed(folder.name)}

    assert listed == there


def test_the_fields_are_the_ones_that_orders_are_read_from_and_written_back_to() -> None:
    """None is missing in the org, none is superfluous."""
    facts = re.findall(r"\w+__c", facts_query("006000000000001AAA", multi_currency=False))

    assert deployed("Account").keys() == custom(ACCOUNT_FIELDS)
    assert deployed("OpportunityLineItem").keys() == custom(LINE_FIELDS)
    assert deployed("Opportunity").keys() == (
        custom(OPPORTUNITY_FIELDS) | set(WRITE_BACK_FIELDS) | set(facts) | set(READINESS_FIELDS)
    ) | {LOOKUP_FIELD}


def test_the_sales_order_is_a_unique_external_id() -> None:
    """Both marks are needed; a subscription may serve two deals, so it has only the first."""
    fields = deployed("Opportunity")
    marks = {
        name: (texts(field, "externalId"), texts(field, "unique")) for name, field in fields.items()
    }

    assert marks["ERP_Order_Id__c"] == (["true"], ["true"])
    assert marks["Billing_Subscription_Id__c"] == (["true"], ["false"])


def test_the_charge_types_are_the_ones_that_can_be_billed() -> None:
    """Another value cannot be picked."""
    field = deployed("OpportunityLineItem")["Charge_Type__c"]

    assert texts(field, "valueSet/restricted") == ["true"]
    assert texts(field, "valueSet/valueSetDefinition/value/fullName") == list(CHARGES)


def test_the_event_has_the_fields_that_the_subscriber_reads() -> None:
    """By the names in the code."""
    source = (ROOT / "adapters" / "salesforce" / "pubsub" / "hints.py").read_text()
    subscriber = (ROOT / "adapters" / "salesforce" / "pubsub" / "subscriber.py").read_text()

    assert deployed(EVENT).keys() == set(re.findall(r'"(\w+__c)"', source))
    assert f"/event/{EVENT}" in subscriber
    event = root(METADATA / "objects" / EVENT / f"{EVENT}.object-meta.xml")
    assert texts(event, "eventType") == ["HighVolume"]
    # Published in the transaction it would tell of deals whose winning was rolled back.
    assert texts(event, "publishBehavior") == ["PublishAfterCommit"]


def test_the_flow_runs_when_a_deal_becomes_won_and_publishes_every_field() -> None:
    """Also when it is created as won; then it sends the callout, whatever became of the event."""
    flow = root(METADATA / "flows" / "Tieline_Closed_Won.flow-meta.xml")

    assert texts(flow, "status") == ["Active"]
    assert texts(flow, "start/object") == ["Opportunity"]
    assert texts(flow, "start/triggerType") == ["RecordAfterSave"]
    assert texts(flow, "start/recordTriggerType") == ["CreateAndUpdate"]
    assert texts(flow, "start/filters/field") == ["IsWon"]
    assert texts(flow, "start/doesRequireRecordChangedToMeetCriteria") == ["true"]
    assert texts(flow, "recordCreates/object") == [EVENT]
    assert set(texts(flow, "recordCreates/inputAssignments/field")) == deployed(EVENT).keys()
    assert texts(flow, "recordCreates/faultConnector/targetReference") == ["Send_Callout"]
    assert texts(flow, "actionCalls/actionName") == ["TielineCallout"]
    (variable,) = re.findall(r"@InvocableVariable.*\n\s+public Id (\w+);", apex("TielineCallout"))
    assert texts(flow, "actionCalls/inputParameters/name") == [variable]


def test_the_flow_makes_the_id_of_the_callout() -> None:
    """From the id of 18 characters and the stamp as the REST API writes it."""
    flow = root(METADATA / "flows" / "Tieline_Closed_Won.flow-meta.xml")
    formulas = dict(
        zip(texts(flow, "formulas/name"), texts(flow, "formulas/expression"), strict=True)
    )

    assert formulas["EventId"] == '"sf:" & CASESAFEID({!$Record.Id}) & ":" & {!Modstamp}'
    # A formula writes 2026-11-22 11:59:30Z.
    steps = re.findall(r'"([^"]*)", "([^"]*)"', formulas["Modstamp"])
    stamp = "2026-11-22 11:59:30Z"
    for old, new in steps:
        stamp = stamp.replace(old, new)
    assert stamp == "2026-11-22T11:59:30.000+0000"


def test_the_user_that_tieline_runs_as_reads_all_fields_and_sets_eight() -> None:
    """Least privilege: what is written back, and nothing else."""
    granted = root(METADATA / "permissionsets" / "Tieline_Integration.permissionset-meta.xml")
    fields = {
        texts(p, "field")[0]: texts(p, "editable") == ["true"]
        for p in granted.findall(f"{NAMESPACE}fieldPermissions")
    }
    needed = {
        f"{name}.{field}"
        for name in ("Account", "Opportunity", "OpportunityLineItem")
        for field in deployed(name)
    }

    assert needed <= fields.keys()
    assert {name for name, editable in fields.items() if editable} == {
        f"Opportunity.{field}" for field in (*WRITE_BACK_FIELDS, *READINESS_FIELDS)
    }
    assert "true" not in texts(granted, "objectPermissions/modifyAllRecords")
    assert "true" not in texts(granted, "objectPermissions/allowDelete")


def test_apex_signs_id_timestamp_and_body() -> None:
    """The base string of Standard Webhooks, in HMAC-SHA256 under the decoded secret."""
    source = " ".join(apex("TielineSignature").split())

    assert "return id + '.' + String.valueOf(timestamp) + '.' + body;" in source
    assert "Crypto.generateMac('HmacSHA256', Blob.valueOf(text), key)" in source
    assert "EncodingUtil.base64Decode(secret.removeStart(PREFIX))" in source
    assert constants(apex("TielineSignature"))["PREFIX"] == "whsec_"
    assert "'v1,' + sign(baseString(id, timestamp, body), secret.trim())" in source


def test_the_signature_that_apex_is_tested_against_is_the_librarys() -> None:
    """With an id, a time and a body that is not ASCII."""
    given = constants(apex("TielineCalloutTest"))
    at = datetime.fromtimestamp(int(given["SAMPLE_TIMESTAMP"]), UTC)

    signed = Webhook(given["SECRET"]).sign(given["SAMPLE_ID"], at, given["SAMPLE_BODY"])

    assert signed == given["SAMPLE_SIGNATURE"]
    assert not given["SAMPLE_BODY"].isascii()


def test_the_callout_says_what_is_verified() -> None:
    """The three headers, the type and the four facts."""
    source = apex("TielineCallout")

    headers = set(re.findall(r"setHeader\(\s*'([a-z-]+)'", source))
    keys = set(re.findall(r"'(\w+)' =>", source))
    assert headers == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert keys == {
        "type", "timestamp", "data", "opportunity_id", "organization_id", "system_modstamp",
        "environment",
    }  # fmt: skip
    assert set(re.findall(r"'type' => '([\w.]+)'", source)) == TYPES
    assert "'sf:' + String.valueOf(deal18) + ':' + changed + '+0000'" in source


def test_no_secret_is_deployed() -> None:
    """Only those of the Apex test are here, and they sign nothing."""
    files = [path for path in SOURCE.rglob("*") if path.is_file()]
    secrets = re.compile(r"whsec_[A-Za-z0-9+/=]{8,}")

    holders = {path.name for path in files if secrets.search(path.read_text())}

    assert holders == {"TielineCalloutTest.cls"}
    assert not list(METADATA.glob("customMetadata/*"))
