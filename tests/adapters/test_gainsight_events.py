"""Gainsight as a source of events, over real HTTP, against the stand-in of Gainsight CS."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from adapters.gainsight.api import CTA, GainsightApi
from adapters.gainsight.auth import authentication
from adapters.gainsight.changes import CTA_CHANGE_FIELDS
from adapters.gainsight.errors import GAINSIGHT_ERRORS
from adapters.gainsight.events import OURS, OVERLAP, GainsightEvents
from adapters.gainsight.modified import ModifiedList, windows
from adapters.http import HttpClient
from adapters.registry import connect_events
from canonical.connections import Connection, Role
from canonical.errors import CursorExpired, Malformed, Misconfigured, RateLimited
from canonical.facts import Kind, OnboardingFacts, TaskFacts
from canonical.inbound import Channel, InboundEvent
from simulators.gainsight import GainsightSimulator
from simulators.kernel import Simulator
from simulators.serve import serving
from tests.adapters.contracts.events import LONG_AGO
from tests.adapters.contracts.intake import DriftContract

GLOBEX = "0015g00000GlobexAAA"
DEAL = "0065g00000GlobexAAA"
REFERENCE = f"gainsight/onboarding/{DEAL}"
DAY = timedelta(days=1)


def company(simulator: GainsightSimulator) -> str:
    """Globex in the tenant."""
    for held in simulator.tenant.tables["Company"].by("Name", "Globex"):
        return str(held["Gsid"])
    record = {
        "Gsid": simulator.tenant.gsid("1P02"), "Name": "Globex",
        "SFDC_Account_Id__gc": GLOBEX, "Legal_Entity__gc": "ACME-US",
    }  # fmt: skip
    return str(simulator.tenant.put("Company", record)["Gsid"])


def onboarding(simulator: GainsightSimulator, **given: Any) -> str:
    """An onboarding that we opened, unless the reference says otherwise."""
    record = {
        "Name": "Onboarding: Globex, 500 seats", "CompanyId": company(simulator),
        "OwnerEmail": "csm@acme.example", "type": "Lifecycle", "reason": "Onboarding",
        "status": "New", "priority": "Medium", "External_Ref__gc": REFERENCE,
    }  # fmt: skip
    return str(simulator.cockpit.open(**record | given)["Gsid"])


class GainsightContract(DriftContract):
    """What both streams share: they are queries, and forget nothing."""

    forgets = False

    @pytest.fixture
    def simulator(self) -> Simulator:
        return GainsightSimulator(access_keys=["gs-key"])

    @pytest.fixture
    def connection(self, url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
        return connection_to(url, monkeypatch)

    def source(self, connection: Connection) -> GainsightEvents:
        return GainsightEvents.from_connection(connection, page_size=self.page_size)

    async def hint(self, events: Any, subject: str) -> InboundEvent:
        """The newest hint of a record."""
        found, _, _ = await self.told(events, self.beginning(events))
        return max((e for e in found if e.subject == subject), key=lambda e: e.version)


def connection_to(url: str, monkeypatch: pytest.MonkeyPatch, **options: str) -> Connection:
    """The tenant, with a minute that is long enough for a suite."""
    monkeypatch.setenv("GAINSIGHT_ACCESS_KEY", "gs-key")
    return Connection(
        name="main",
        role=Role.SUCCESS,
        vendor="gainsight",
        base_url=url,
        secrets={"access_key": "env:GAINSIGHT_ACCESS_KEY"},
        options={"owner_email": "csm@acme.example", "calls_per_minute": "3000"} | options,
    )


class TestGainsightOnboardings(GainsightContract):
    """Gainsight keeps the contract for the calls to action that we opened."""

    stream = "ctas"
    identifying, needed = "ModifiedDate", "StatusId__gr.Name"
    feed_path = "/v2/cockpit/cta/list"

    async def change(self, simulator: Any, number: int) -> str:
        """Open the onboarding, then have its CSM work on it."""
        simulator.moved_seconds += 1
        held = sorted(simulator.tenant.tables["call_to_action"].records)
        if number < len(held):
            simulator.cockpit.change(held[number], status="Work In Progress")
            return str(held[number])
        return onboarding(simulator)

    async def test_the_id_names_the_record_and_when_it_was_modified(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """Gainsight has no event ids; so a callback and a poll agree on one."""
        gsid = onboarding(simulator)
        modified = simulator.tenant.tables["call_to_action"].records[gsid]["ModifiedDate"]
        stamp = datetime.fromtimestamp(modified / 1000, UTC).isoformat(timespec="milliseconds")

        found = await self.hint(events, gsid)

        assert found.event_id == f"gs:cta:{gsid}:{stamp.replace('+00:00', 'Z')}"
        assert found.kind == Kind.ONBOARDING

    async def test_what_others_opened_is_not_ours_to_tell(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """A tenant has many calls to action; ours carry our reference."""
        ours = onboarding(simulator)
        onboarding(simulator, External_Ref__gc=None, reason="Renewal")

        found, _, _ = await self.told(events, self.beginning(events))
        now = datetime.now(UTC)
        census = await events.census("ctas", now - LONG_AGO, now + DAY)

        assert [event.subject for event in found] == [ours]
        assert list(census) == [ours]

    async def test_an_onboarding_is_read_with_its_deal_and_its_customer(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """The deal is in the reference, account and legal entity at the company."""
        gsid = onboarding(simulator)

        facts = await events.read(await self.hint(events, gsid))

        assert isinstance(facts, OnboardingFacts)
        assert (facts.opportunity_id, facts.account_id) == (DEAL, GLOBEX)
        assert facts.legal_entity == "ACME-US"
        assert (facts.status, facts.completed, facts.completed_at) == ("New", False, None)

    @pytest.mark.parametrize(
        ("status", "options", "completed"),
        [
            ("Closed Success", {}, True),
            ("Closed No Action", {}, False),
            ("Work In Progress", {}, False),
            ("Closed No Action", {"cta_success_status": "Closed Success, Closed No Action"}, True),
            ("Work In Progress", {"cta_success_status": "Work In Progress"}, False),
        ],
    )
    async def test_only_a_closed_success_completes_it(
        self,
        url: str,
        monkeypatch: pytest.MonkeyPatch,
        simulator: GainsightSimulator,
        status: str,
        options: dict[str, str],
        completed: bool,
    ) -> None:
        """Closed as no longer needed is no implementation; what a success is called is theirs."""
        gsid = onboarding(simulator)
        simulator.moved_seconds += 60
        simulator.cockpit.change(gsid, status=status)
        closed = simulator.tenant.tables["call_to_action"].records[gsid]["ClosedDate"]
        events = self.source(connection_to(url, monkeypatch, **options))
        try:
            facts = await events.read(await self.hint(events, gsid))
        finally:
            await events.aclose()

        assert isinstance(facts, OnboardingFacts)
        assert facts.completed is completed
        expected = datetime.fromtimestamp(closed / 1000, UTC) if completed else None
        assert facts.completed_at == expected

    async def test_a_call_to_action_that_is_not_ours_is_not_read(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """A callback of too wide a rule is about nothing of ours, and no failure."""
        hint = await self.hint(events, onboarding(simulator))
        other = onboarding(simulator, External_Ref__gc=None)

        assert await events.read(hint.model_copy(update={"subject": other})) is None

    async def test_a_change_that_the_list_learned_of_late_is_not_lost(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each sweep looks back a little behind the newest that it saw."""
        simulator: Any = GainsightSimulator(access_keys=["gs-key"])
        late, newer = onboarding(simulator), onboarding(simulator)
        table = simulator.tenant.tables["call_to_action"]
        hidden = table.records[late]
        hidden["ModifiedDate"] -= int(OVERLAP.total_seconds() * 1000) - 1000
        table.remove(late)
        async with serving({"vendor": simulator}) as urls:
            events = self.source(connection_to(urls["vendor"], monkeypatch))
            first, cursor, _ = await self.told(events, self.beginning(events))
            table.put(hidden)
            second, _, _ = await self.told(events, cursor)
            await events.aclose()

        assert [event.subject for event in first] == [newer]
        assert {event.subject for event in second} == {late, newer}

    async def test_an_idle_stream_keeps_its_window_short(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """Its place moves on with the clock, a day behind it, so that a poll stays one call."""
        long_ago = datetime.now(UTC) - 60 * DAY

        first = await events.changes("ctas", events.start("ctas", long_ago))
        calls = len(simulator.log)
        second = await events.changes("ctas", first.cursor)

        assert calls > 5
        assert len(simulator.log) - calls == 1
        assert (second.events, second.more) == ([], False)

    async def test_old_changes_are_told_span_by_span(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """In the order of their modification, over weeks."""
        table = simulator.tenant.tables["call_to_action"]
        made = [onboarding(simulator) for _ in range(4)]
        for weeks, gsid in enumerate(made):
            held = dict(table.records[gsid])
            held["ModifiedDate"] -= int(weeks * 7 * DAY.total_seconds() * 1000)
            table.put(held)

        begin = datetime.now(UTC) - 40 * DAY
        found, _, _ = await self.told(events, events.start("ctas", begin))
        backfilled = [e async for e in events.backfill("ctas", begin, datetime.now(UTC))]

        assert [event.subject for event in found] == list(reversed(made))
        assert [event.subject for event in backfilled] == list(reversed(made))
        assert {event.channel for event in backfilled} == {Channel.BACKFILL}

    async def test_a_cursor_that_is_none_is_expired(self, events: GainsightEvents) -> None:
        """Whatever was kept, the way back is the same."""
        for cursor in ("", "yesterday", "a|b|c", "1|2", "2026-11-22|2026-11-22|"):
            with pytest.raises(CursorExpired):
                await events.changes("ctas", cursor)

    async def test_a_field_that_is_gone_is_malformed_and_a_new_one_is_nothing(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """Drift is said aloud, at the list and at the record."""
        gsid = onboarding(simulator)
        hint = await self.hint(events, gsid)
        record = simulator.tenant.tables["call_to_action"].records[gsid]
        record["Mood"] = "cheerful"
        assert (await events.read(hint)).id == gsid

        record["ModifiedDate"] = "soon"
        with pytest.raises(Malformed):
            await events.read(hint)

    async def test_a_poll_counts_in_the_tenants_minute(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The window that writes use too; it says when to come again."""
        events = self.source(connection_to(url, monkeypatch, calls_per_minute="1"))
        try:
            with pytest.raises(RateLimited) as limited:
                for _ in range(3):  # the minute may end in between, once
                    await events.changes("ctas", self.beginning(events))
        finally:
            await events.aclose()

        assert 0 < (limited.value.retry_after_seconds or 0) <= 60

    async def test_there_are_two_streams(self, events: GainsightEvents) -> None:
        """Another is a mistake in a schedule."""
        assert events.streams() == ["ctas", "tasks"]
        with pytest.raises(Misconfigured):
            events.start("companies", datetime.now(UTC))

    async def test_the_registry_builds_it(self, connection: Connection) -> None:
        """By the vendor's name."""
        events = connect_events(connection)
        assert isinstance(events, GainsightEvents)
        await events.aclose()


class TestGainsightTasks(GainsightContract):
    """Gainsight keeps the contract for the tasks of the onboardings that we opened."""

    stream = "tasks"
    feed_path = "/v2/cockpit/task/list"
    identifying, needed = "ModifiedDate", "Status"

    async def change(self, simulator: Any, number: int) -> str:
        """Add a task to the onboarding, then have it done."""
        simulator.moved_seconds += 1
        held = sorted(simulator.tenant.tables["cs_task"].records)
        if number < len(held):
            return str(simulator.change_task(Gsid=held[number], Status="Closed")["Gsid"])
        ctas = list(simulator.tenant.tables["call_to_action"].records)
        cta = ctas[0] if ctas else onboarding(simulator)
        return str(simulator.change_task(CTAId=cta, Name="Kickoff call")["Gsid"])

    async def test_a_task_is_a_milestone_of_its_onboarding(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """With the deal and the customer of the onboarding, and done when it is."""
        cta = onboarding(simulator)
        task = simulator.change_task(CTAId=cta, Name="Data migrated")["Gsid"]
        hint = await self.hint(events, task)
        before = await events.read(hint)
        simulator.moved_seconds += 1
        simulator.change_task(Gsid=task, Status="Closed")

        facts = await events.read(hint)

        assert isinstance(before, TaskFacts)
        assert isinstance(facts, TaskFacts)
        assert (before.completed, facts.completed) == (False, True)
        assert (facts.name, facts.onboarding_id) == ("Data migrated", cta)
        assert (facts.opportunity_id, facts.account_id) == (DEAL, GLOBEX)
        assert facts.version > before.version

    async def test_tasks_of_other_calls_to_action_are_not_told(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """Nor do they hold the stream back, however many there are."""
        theirs = onboarding(simulator, External_Ref__gc=None, reason="Renewal")
        for number in range(5):
            simulator.change_task(CTAId=theirs, Name=f"Renewal call {number}")
        ours = simulator.change_task(CTAId=onboarding(simulator), Name="Kickoff")["Gsid"]

        found, _, _ = await self.told(events, self.beginning(events))

        assert [event.subject for event in found] == [ours]

    async def test_a_task_of_another_call_to_action_is_not_read(
        self, events: GainsightEvents, simulator: GainsightSimulator
    ) -> None:
        """Tasks are told by their call to action: this one is somebody else's."""
        hint = await self.hint(events, await self.change(simulator, 0))
        theirs = onboarding(simulator, External_Ref__gc=None)
        other = simulator.change_task(CTAId=theirs, Name="Renewal call")["Gsid"]

        assert await events.read(hint.model_copy(update={"subject": other})) is None


@pytest.mark.parametrize("rows_max", [1, 2, 3, 1000])
async def test_a_list_without_an_order_is_read_whole(
    monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    """Pages that show one record twice and another not at all are read until all were seen."""
    simulator = GainsightSimulator(access_keys=["gs-key"])
    table = simulator.tenant.tables["call_to_action"]
    made = {onboarding(simulator) for _ in range(7)}
    for number, gsid in enumerate(sorted(made)):
        held = dict(table.records[gsid])
        held["ModifiedDate"] -= int((number % 2) * DAY.total_seconds() * 1000)
        table.put(held)
    today = datetime.now(UTC).date()

    async with serving({"vendor": simulator}) as urls:
        connection = connection_to(urls["vendor"], monkeypatch)
        client = HttpClient(connection, authentication(connection), GAINSIGHT_ERRORS)
        listed = ModifiedList(
            GainsightApi(client), CTA, CTA_CHANGE_FIELDS, [OURS], rows_max=rows_max
        )
        found = await listed.between(today - 2 * DAY, today + 2 * DAY)
        await client.aclose()

    assert {row["Gsid"] for row in found} == made


def test_windows_cover_a_day_more_on_either_side() -> None:
    """The vendor says neither in which time zone days are nor whether the last is included."""
    days = list(windows(date(2026, 11, 1), date(2026, 11, 10)))

    assert days[0][0] == date(2026, 10, 31)
    assert days[-1][1] == date(2026, 11, 12)
    assert all(before[1] == after[0] for before, after in pairwise(days))
