"""The SuiteScript sender that is shipped: what it queues, what it posts, and that we let it in."""

import base64
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adapters.netsuite.feed import Place, changes_query
from adapters.netsuite.webhook import secret_problem, verify
from canonical.connections import Environment
from canonical.inbound import InboundEvent

PROJECT = Path(__file__).parents[2] / "deploy" / "netsuite" / "src"
CABINET = PROJECT / "FileCabinet"
SCRIPTS = CABINET / "SuiteScripts" / "tieline"
HARNESS = Path(__file__).with_name("suitescript.js")
NODE = shutil.which("node")
CHANGED = "2026-11-22T11:59:30Z"
TEXT = "5f2c9b7e8d4a4b6f9d1c3e5a7b9d1f3e"  # what stands in NetSuite's API secret
SECRET = "whsec_" + base64.b64encode(TEXT.encode()).decode()
PARAMETERS = {
    "custscript_tieline_url": "https://tieline.globex.example/webhooks/netsuite",
    "custscript_tieline_secret": "custsecret_tieline",
}

needs_node = pytest.mark.skipif(NODE is None, reason="the scripts run in node, which is not here")


def run(**scenario: Any) -> dict[str, Any]:
    """What a script does in a scenario."""
    assert NODE
    done = subprocess.run(
        [NODE, str(HARNESS), str(SCRIPTS)],
        input=json.dumps(scenario),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    happened: dict[str, Any] = json.loads(done.stdout)
    return happened


def sent(row: dict[str, Any], answers: list[int], **more: Any) -> dict[str, Any]:
    """What the sender does with one row of the outbox."""
    entry = {"id": 7, "invoices": "[]", "attempts": 0} | row
    scenario = {"changed": CHANGED, "secrets": {"custsecret_tieline": TEXT}} | more
    return run(rows=[entry], answers=answers, parameters=PARAMETERS, **scenario)


def saved(kind: str, record: str, after: Any = None, before: Any = None, **more: Any) -> Any:
    """What a save leaves in the outbox: record, id and invoices of each row."""
    state = {"type": record, "id": 4800}
    happened = run(
        run="save",
        type=kind,
        after=state | {"apply": after} if after is not None else state,
        before=state | {"apply": before} if before is not None else None,
        **more,
    )
    return [
        (
            row["custrecord_tieline_record"],
            row["custrecord_tieline_internalid"],
            json.loads(row["custrecord_tieline_invoices"]),
        )
        for row in happened["created"]
    ]


def line(invoice: int, apply: bool = True, kind: str = "CustInvc") -> dict[str, Any]:
    """A line of a payment's apply list."""
    return {"apply": apply, "internalid": invoice, "trantype": kind}


def let_in(request: dict[str, Any], environment: Environment = Environment.TEST) -> InboundEvent:
    """The event in a posted message."""
    now = datetime.now(UTC)
    return verify(request["body"].encode(), request["headers"], [SECRET], now, environment)


INVOICE = {"recordtype": "invoice", "internalid": "4711"}
PAYMENT = {"recordtype": "customerpayment", "internalid": "4800", "invoices": '["4711","4712"]'}


@needs_node
def test_what_the_script_signs_is_let_in() -> None:
    """By the receiver's own verification, with the secret as both sides keep it."""
    happened = sent(INVOICE, [202])

    (request,) = happened["posted"]
    event = let_in(request)
    assert secret_problem(SECRET) is None
    assert request["url"] == PARAMETERS["custscript_tieline_url"]
    assert event.event_id == f"ns:invoice:4711:{CHANGED}"
    assert (event.subject, event.version) == ("4711", CHANGED)
    assert happened["deleted"] == [7]


@needs_node
def test_a_payment_of_two_invoices_is_two_messages() -> None:
    """Each names one of them."""
    happened = sent(PAYMENT, [202, 202])

    assert [let_in(request).subject for request in happened["posted"]] == ["4711", "4712"]
    assert happened["deleted"] == [7]


@needs_node
def test_a_production_account_sends_live_events() -> None:
    """The environment is the account's own, and no setting that could be wrong."""
    happened = sent(INVOICE, [202], production=True)

    assert let_in(happened["posted"][0], Environment.LIVE).environment is Environment.LIVE


@needs_node
@pytest.mark.parametrize("answer", [0, 408, 425, 429, 500, 503])
def test_what_was_not_taken_is_tried_again(answer: int) -> None:
    """Later each time, with the status noted."""
    first = sent(INVOICE, [answer])
    tenth = sent(INVOICE | {"attempts": 9}, [answer])

    assert first["deleted"] == []
    (row,) = first["updated"]
    assert (row["custrecord_tieline_attempts"], row["custrecord_tieline_status"]) == (1, answer)
    assert tenth["updated"][0]["custrecord_tieline_next"] > row["custrecord_tieline_next"] + 3600


@needs_node
@pytest.mark.parametrize(("answer", "attempts"), [(400, 0), (401, 0), (413, 0), (503, 29)])
def test_a_refusal_and_the_thirtieth_failure_are_kept_for_a_person(
    answer: int, attempts: int
) -> None:
    """In the outbox, without a next try, and in the log."""
    happened = sent(INVOICE | {"attempts": attempts}, [answer])

    assert happened["deleted"] == []
    assert happened["updated"][0]["custrecord_tieline_next"] == ""
    assert "given up" in happened["logged"][-1]["title"]


@needs_node
def test_one_of_two_messages_that_failed_keeps_the_row() -> None:
    """The other is sent again with it, under the same id."""
    happened = sent(PAYMENT, [202, 503])

    assert happened["deleted"] == []
    assert happened["updated"][0]["custrecord_tieline_status"] == 503


@needs_node
def test_a_second_that_is_not_over_is_left_for_the_next_run() -> None:
    """Two changes of one second would have one id."""
    just_now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    happened = sent(INVOICE, [202], changed=just_now)

    assert (happened["posted"], happened["deleted"], happened["updated"]) == ([], [], [])


@needs_node
def test_a_transaction_deleted_meanwhile_is_told_no_more() -> None:
    """There is nothing to read again."""
    happened = sent(INVOICE, [], changed=None)

    assert (happened["posted"], happened["deleted"]) == ([], [7])


@needs_node
@pytest.mark.parametrize(
    ("kind", "record", "after", "before", "rows"),
    [
        ("create", "invoice", None, None, [("invoice", "4800", [])]),
        ("edit", "salesorder", None, None, [("salesorder", "4800", [])]),
        ("delete", "invoice", None, None, []),
        ("create", "customerpayment", [line(1), line(2, apply=False)], None,
         [("customerpayment", "4800", ["1"])]),
        ("create", "customerpayment", [line(1, kind="Journal")], None, []),
        ("create", "creditmemo", [], None, []),
        ("edit", "customerpayment", [line(2)], [line(1)],
         [("customerpayment", "4800", ["1", "2"])]),
        ("delete", "customerpayment", [], [line(1), line(2)],
         [("invoice", "1", []), ("invoice", "2", [])]),
    ],
)  # fmt: skip
def test_a_save_leaves_what_it_changed_in_the_outbox(
    kind: str, record: str, after: Any, before: Any, rows: Any
) -> None:
    """Invoices that a payment no longer settles count as well as those that it settles now."""
    assert saved(kind, record, after, before) == rows


@needs_node
def test_an_inline_edit_is_read_whole() -> None:
    """It carries the changed fields only."""
    loaded = {"type": "customerpayment", "id": 4800, "apply": [line(5)]}

    rows = saved("xedit", "customerpayment", loaded=loaded)

    assert rows == [("customerpayment", "4800", ["5"])]


@needs_node
@pytest.mark.parametrize("broken", ["record", "task"])
def test_whatever_fails_the_save_stands(broken: str) -> None:
    """The script never throws; the poll finds what it could not queue."""
    happened = run(run="save", type="create", after={"type": "invoice", "id": 1}, broken=[broken])

    assert happened["posted"] == []
    assert len(happened["created"]) == (broken == "task")
    assert len(happened["logged"]) == (broken == "record")


def objects() -> list[ElementTree.Element]:
    """The objects of the project."""
    return [ElementTree.parse(path).getroot() for path in sorted(PROJECT.glob("Objects/*.xml"))]


def test_the_project_is_whole() -> None:
    """Every script file that an object names is there, and every id is short enough."""
    named = [node.text or "" for root in objects() for node in root.iter("scriptfile")]
    ids = [node.get("scriptid", "") for root in objects() for node in root.iter()]

    assert len(named) == 2
    for name in named:
        assert (CABINET / name.strip("[]/")).is_file(), name
    assert all(len(one) <= 40 for one in ids)
    for name in ("manifest.xml", "deploy.xml"):
        assert ElementTree.parse(PROJECT / name).getroot() is not None


def test_the_scripts_use_the_fields_and_parameters_that_are_deployed() -> None:
    """A field that no object defines would be empty in silence."""
    declared = {node.get("scriptid") for root in objects() for node in root.iter()}
    used = {
        name
        for path in SCRIPTS.glob("*.js")
        for name in re.findall(
            r"\bcust(?:om)?(?:record|script|deploy)_tieline_\w+", path.read_text()
        )
    }

    assert len(used) > 8
    assert used <= declared


def test_the_scripts_ask_for_a_change_as_the_poll_does() -> None:
    """One stamp a change, whoever tells it."""
    expression = 'TO_CHAR(SYS_EXTRACT_UTC({}lastmodifieddate), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')'

    assert expression.format("") in (SCRIPTS / "send_changes.js").read_text()
    assert expression.format("t.") in changes_query(Place.before(datetime.now(UTC)))
