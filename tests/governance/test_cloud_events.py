"""The envelope: what we send is a CloudEvent to the library that everybody else uses (R93)."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from canonical.connections import Environment
from canonical.events import OutboxEvent
from governance.schemas import envelope_schema

OWN = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
BODY = {"connection": "stripe-us", "external_id": "in_globex", "severity": "", "nested": [1, None]}


def posted(**facts: Any) -> OutboxEvent:
    """Globex's invoice was posted."""
    given: dict[str, Any] = {
        "position": 7,
        "id": "ev-1",
        "type": "invoice.posted",
        "source": "stripe-us",
        "subject": "invoice/in_globex",
        "occurred_at": datetime(2026, 7, 1, 9, tzinfo=UTC),
        "correlation_id": "tl-1",
        "causation_id": "stripe-us/evt_1",
        "legal_entity": "US01",
        "environment": Environment.LIVE,
        "body": BODY,
    }
    return OutboxEvent.model_validate(given | facts)


def parsed(event: OutboxEvent) -> BaseCloudEvent:
    """The event as the library reads it from a message."""
    return JSONFormat().read(None, json.dumps(event.cloud_event()))


def test_an_event_goes_out_as_it_came_about() -> None:
    """Every attribute of the envelope, and the data, read back by the library."""
    event = posted()

    seen = parsed(event)

    assert seen.get_attributes() | {"time": event.occurred_at} == {
        "specversion": "1.0",
        "id": "ev-1",
        "type": "invoice.posted",
        "source": "/tieline/live/stripe-us",
        "subject": "invoice/in_globex",
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "dataschema": "urn:tieline:event:invoice.posted:v1",
        "eventversion": 1,
        "environment": "live",
        "correlationid": "tl-1",
        "causationid": "stripe-us/evt_1",
        "legalentity": "US01",
    }
    assert seen.get_time() == event.occurred_at
    assert seen.get_data() == BODY
    assert json.loads(JSONFormat().write(seen)) == event.cloud_event()


def test_names_of_extensions_fit_every_transport() -> None:
    """Lower-case letters and digits, at most 20."""
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in posted().cloud_event())


def test_what_an_event_does_not_have_is_left_out() -> None:
    """An empty attribute is none: the specification knows no empty strings."""
    bare = posted(correlation_id="", causation_id="", legal_entity="", source="").cloud_event()

    assert not {"correlationid", "causationid", "legalentity"} & bare.keys()
    assert bare["source"] == "/tieline/live"
    assert all(value != "" for value in bare.values())


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 7, 1, 9, tzinfo=UTC), "2026-07-01T09:00:00Z"),
        (datetime(2026, 7, 1, 9, 0, 0, 250_000, tzinfo=UTC), "2026-07-01T09:00:00.250000Z"),
        (datetime(2026, 7, 1, 9, tzinfo=timezone(timedelta(hours=2))), "2026-07-01T07:00:00Z"),
    ],
)
def test_time_is_told_in_utc(at: datetime, told: str) -> None:
    """RFC 3339, whatever zone it was given in."""
    assert posted(occurred_at=at).cloud_event()["time"] == told


@pytest.mark.parametrize(
    "wrong", [{"occurred_at": datetime(2026, 7, 1)}, {"id": ""}, {"subject": ""}]
)
def test_what_could_not_be_sent_is_not_accepted(wrong: dict[str, Any]) -> None:
    """A time without a zone, an event without an id or subject."""
    with pytest.raises(ValidationError):
        posted(**wrong)


def test_a_source_is_a_uri_reference_whatever_the_name() -> None:
    """A blank in a name does not break the reader."""
    assert (
        posted(source="file drop/ä").cloud_event()["source"] == "/tieline/live/file%20drop/%C3%A4"
    )


NAMES = st.text(max_size=20)
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.timezones())


@settings(deadline=None)
@given(at=INSTANTS, source=NAMES, subject=st.text(min_size=1), entity=NAMES)
def test_any_event_is_a_cloud_event_by_the_library_and_by_our_schema(
    at: datetime, source: str, subject: str, entity: str
) -> None:
    """Whatever a system calls its records."""
    event = posted(occurred_at=at, source=source, subject=subject, legal_entity=entity)
    seen = parsed(event)

    assert RFC3339.fullmatch(event.cloud_event()["time"])
    assert seen.get_time() == at.astimezone(UTC)
    assert (seen.get_subject(), seen.get_extension("legalentity") or "") == (subject, entity)
    assert not list(Draft202012Validator(envelope_schema()).iter_errors(event.cloud_event()))
    assert set(envelope_schema()["properties"]) >= OWN | event.cloud_event().keys()
