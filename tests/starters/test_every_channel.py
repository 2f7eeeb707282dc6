"""Every vendor's messages against everything that can be wrong with one: what is answered and kept.

The receiver is the one that is served, from settings, over a SQLite ledger.
"""

import asyncio
import hashlib
import re
import shutil
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import HttpUrl

from canonical.connections import Connection, Environment
from ledger.database import Database
from ledger.inbox import Inbox, InboxState
from ledger.migrate import upgrade
from ledger.views.inbox import count_refusals, list_events, list_refusals, show_event
from starters.webhooks.app import webhook_app
from starters.webhooks.sources import Source, webhook_sources
from tests.starters.senders import NOW, SECRET, SENDERS, Body, Sender, Sent
from tieline.settings import Settings, Webhooks, WebhookSource

STRANGER = "whsec_" + b64encode(b"somebody else signs with this...").decode()
BEARER = "t0pSecretThatGainsightSendsAlong-0001"
TEN_MEGABYTES = "x" * 10_000_000
# What the sender's administrator reads of each refusal.
REASONS = {
    "missing_header": "there is no header|has no t", "bad_signature": "no active secret",
    "malformed": "the (body|event) (is|does|lacks)", "wrong_environment": "this connection is",
    "stale": "more than 300 s", "unknown_type": "this type", "too_large": "262144 are allowed",
}  # fmt: skip
each_sender = pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.vendor)

# What is wrong with a well-meant or hostile message: how it is made, its answer, its code.
Make = Callable[[Sender], Sent]
REFUSED: dict[str, tuple[Make, int, str]] = {
    "forged": (lambda s: s.signed(s.raw, STRANGER), 401, "bad_signature"),
    "altered": (lambda s: (s.saying("mood", "sly"), s.signed(s.raw)[1]), 401, "bad_signature"),
    "unsigned": (lambda s: (s.raw, {}), 401, "missing_header"),
    "replayed": (lambda s: s.signed(s.raw, at=NOW - timedelta(hours=1)), 401, "stale"),
    "cut on its way": (lambda s: (s.raw[:60], s.signed(s.raw)[1]), 401, "bad_signature"),
    "cut by its sender": (lambda s: s.signed(s.raw[:60]), 400, "malformed"),
    "of the live account": (lambda s: s.signed(s.saying(*s.elsewhere)), 400, "wrong_environment"),
    "of ten megabytes": (lambda s: s.signed(s.saying("mood", TEN_MEGABYTES)), 413, "too_large"),
}


@dataclass
class Receiver:
    """The app and its ledger; rings when there is something to dispatch."""

    http: httpx.AsyncClient
    db: Database
    reachable = True
    rung = 0

    def wake(self) -> None:
        """Ring."""
        self.rung += 1

    async def post(self, name: str, sent: Sent) -> tuple[int, Body]:
        """The answer to a message; whatever that is, it is never our failure."""
        raw, headers = sent[0], {"content-type": "application/json"} | sent[1]
        answer = await self.http.post(f"/webhooks/{name}", content=raw, headers=headers)
        assert answer.status_code < 500
        return answer.status_code, answer.json()

    async def takes(self, sender: Sender, raw: bytes) -> None:
        """Claim that a message is new, stored to the byte, and waits."""
        answer = await self.post(sender.vendor, sender.signed(raw))
        assert answer == (202, {"stored": True, "duplicate": False})
        [line] = await list_events(self.db)
        assert (line.source, line.event_id) == (sender.vendor, sender.event_id)
        assert (line.state, self.rung) == (InboxState.PENDING, 1)
        shown = await show_event(self.db, line.id, with_body=True)
        assert shown and shown.body == raw.decode()

    async def refuses(
        self, sender: Sender, sent: Sent, status: int, code: str, name: str = ""
    ) -> None:
        """Claim that a message is refused for a clear reason, which is on record with its digest,
        and that the genuine one is let in all the same."""
        answered, said = await self.post(name or sender.vendor, sent)
        assert (answered, said["error"]) == (status, code)
        assert re.search(REASONS[code], said["message"])
        [line] = await list_refusals(self.db)
        assert (line.source, line.code) == (name or sender.vendor, code)
        assert (line.reason, line.at) == (said["message"], NOW)
        read = b"" if code == "too_large" else sent[0]
        digest = hashlib.sha256(read).hexdigest() if read else ""
        assert (line.body_digest, line.body_bytes) == (digest, len(read))
        assert (await list_events(self.db), self.rung) == ([], 0)
        await self.takes(sender, sender.raw)


def sources(environment: Environment, suffix: str, account_id: str) -> dict[str, Source]:
    """Each vendor's source under the same secrets, from settings as they are written."""
    connections, posts = {}, {}
    for each in SENDERS:
        name, options = each.vendor + suffix, {"account_id": account_id}
        connections[name] = Connection(
            name=name, role=each.role, vendor=each.vendor, environment=environment,
            base_url=HttpUrl("https://globex.example"), options=options,
        )  # fmt: skip
        secrets = ["env:SIGNING"] + ["env:BEARER"] * (each.vendor == "gainsight")
        posts[name] = WebhookSource(connection=name, secrets=secrets)
    return webhook_sources(Settings(connections=connections, webhooks=Webhooks(sources=posts)))


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("every-channel") / "ledger.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def receiver(
    empty_ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Receiver]:
    """A receiver for each vendor's account for tests, and its live one as `VENDOR-live`."""
    monkeypatch.setenv("SIGNING", SECRET)
    monkeypatch.setenv("BEARER", BEARER)
    db = Database.open(f"sqlite:///{shutil.copy(empty_ledger, tmp_path)}")
    ready = Receiver(httpx.AsyncClient(), db)
    both = sources(Environment.TEST, "", "12514403") | sources(Environment.LIVE, "-live", "99")
    bytes_max = Webhooks().body_bytes_max
    app = webhook_app(both, Inbox(db), ready, body_bytes_max=bytes_max, clock=lambda: NOW)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tieline") as ready.http:
        yield ready
    await db.close()


@each_sender
@pytest.mark.parametrize("wrong", REFUSED)
async def test_what_is_wrong_is_refused_and_on_record(
    receiver: Receiver, sender: Sender, wrong: str
) -> None:
    """And takes nothing from the genuine message, which comes after it."""
    make, status, code = REFUSED[wrong]
    await receiver.refuses(sender, make(sender), status, code)


@each_sender
async def test_a_test_does_not_reach_the_live_account(receiver: Receiver, sender: Sender) -> None:
    """Even under the same secret."""
    sent, name = sender.signed(sender.raw), f"{sender.vendor}-live"
    await receiver.refuses(sender, sent, 400, "wrong_environment", name)


@pytest.mark.parametrize(
    ("sender", "field"),
    [pytest.param(s, f, id=f"{s.vendor}-{f}") for s in SENDERS for f in s.needed.split()],
)
async def test_without_a_needed_field_a_message_is_malformed(
    receiver: Receiver, sender: Sender, field: str
) -> None:
    """However well it is signed."""
    sent = sender.signed(sender.saying(field, None))
    await receiver.refuses(sender, sent, 400, "malformed")


@each_sender
async def test_what_comes_twice_with_a_new_field_is_stored_once(
    receiver: Receiver, sender: Sender
) -> None:
    """Vendors repeat, and add fields without asking: both deliveries are a success to them."""
    raw = sender.saying("mood", {"today": ["cheerful", None]})
    await receiver.takes(sender, raw)

    answer = await receiver.post(sender.vendor, sender.signed(raw))

    assert answer == (202, {"stored": True, "duplicate": True})
    [line] = await list_events(receiver.db)
    assert (line.deliveries, await list_refusals(receiver.db)) == (2, [])


@each_sender
async def test_an_unknown_type_is_kept_and_ignored_unless_the_sender_is_ours(
    receiver: Receiver, sender: Sender
) -> None:
    """A vendor that is refused repeats it for days; a sender that we ship has a defect."""
    sent = sender.signed(sender.saying("type", sender.unknown_type))
    if sender.ours:
        await receiver.refuses(sender, sent, 400, "unknown_type")
        return
    assert (await receiver.post(sender.vendor, sent))[0] == 202
    [line] = await list_events(receiver.db)
    assert (line.type, line.kind, line.state) == (sender.unknown_type, "", InboxState.IGNORED)


async def test_a_bearer_proves_nothing_of_time_so_a_replay_is_a_duplicate(
    receiver: Receiver,
) -> None:
    """Gainsight's other form: half a call is malformed, and a signing secret is no bearer."""
    raw = SENDERS[-1].raw
    calls = [(BEARER, raw), (BEARER, raw), (BEARER, raw[:60]), (STRANGER, raw), (SECRET, raw)]

    sent = [(body, {"authorization": f"Bearer {token}"}) for token, body in calls]
    answers = [await receiver.post("gainsight", each) for each in sent]

    assert [status for status, _ in answers] == [202, 202, 400, 401, 401]
    assert [line.deliveries for line in await list_events(receiver.db)] == [2]
    codes = [refusal.code for refusal in await list_refusals(receiver.db)]
    assert codes == ["bad_signature", "bad_signature", "malformed"]


async def test_all_at_once_nothing_is_lost(receiver: Receiver) -> None:
    """Each vendor's message three times among forgeries: five events, each forgery counted."""
    pairs = [(s, secret) for s in SENDERS for secret in [SECRET, STRANGER] * 3]

    answers = await asyncio.gather(
        *(receiver.post(s.vendor, s.signed(s.raw, secret)) for s, secret in pairs)
    )

    assert [status for status, _ in answers] == [202, 401] * 15
    stored = {(line.event_id, line.deliveries) for line in await list_events(receiver.db)}
    assert stored == {(sender.event_id, 3) for sender in SENDERS}
    totals = {(total.source, total.total) for total in await count_refusals(receiver.db)}
    assert totals == {(sender.vendor, 3) for sender in SENDERS}
