"""What came in, from the command line: looked at and replayed, once it was shown what that does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from canonical.connections import Environment
from canonical.ids import quote_to_cash_id
from canonical.inbound import InboundEvent, Refusal
from canonical.ports.events import ChangePage
from ledger.database import Database
from ledger.feeds import Feeds
from ledger.inbox import Inbox, InboxState
from ledger.migrate import upgrade
from ledger.records import Records
from ledger.views.inbox import show_event
from tests.cli.terminal import Said, awaited
from tests.intake_source import MemorySource, invoice
from tests.world import World, line
from tieline.devserver import free_port

NOW = datetime.now(UTC).replace(microsecond=0)
SETTINGS = """\
ledger_url = "{url}"
[temporal]
address = "127.0.0.1:{port}"
[connections.billing]
role = "billing"
vendor = "stripe"
base_url = "http://127.0.0.1:9"
[connections.billing.poll]
every_seconds = 60
[connections.support]
role = "support"
vendor = "zendesk"
base_url = "http://127.0.0.1:9"
[connections.support.poll]
every_seconds = 60
"""


@dataclass
class Office:
    """Settings with a ledger behind them, and no Temporal."""

    config: Path
    db: Database
    source: MemorySource

    async def run(self, *words: str, as_json: bool = False) -> Said:
        """A command of the group."""
        shared = ["--config", str(self.config), *(["--json"] if as_json else [])]
        return await awaited(*shared, "inbox", *words)

    async def set_aside(self, number: str, cause: str = "Malformed") -> int:
        """A hint about an invoice that was set aside."""
        inbox = Inbox(self.db)
        hint = self.source.change(invoice(number, at=NOW))
        stored = await inbox.store(hint)
        await inbox.failed(stored.id, "there is no amount", NOW, dead=True, cause=cause)
        return stored.id

    async def taken_in(self, number: str) -> int:
        """A hint about an invoice that was read."""
        inbox = Inbox(self.db)
        facts = invoice(number, at=NOW, paid=1_200_000)
        stored = await inbox.store(self.source.change(facts))
        (hint,) = await inbox.pending(10)
        await Records(self.db).take(hint, facts)
        return stored.id

    async def state(self, stored_id: int) -> InboxState:
        """Where an event stands."""
        detail = await show_event(self.db, stored_id)
        assert detail is not None
        return detail.state


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A fresh ledger, and a Temporal server that is not there."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    config = tmp_path / "tieline.toml"
    config.write_text(SETTINGS.format(url=url, port=free_port()))
    db = Database.open(url)
    yield Office(config, db, MemorySource())
    await db.close()


async def test_events_are_listed_by_what_narrows_them_down(office: Office) -> None:
    """For people as a table, for scripts as JSON; bodies are in neither."""
    dead = await office.set_aside("in_globex")
    read = await office.taken_in("in_initech")

    table = await office.run("list")
    one = await office.run("list", "--state", "dead", "--cause", "Malformed", as_json=True)
    account = await office.run(
        "list", "--account", "0015g00000Glob1AAB", "--kind", "invoice", as_json=True
    )
    nothing = await office.run("list", "--source", "erp", "--until", "2026-01-01T00:00")
    wrong = await office.run("list", "--since", "yesterday")

    assert (table.code, table.err) == (0, "")
    assert "invoice/in_globex" in table.out and "Malformed" in table.out
    assert [found["id"] for found in one.json] == [dead]
    assert [found["id"] for found in account.json] == [read]
    assert "body" not in one.json[0]
    assert (nothing.code, nothing.out) == (0, "No inbound events.\n")
    assert wrong.code == 2
    assert "--since: 'yesterday' is no time" in wrong.refusal


async def test_an_event_is_shown_with_all_that_followed_and_its_body_only_when_asked(
    office: Office,
) -> None:
    """The record as it was last read, and what was told of it."""
    read = await office.taken_in("in_initech")

    shown = await office.run("show", str(read))
    detail = await office.run("show", str(read), as_json=True)
    full = await office.run("show", str(read), "--body")
    missing = await office.run("show", "4711")

    assert shown.code == 0
    for said in ("recorded", "last read", "status: paid", "payment.received", "20 bytes, sha256"):
        assert said in shown.out, said
    assert '{"id": "in_initech"}' not in shown.out and detail.json["body"] is None
    assert [event["type"] for event in detail.json["told"]] == [
        "invoice.posted",
        "payment.received",
    ]
    assert '{"id": "in_initech"}' in full.out
    assert missing.code == 1
    assert missing.refusal.startswith("NotFound: there is no inbound event 4711")


async def test_refusals_are_counted_and_the_newest_shown(office: Office) -> None:
    """Who was not let in, and why."""
    nobody = await office.run("refusals")
    refusal = Refusal(
        source="billing",
        reason="the signature does not match",
        code="bad_signature",
        remote="203.0.113.9",
        body_digest="ab" * 32,
        body_bytes=120,
        at=NOW,
    )
    for _ in range(3):
        await Inbox(office.db).refuse(refusal)

    table = await office.run("refusals")
    newest = await office.run("refusals", "--limit", "1", as_json=True)

    assert (nobody.code, nobody.out) == (0, "Nothing was refused.\n")
    assert "203.0.113.9" in table.out and "the signature does not match" in table.out
    assert (newest.json["totals"][0]["total"], len(newest.json["newest"])) == (3, 1)


async def test_the_backlog_is_shown_with_its_age_and_when_it_will_be_cleared(
    office: Office,
) -> None:
    """By source and priority, at the pace of what was done last."""
    empty = await office.run("backlog")
    for number in range(3):
        await office.taken_in(f"in_{number}")
    await office.set_aside("in_dead")
    for number in range(2):
        late = office.source.change(invoice(f"in_late_{number}", at=NOW - timedelta(hours=2)))
        await Inbox(office.db).store(late.model_copy(update={"priority": 5}))

    table = await office.run("backlog")
    backlog = (await office.run("backlog", as_json=True)).json

    assert empty.code == 0 and "Nothing waits." in empty.out
    assert table.code == 0 and "2 h" in table.out and "dead: 1" in table.out
    (waiting,) = backlog["waiting"]
    assert (waiting["source"], waiting["priority"], waiting["pending"]) == ("billing", 5, 2)
    assert backlog["oldest_seconds"] >= 7200
    # Three were read and one set aside just now.
    assert 4 / 30 <= backlog["per_second"] <= 4 / 2
    assert backlog["clearing_seconds"] == pytest.approx(2 / backlog["per_second"])


async def test_feeds_are_shown_with_their_place_and_what_is_behind(office: Office) -> None:
    """A cursor that nobody moves is behind, whatever the health of processes says."""
    page = ChangePage(events=[], cursor="42", read_up_to=NOW - timedelta(hours=3))
    feeds = Feeds(office.db)
    await feeds.keep("billing", "invoices", page)
    await feeds.expired("billing", "invoices", NOW - timedelta(days=2))
    since = NOW - timedelta(hours=1)
    await feeds.counted("billing", "invoices", since, NOW, 12, {"in_lost": "1"})

    table = await office.run("feeds")
    billing, support = (await office.run("feeds", as_json=True)).json

    assert table.code == 0
    assert "behind; lost its place" in table.out and "never" in table.out
    assert "12 told" in table.out and "lacking 1: in_lost" in table.out
    assert (billing["behind"], billing["last_count"]["missing"]) == (True, 1)
    assert (support["connection"], support["place"], support["behind"]) == ("support", None, True)


async def test_a_replay_is_shown_first_and_made_only_with_yes(office: Office) -> None:
    """Dead letters of one cause, without Temporal: they are due again when it is back."""
    dead = [await office.set_aside(f"in_{number}") for number in range(60)]
    other = await office.set_aside("in_other", "NotFound")
    by_cause = ["replay", "--mode", "redeliver", "--cause", "Malformed"]

    # Without --yes, nothing is changed
    shown = await office.run(*by_cause)
    preview = (await office.run(*by_cause, as_json=True)).json
    assert shown.code == 0
    assert "and 10 more" in shown.out and "Nothing was changed." in shown.out
    assert (preview["total"], len(preview["lines"])) == (60, 50)
    assert preview["by_cause"] == {"Malformed": 60}
    assert preview["lines"][0]["would"] == "the record is read again; events told already: none"
    assert await office.state(dead[0]) is InboxState.DEAD

    # With it, they are due at the rate, in Grace's name
    made = await office.run(
        *by_cause, "--yes", "--by", "Grace", "--reason", "repaired", "--rate", "20"
    )
    assert (made.code, made.err) == (0, "")
    assert "60 due again, the last in 3 s." in made.out
    assert await office.state(dead[59]) is InboxState.PENDING
    assert await office.state(other) is InboxState.DEAD
    (row,) = (await office.run("show", str(dead[59]), as_json=True)).json["replays"]
    assert (row["actor"], orjson.loads(row["body"])["reason"]) == ("Grace", "repaired")

    # And then there are none left
    again = await office.run(*by_cause)
    assert again.code == 1
    assert again.refusal.startswith("NotFound: nothing that is dead matches")


@pytest.mark.parametrize(
    ("words", "sentence"),
    {
        ("--mode", "start"): "say what to replay: --id, --cause",
        ("--mode", "start", "--state", "recorded"): "say what to replay: --id, --cause",
        ("--mode", "start", "--id", "1", "--yes"): "a replay needs --reason",
        ("--mode", "edited", "--id", "1"): "--mode edited and --input go together",
        ("--mode", "start", "--id", "1", "--input", "x"): "--mode edited and --input go together",
        ("--mode", "edited", "--id", "1", "--input", "x"): "--input: x cannot be read",
    }.items(),
)
async def test_what_is_not_said_in_full_is_refused(
    words: tuple[str, ...], sentence: str, office: Office
) -> None:
    """A replay of everything, or of nobody's, does not happen by a slip."""
    said = await office.run("replay", *words)

    assert said.code == 2
    assert sentence in said.refusal


async def test_an_event_in_another_state_is_named_with_its_state(office: Office) -> None:
    """Dead ones are meant unless another state is asked for."""
    read = await office.taken_in("in_globex")
    start = ["replay", "--mode", "start", "--id", str(read)]

    said = await office.run(*start)
    shown = (await office.run(*start, "--state", "recorded", as_json=True)).json

    assert (said.code, f"event {read} is recorded" in said.refusal) == (1, True)
    assert shown["lines"][0]["would"] == (
        "the record is read again, whatever version is known; "
        "events told already: invoice.posted, payment.received"
    )


async def test_a_dead_event_is_replayed_with_corrections(office: Office, nowhere: Path) -> None:
    """The difference is shown before it is stored; what makes no sense is refused."""
    dead = await office.set_aside("in_typo", "NotFound")
    edited = ["replay", "--mode", "edited", "--id", str(dead), "--input"]
    (nowhere / "good.json").write_text('{"subject": "in_globex", "body": {"id": "in_globex"}}')
    (nowhere / "list.json").write_text("[")
    (nowhere / "wrong.json").write_text('{"subjekt": "in_globex"}')
    (nowhere / "unknown.json").write_text('{"kind": "in_secret"}')

    for name, problem in {
        "list.json": "is not JSON",
        "wrong.json": "subjekt: Extra inputs",
        "unknown.json": "kind: Input should be",
    }.items():
        refused = await office.run(*edited, name)
        assert refused.code == 2
        assert problem in refused.refusal and "in_secret" not in refused.refusal
    shown = await office.run(*edited, "good.json")
    made = await office.run(*edited, "good.json", "--yes", "--reason", "typing error", as_json=True)

    assert "in_typo" in shown.out and "#edited-1 would be stored" in shown.out
    assert (shown.code, made.code) == (0, 0)
    assert made.json["changes"]["subject"] == ["in_typo", "in_globex"]
    assert await office.state(made.json["stored_id"]) is InboxState.PENDING
    assert await office.state(dead) is InboxState.DEAD
    assert "replaced by" in (await office.run("show", str(dead))).out


async def won(db: Database, deal: str, **fields: Any) -> int:
    """The closed-won message of a deal, set aside."""
    inbox = Inbox(db)
    event = InboundEvent(
        **{
            "source": "crm",
            "event_id": f"msg_{deal}",
            "type": "opportunity.closed_won",
            "kind": "opportunity",
            "subject": deal,
            "environment": Environment.TEST,
            "body": b"{}",
            "received_at": NOW,
        }
        | fields
    )
    stored = await inbox.store(event)
    await inbox.failed(stored.id, "no such deal", NOW, dead=True, cause="NotFound")
    return stored.id


async def test_without_temporal_a_deal_can_be_looked_at_and_delivered_again(
    office: Office,
) -> None:
    """Only what is asked of its process has to wait."""
    await won(office.db, "006GLOBEX")
    deals = ["replay", "--kind", "opportunity", "--mode"]

    shown = await office.run(*deals, "redeliver", as_json=True)
    refused = await office.run(*deals, "start", "--yes", "--reason", "again")
    made = await office.run(*deals, "redeliver", "--yes", "--reason", "again")

    assert "not known where it stands: Temporal does not answer" in shown.json["lines"][0]["would"]
    assert (refused.code, made.code) == (1, 0)
    assert refused.refusal.startswith("Unavailable: Temporal does not answer")


async def test_deals_are_replayed_by_where_their_process_stands(tieline: World) -> None:
    """One waits for a person, one is complete, one is not there, one is about nothing of ours."""
    # Given four dead events
    db = tieline.house.database
    done = tieline.deal("Globex", line("GTX-PRO", "8400.00"))
    await tieline.fulfilled(done)
    tieline.erp.faults.arm(kind="reject", method="PUT", path="/salesOrder/", times=1)
    waits = tieline.deal("Initech", line("GTX-PRO", "8400.00"))
    await tieline.start(waits)
    await tieline.case(waits, "book_order")
    absent = tieline.deal("Umbrella", line("GTX-PRO", "8400.00"))
    for deal in (done, waits, absent):
        await won(db, deal)
    replay = ["--config", str(tieline.config), "--json", "inbox", "replay", "--source", "crm"]

    # What each mode would do
    async def would(mode: str) -> list[str]:
        said = await awaited(*replay, "--mode", mode)
        return [one["would"] for one in said.json["lines"]]

    complete, open_case, missing = await would("failed-step")
    assert f"{quote_to_cash_id('crm', done)} is completed: nothing is retried" in complete
    assert "runs (exception at book_order): its case is retried" in open_case
    assert "confirmed, not written again: " in open_case and "billing subscription" in open_case
    assert "probed, then perhaps written: erp sales_order" in open_case
    assert missing.endswith("is not there: it is started")
    complete, open_case, missing = await would("start")
    assert "is completed: it begins again; confirmed, not written again: " in complete
    assert "runs (exception at book_order): it is ended there and begins again" in open_case
    complete, open_case, missing = await would("redeliver")
    assert complete.endswith("is completed: nothing starts")
    assert open_case.endswith("runs (exception at book_order): nothing starts")

    # From the failed step, by Grace: the complete one is left alone, so the exit code is 1
    by = ["--yes", "--by", "Grace", "--reason", "the period is open"]
    made = await awaited(*replay, "--mode", "failed-step", *by)
    assert (made.code, made.json["left_alone"]) == (1, 1)
    assert {one["move"]: one["done"] for one in made.json["deals"]} == {
        "nothing": False,
        "retry": True,
        "due": True,
    }
    assert (await tieline.result(waits)).stage == "completed"
    assert len(tieline.sales_orders()) == 2
    (due,) = await Inbox(db).pending(10)
    assert due.subject == absent

    # And in words
    text = [word for word in replay if word != "--json"]
    said = await awaited(*text, "--mode", "start", *by)
    assert (said.code, said.err) == (0, "")
    assert "begins again as run " in said.out
    assert "0 events and 1 deals replayed, 0 left alone." in said.out
    assert (await tieline.result(done)).stage == "completed"
    assert len(tieline.sales_orders()) == 2
