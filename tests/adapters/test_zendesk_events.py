"""Zendesk as a source of events, over real HTTP, against the stand-in of Zendesk Support."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.registry import connect_events
from adapters.zendesk.events import ZendeskEvents
from adapters.zendesk.pace import ExportPace, pace_of
from canonical.connections import Connection, Role
from canonical.errors import CursorExpired, Malformed, Misconfigured, RateLimited
from canonical.facts import CaseFacts
from canonical.inbound import InboundEvent
from simulators.kernel import Simulator
from simulators.zendesk import ZendeskSimulator
from tests.adapters.contracts.events import LONG_AGO
from tests.adapters.contracts.intake import DriftContract, GapContract

EMAIL = "tieline@acme.example"
GLOBEX = "0015g00000GlobexAAA"
MORE_THAN_EXCLUDED = 61.0


def settled(simulator: ZendeskSimulator) -> None:
    """Let the minute pass that exports leave out."""
    simulator.moved_seconds += MORE_THAN_EXCLUDED


class TestZendeskEvents(DriftContract, GapContract):
    """Zendesk keeps the contract by its incremental cursor export."""

    stream = "tickets"
    feed_path = "/incremental/tickets/cursor"
    identifying, needed = "updated_at", "priority"

    @pytest.fixture
    def simulator(self) -> Simulator:
        return ZendeskSimulator(api_tokens={EMAIL: "api-token"})

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        monkeypatch.setenv("ZENDESK_API_TOKEN", "api-token")
        return Connection(
            name="main",
            role=Role.SUPPORT,
            vendor="zendesk",
            base_url=url,
            secrets={"api_token": "env:ZENDESK_API_TOKEN"},
            options={"email": EMAIL, "exports_per_minute": "1000"},
        )

    def source(self, connection: Connection) -> ZendeskEvents:
        return ZendeskEvents.from_connection(connection, page_size=self.page_size)

    async def change(self, simulator: Any, number: int) -> str:
        """Number 0 is ticket 1: raise its priority, or have it opened."""
        known = sorted(simulator.account.tickets.records)
        if number < len(known):
            ticket = simulator.change_ticket(id=known[number], priority="urgent")
        else:
            ticket = simulator.change_ticket(subject="Globex cannot log in", priority="high")
        settled(simulator)
        return str(ticket["id"])

    async def forget(self, simulator: Any) -> None:
        simulator.desk.export.forget()

    async def hint(self, events: Any, subject: str) -> InboundEvent:
        """The newest hint of a ticket."""
        found, _, _ = await self.told(events, self.beginning(events))
        return max((e for e in found if e.subject == subject), key=lambda e: e.version)

    async def test_the_id_names_the_ticket_and_its_version(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """So the same state of a ticket is one event, whenever it is exported."""
        ticket = simulator.change_ticket(subject="Globex cannot log in")
        settled(simulator)

        found = await self.hint(events, str(ticket["id"]))

        assert found.event_id == f"zd:{ticket['id']}:{ticket['updated_at']}"
        assert found.version == ticket["updated_at"]
        assert b"log in" not in found.body

    async def test_the_last_minute_is_not_told_and_not_lost(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """The export leaves it out; the page says up to when it is complete."""
        before = datetime.now(UTC)
        ticket = simulator.change_ticket(subject="Initech's printer is on fire")

        found, cursor, read_up_to = await self.told(events, self.beginning(events))
        settled(simulator)
        later, _, _ = await self.told(events, cursor)

        assert found == []
        assert read_up_to <= before - timedelta(seconds=60) + timedelta(seconds=5)
        assert [event.subject for event in later] == [str(ticket["id"])]

    async def test_a_poll_that_begins_now_is_not_too_recent_for_zendesk(
        self, events: ZendeskEvents
    ) -> None:
        """A start within the last minute is refused there, so an earlier one is asked for."""
        page = await events.changes("tickets", events.start("tickets", datetime.now(UTC)))

        assert page.events == []
        assert not page.more

    async def test_a_system_update_is_the_same_event_again(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """Zendesk exports a ticket again whose own time of change stands still."""
        subject = await self.change(simulator, 0)
        before, cursor, _ = await self.told(events, self.beginning(events))
        simulator.tickets.touch(int(subject))
        settled(simulator)

        again, _, _ = await self.told(events, cursor)

        assert [event.event_id for event in again] == [event.event_id for event in before]

    async def test_a_deleted_ticket_is_kept_and_nothing_follows(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """There is nothing left to read, and a deletion is no event of ours."""
        subject = await self.change(simulator, 0)
        simulator.tickets.delete(int(subject))
        settled(simulator)

        found, _, _ = await self.told(events, self.beginning(events))
        now = datetime.now(UTC)
        census = await events.census("tickets", now - LONG_AGO, now + timedelta(minutes=5))

        assert [(event.type, event.kind) for event in found] == [("ticket.deleted", "")]
        assert census == {}

    async def test_a_ticket_is_read_as_a_case_of_its_customer(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """Severity is the priority, the account the organization's external id."""
        simulator.directory.organizations.create({"name": "Globex", "external_id": GLOBEX})
        opened = simulator.change_ticket(organization=GLOBEX, priority="high")
        settled(simulator)
        simulator.change_ticket(id=opened["id"], tags=["escalated", "vip"], status="open")
        settled(simulator)

        facts = await events.read(await self.hint(events, str(opened["id"])))

        assert isinstance(facts, CaseFacts)
        assert facts.account_id == GLOBEX
        assert (facts.severity, facts.status, facts.escalated) == ("high", "open", True)
        assert facts.opened_at == datetime.fromisoformat(opened["created_at"])
        assert facts.solved_at is None

    async def test_a_case_without_customer_and_priority_is_a_case(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """Many tickets have neither at first."""
        ticket = simulator.change_ticket(subject="Who are you?")
        settled(simulator)

        facts = await events.read(await self.hint(events, str(ticket["id"])))

        assert (facts.account_id, facts.severity, facts.escalated) == ("", "", False)

    async def test_a_solved_case_says_when_although_it_changed_since(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """The ticket's metrics tell it; the ticket's own time is that of the last change."""
        subject = await self.change(simulator, 0)
        solved = simulator.change_ticket(id=int(subject), status="solved")
        settled(simulator)
        simulator.change_ticket(id=int(subject), tags=["survey_sent"])
        settled(simulator)

        facts = await events.read(await self.hint(events, subject))

        assert facts.solved_at == datetime.fromisoformat(solved["updated_at"])
        assert facts.changed_at > facts.solved_at

    @pytest.mark.parametrize(
        ("options", "ticket", "escalated"),
        [
            ({}, {"tags": ["escalated"]}, True),
            ({}, {"type": "problem"}, False),
            ({"escalated_tag": "exec"}, {"tags": ["escalated"]}, False),
            ({"escalated_tag": "exec"}, {"tags": ["exec"]}, True),
            ({"escalated_type": "problem"}, {"type": "problem"}, True),
        ],
    )
    async def test_what_escalated_means_is_the_desks_own_rule(
        self,
        connection: Connection,
        simulator: ZendeskSimulator,
        options: dict[str, str],
        ticket: dict[str, Any],
        escalated: bool,
    ) -> None:
        """A tag, or a ticket type."""
        opened = simulator.change_ticket(**ticket)
        settled(simulator)
        changed = connection.model_copy(update={"options": connection.options | options})
        events = self.source(changed)
        try:
            facts = await events.read(await self.hint(events, str(opened["id"])))
        finally:
            await events.aclose()

        assert facts.escalated is escalated

    async def test_a_cursor_that_is_none_is_expired(self, events: ZendeskEvents) -> None:
        """Whatever was kept, the way back is the same."""
        for cursor in ("", "yesterday", "start:soon", "cursor:", "cursor:!!"):
            with pytest.raises(CursorExpired):
                await events.changes("tickets", cursor)

    async def test_a_backfill_stops_at_the_end_of_its_window(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """What changed later is for the feed."""
        first = await self.change(simulator, 0)
        until = datetime.fromtimestamp(simulator.now(), UTC)
        simulator.moved_seconds += 3600
        later = await self.change(simulator, 1)

        found = [e async for e in events.backfill("tickets", until - LONG_AGO, until)]

        assert [event.subject for event in found] == [first]
        assert later not in await events.census("tickets", until - LONG_AGO, until)

    async def test_a_field_that_is_gone_is_malformed_and_a_new_one_is_nothing(
        self, events: ZendeskEvents, simulator: ZendeskSimulator
    ) -> None:
        """Drift is said aloud, at the feed and at the record."""
        subject = await self.change(simulator, 0)
        hint = await self.hint(events, subject)
        ticket = simulator.account.tickets.records[int(subject)]
        ticket["mood"] = "cheerful"
        assert (await events.read(hint)).id == subject

        del ticket["priority"]
        with pytest.raises(Malformed):
            await events.read(hint)
        del ticket["updated_at"]
        with pytest.raises(Malformed):
            await self.told(events, self.beginning(events))

    async def test_exports_stay_within_their_own_limit(self, connection: Connection) -> None:
        """Ten a minute, refused here rather than there, where it would pause the account."""
        options = connection.options | {"exports_per_minute": "1"}
        events = self.source(connection.model_copy(update={"options": options}))
        try:
            await events.changes("tickets", self.beginning(events))
            with pytest.raises(RateLimited) as limited:
                await events.changes("tickets", self.beginning(events))
        finally:
            await events.aclose()

        assert 0 < (limited.value.retry_after_seconds or 0) <= 60

    async def test_there_is_one_stream(self, events: ZendeskEvents) -> None:
        """Another is a mistake in a schedule."""
        assert events.streams() == ["tickets"]
        with pytest.raises(Misconfigured):
            events.start("users", datetime.now(UTC))

    async def test_the_registry_builds_it(self, connection: Connection) -> None:
        """By the vendor's name."""
        events = connect_events(connection)
        assert isinstance(events, ZendeskEvents)
        await events.aclose()


async def test_a_backfill_waits_for_its_turn() -> None:
    """Other than a poll, which comes again anyway."""
    pace = ExportPace("zendesk/acme", 2, window_seconds=0.03)
    for _ in range(3):
        await pace.turn()

    with pytest.raises(RateLimited):
        pace.take(0.0)
        pace.take(0.0)


@pytest.mark.parametrize("stated", ["0", "-1", "many", ""])
async def test_a_pace_that_is_no_number_is_misconfigured(stated: str) -> None:
    """Before the first export."""
    connection = Connection(
        name="main", role=Role.SUPPORT, vendor="zendesk", base_url="http://127.0.0.1:1",
        options={"exports_per_minute": stated},
    )  # fmt: skip
    with pytest.raises(Misconfigured):
        pace_of(connection)
