"""The event catalogue: every event has an owner, is told and taken by somebody, and is urgent or
not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from canonical.events import EVENT_DATA
from canonical.facts import READ_AS, Kind
from canonical.inbound import BACKFILL_PRIORITY, NORMAL_PRIORITY
from governance.catalogue import load_catalogue
from governance.consistency import newest_versions
from governance.events import EFFECTS, INTAKE, Event, Events, Status
from workers.registry import WORKFLOWS
from workflows.process import Process
from workflows.watching import Watching

CATALOGUE = load_catalogue()
EVENTS = CATALOGUE.events
REQUIRED = [
    "customer.created", "opportunity.closed_won", "contract.activated", "contract.amended",
    "invoice.posted", "invoice.overdue", "payment.received", "case.escalated",
    "case.severity_changed", "implementation.completed", "milestone.completed",
    "renewal.window_opened",
]  # fmt: skip


def event(**facts: Any) -> Event:
    """An event that is fine but for what is given."""
    fine = {"version": 1, "meaning": "x", "owner": "csm", "producer": "intake"}
    return Event.model_validate(fine | {"data_classes": ["internal"], "retention_days": 1} | facts)


@pytest.mark.parametrize("name", REQUIRED)
def test_the_twelve_events_of_the_requirements_have_an_entry(name: str) -> None:
    """Each with somebody who answers for it and somebody who takes it (R53, R54, R99)."""
    assert EVENTS.events[name].owner in CATALOGUE.policies.roles
    assert EVENTS.events[name].consumers


def test_the_catalogue_has_the_events_that_this_release_tells_and_no_others() -> None:
    """At their newest versions."""
    assert {name: one.version for name, one in EVENTS.events.items()} == newest_versions()


def test_an_event_that_follows_from_a_record_is_told_by_who_reads_it() -> None:
    """And what our own writes bring about follows from no record."""
    for name, one in EVENTS.events.items():
        if one.producer == EFFECTS:
            assert one.kind is None, name
        if one.producer == INTAKE and one.status is Status.ACTIVE:
            assert one.kind is not None, name


def test_every_kind_of_record_tells_something() -> None:
    """Nothing is read for nobody; what has no facts of its own is read as something that has."""
    read = {READ_AS.get(kind, kind) for kind in Kind}
    assert {one.kind for one in EVENTS.events.values()} == read | {None}


def test_a_process_is_a_consumer_of_what_its_workflow_understands() -> None:
    """The catalogue and the workflow say the same, and its trigger is among it."""
    for workflow in WORKFLOWS:
        name = getattr(workflow, "__temporal_workflow_definition").name
        if not issubclass(workflow, Process) or name not in CATALOGUE.processes.processes:
            continue
        process = CATALOGUE.processes.processes[name]
        consumed = set(EVENTS.consumed_by(name))
        assert consumed >= {process.trigger, *workflow.milestones_by_event}
        # To one that watches an account or a contract, every event is a reason to look.
        assert issubclass(workflow, Watching) or len(consumed) == 1 + len(
            workflow.milestones_by_event
        )


def test_activation_and_the_close_of_a_period_go_before_the_rest_and_backfill_last() -> None:
    """Temporal's priorities: 1 goes first."""
    rank = {kind: EVENTS.priority_of(kind) for kind in Kind}

    assert rank[Kind.OPPORTUNITY] < rank[Kind.INVOICE] < rank[Kind.CONTRACT]
    assert rank[Kind.DISPUTE] == rank[Kind.INVOICE]
    assert max(one.priority for one in EVENTS.events.values()) < BACKFILL_PRIORITY
    assert EVENTS.priority_of("") == EVENTS.priority_of("unheard-of") == NORMAL_PRIORITY


def test_an_event_that_is_leaving_says_since_when_and_what_comes_instead() -> None:
    """A deprecation without a date is a rumour."""
    gone = event(status="deprecated", deprecated_on="2026-12-31", replaced_by="case.closed")

    assert Events(events={"case.solved": gone, "case.closed": event()}).events["case.closed"]
    assert gone.released and not event(status="draft").released
    for refused in ({"status": "retired"}, {"replaced_by": "case.closed"}):
        with pytest.raises(ValidationError):
            event(**refused)
    with pytest.raises(ValidationError, match="no other event"):
        Events(events={"case.closed": gone})


@pytest.mark.parametrize("name", ["invoice.post", "Invoice.posted", "posted", "case.escalate"])
def test_a_name_that_is_no_noun_with_a_verb_in_the_past_is_refused(name: str) -> None:
    """Events are facts, not commands."""
    with pytest.raises(ValidationError):
        Events(events={name: event()})


def test_names_of_events_can_be_levels_of_a_nats_subject() -> None:
    """Two levels of plain letters."""
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+", name) for name, _ in EVENT_DATA)


def test_activation_and_invoice_are_expected_in_time() -> None:
    """After the order, and after the activation."""
    expected = CATALOGUE.expectations.expectations
    activation, invoice = expected["activation-after-order"], expected["invoice-after-activation"]

    assert (activation.after, activation.then) == ("order_accepted", "subscription_activated")
    assert (invoice.after, invoice.then) == ("subscription_activated", "invoice_posted")
    assert activation.within == timedelta(hours=1) < invoice.within


@pytest.mark.parametrize(
    ("cause", "owner"),
    [
        ("CursorBehind", "integration-admin"),
        ("CountMismatch", "integration-admin"),
        ("EventMissing", "finance-ops"),
        ("DeadLetters", "integration-admin"),
    ],
)
def test_what_has_not_come_in_has_an_owner_who_reads_again_or_has_looked(
    cause: str, owner: str
) -> None:
    """There is nothing to amend and nothing to cancel."""
    policies = CATALOGUE.policies

    assert policies.owner_of(cause, "watch_intake") == owner
    assert policies.actions_for(cause, "watch_intake", gates=False) == ["retry", "skip"]
