"""Whatever is wrong is said in one sentence that names the remedy, and never gives away a secret.

Exit code 2 is misuse or wrong settings, 1 is anything else that did not work.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import process
from tests.cli.terminal import tieline as run

CANARY = "canary-4f1d2c"
PROCESS = "quote-to-cash/crm/0065g000KlPpzeOAIR"
NEED_SETTINGS = [
    ["doctor"],
    ["exceptions", "list"],
    ["exceptions", "show", "1"],
    ["exceptions", "resolve", "1", "--action", "retry"],
    ["start", "quote-to-cash", "--opportunity", "0065g000KlPpzeOAIR"],
    ["progress"],
    ["cancel", PROCESS],
    ["audit", "verify"],
    ["audit", "export", "audit.jsonl"],
    ["worker"],
    ["webhooks"],
    ["up"],
]
CRM = """
[connections.crm]
role = "crm"
vendor = "salesforce"
base_url = "https://globex.my.salesforce.com"
"""


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def settings(folder: Path, text: str) -> Path:
    """A settings file with this text."""
    file = folder / "given.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("words", NEED_SETTINGS, ids=" ".join)
def test_every_command_that_needs_settings_says_that_the_file_is_missing(
    words: list[str],
) -> None:
    """It names the file and what to do, before anything is begun."""
    said = run("--config", "prod.toml", *words)

    assert said.code == 2
    assert said.refusal.startswith("Misconfigured: prod.toml: there is no such file; copy ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("legder_url = 'x'", "legder_url: there is no such setting; remove it or correct its sp"),
        ("[worker]\nconcurrent_max = 'many'", "worker.concurrent_max: input should be a valid int"),
        ("ledger_url = ", "not valid TOML: Invalid value (at end of document); correct it there"),
        ("ledger_url = 'mysql://db/tieline'", "A ledger is a SQLite file or a PostgreSQL database"),
        ("payload_keys = ['2026-11:env:NO_SUCH_KEY']", "NO_SUCH_KEY"),
        (CRM + f"secrets = {{ private_key = '{CANARY}' }}", "is not a reference env:NAME or file"),
        (f"ledger_url = ['{CANARY}']", "ledger_url: input should be a valid string"),
        (f"[temporal]\naddress = {{ x = '{CANARY}' }}", "temporal.address: input should be a val"),
        ("[webhooks.sources.crm]\nconnection = 'crm'\nsecrets = ['env:A']", "not a connection"),
    ],
    ids=lambda text: text.split("\n")[0][:30],
)
def test_wrong_settings_are_named_with_key_and_remedy(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """One sentence, without the value, which may be a secret."""
    said = run("--config", settings(tmp_path, text), "cancel" if "keys" in text else "audit", *(
        [PROCESS] if "keys" in text else ["verify"]))  # fmt: skip

    assert said.code == 2
    assert sentence in said.refusal
    assert CANARY not in said.err


def test_settings_that_are_not_text_are_refused(tmp_path: Path) -> None:
    """A file in another encoding."""
    file = tmp_path / "latin.toml"
    file.write_bytes("# für Globex".encode("latin-1"))

    assert "not UTF-8; save it as UTF-8" in run("--config", file, "progress").refusal


def test_a_wrong_variable_is_named_instead_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file, so it is where the remedy is."""
    monkeypatch.setenv("TIELINE_WEBHOOKS__PORT", CANARY)

    said = run("progress")

    assert said.code == 2
    assert said.refusal.startswith("Misconfigured: TIELINE_WEBHOOKS__PORT: webhooks.port: ")
    assert CANARY not in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["simulate", "--ports", "9101,9102"],
            "--ports: give 5 port numbers separated by commas, for salesforce, stripe, netsuite, "
            "zendesk, gainsight",
        ),
        (["simulate", "--ports", "1,2,3,4,seventy"], "--ports: give 5 port numbers"),
        (["simulate", "--ports", "1,2,3,4,70000"], "--ports: give 5 port numbers"),
        (
            ["exceptions", "resolve", "1", "--cause", "CreditHold", "--action", "retry"],
            "name cases, or a cause with --cause, and not both",
        ),
        (["exceptions", "resolve", "--action", "retry"], "name cases, or a cause with --cause"),
        (
            [
                "exceptions",
                "resolve",
                "1",
                "--action",
                "amend",
                "--reason",
                "typo",
                "--amendment",
                "{country",
            ],
            "--amendment is not JSON",
        ),
        (
            [
                "exceptions",
                "resolve",
                "1",
                "--action",
                "amend",
                "--reason",
                "typo",
                "--amendment",
                "[1]",
            ],
            '--amendment is a JSON object, such as {"country": "South Korea"}',
        ),
        (
            ["exceptions", "resolve", "1", "--action", "retry", "--amendment", "{}"],
            "--action amend and --amendment go together",
        ),
        (
            ["exceptions", "resolve", "1", "--action", "amend", "--reason", "typo"],
            "--action amend and --amendment go together",
        ),
        (["exceptions", "resolve", "1", "--action", "skip"], "--action skip needs --reason"),
        (
            ["exceptions", "resolve", "1", "--action", "retry", "--by", "A" * 101],
            "--by has 101 characters; at most 100",
        ),
        (["cancel", PROCESS, "--plan", "0a1b2c"], "a cancellation needs --reason"),
        (
            ["cancel", PROCESS, "--plan", "0a1b2c", "--reason", "x" * 501],
            "--reason has 501 characters; at most 500",
        ),
        (["audit", "verify", "--checkpoint", "17"], "--checkpoint: give SEQ:HASH"),
        (["audit", "verify", "--file", "no.jsonl"], "--file: no.jsonl cannot be read: No such"),
        (["audit", "export", "no/audit.jsonl"], "no/audit.jsonl cannot be written: No such file"),
        (
            ["start", "quote-to-cash", "--opportunity", "0065g000KlPpzeOAIR"],
            "there is no CRM connection; add one to tieline.toml",
        ),
        (["worker"], "no connection to serve"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_wrong_input_is_refused_before_anything_is_done(words: list[str], sentence: str) -> None:
    """Each with what would have been right, in a folder where there is nothing else."""
    said = run(*words)

    assert said.code == 2
    assert said.refusal.startswith(f"Misconfigured: {sentence}")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["exceptions", "resolve", "1"], "Missing option '--action'"),
        (["exceptions", "resolve", "1", "--action", "pay"], "'pay' is not one of"),
        (["exceptions", "show"], "Missing argument 'CASE'"),
        (["progress", "--limit", "0"], "'--limit': Input should be greater than or equal to 1"),
        (["simulate", "--latency-ms", "slow"], "'--latency-ms': Input should be a valid number"),
        (["start", "quote-to-cash"], "Missing option '--opportunity'"),
        (["start", "order-to-cash"], "No such command 'order-to-cash'"),
        (["demo", "--crm-export", "no"], "'--crm-export': dir 'no' does not exist"),
        (["cancle"], "No such command 'cancle'. Did you mean 'cancel'?"),
        (["--jsno", "doctor"], "No such option: --jsno"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_command_line_is_explained(words: list[str], complaint: str) -> None:
    """With the usage, and where help is."""
    said = run(*words)

    assert said.code == 2
    assert complaint in " ".join(said.err.split())
    assert "Usage: tieline" in said.err and "--help' for help" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "words",
    [
        ["progress", PROCESS],
        ["cancel", PROCESS],
        ["cancel", PROCESS, "--plan", "0a1b", "--reason", "fraud"],
        ["exceptions", "resolve", "1", "--action", "retry"],
        ["start", "quote-to-cash", "--opportunity", "0065g000KlPpzeOAIR"],
        ["worker"],
    ],
    ids=" ".join,
)
def test_without_temporal_a_command_ends_with_its_address(
    words: list[str], tmp_path: Path, closed_port: int
) -> None:
    """It could not be done now: exit code 1."""
    text = f"[temporal]\naddress = '127.0.0.1:{closed_port}'\n{CRM}"

    said = run("--config", settings(tmp_path, text), *words)

    assert said.code == 1
    assert said.refusal == (
        f"Unavailable: Temporal does not answer at 127.0.0.1:{closed_port}; "
        "start it, or correct temporal.address"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["progress"],
        ["exceptions", "list"],
        ["exceptions", "list", "--each"],
        ["exceptions", "show", "1"],
        ["audit", "verify"],
        ["audit", "export", "audit.jsonl"],
    ],
    ids=" ".join,
)
def test_without_the_ledger_a_command_ends_without_its_password(
    words: list[str], tmp_path: Path, closed_port: int
) -> None:
    """Host, port and database are named; user and password are not."""
    url = f"postgresql://tieline:{CANARY}@127.0.0.1:{closed_port}/ledger"

    said = run("--config", settings(tmp_path, f"ledger_url = '{url}'"), *words)

    assert said.code == 1
    place = f"(postgresql 127.0.0.1:{closed_port}/ledger)"
    assert said.refusal.startswith(f"Unavailable: The ledger {place} does not answer: ")
    assert CANARY not in said.err


def test_a_ledger_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Somebody pointed the ledger at another file."""
    (tmp_path / "deals.csv").write_text("Id,Name,Amount\n" * 400)
    file = settings(tmp_path, f"ledger_url = 'sqlite:///{tmp_path}/deals.csv'")

    said = run("--config", file, "progress")

    assert said.code == 2
    assert "deals.csv) cannot be opened: file is not a database" in said.refusal


def test_a_ledger_without_tables_asks_for_a_worker(tmp_path: Path) -> None:
    """A new installation: nothing has brought the tables up to date yet."""
    file = settings(tmp_path, f"ledger_url = 'sqlite:///{tmp_path}/new.db'")

    said = run("--config", file, "exceptions", "list")

    assert said.code == 2
    assert "lacks a table or column" in said.refusal


def test_where_nobody_is_logged_in_the_decider_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container that runs under a bare number has no name to record."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("getpass.getuser", nobody)

    said = run("exceptions", "resolve", "1", "--action", "retry")

    assert said.code == 2
    assert said.refusal == "Misconfigured: nobody is logged in; say who decides with --by"


def test_what_the_system_refuses_is_one_sentence_too(tmp_path: Path) -> None:
    """A folder that is a file, say."""
    (tmp_path / "taken").write_text("")

    said = run("simulate", "--folder", tmp_path / "taken")

    assert said.code == 1
    assert said.refusal.startswith(f"Unavailable: {tmp_path}/taken")


def test_a_port_that_is_taken_is_named(closed_port: int, tmp_path: Path) -> None:
    """Two simulations at once, most often."""
    said = run("simulate", "--folder", tmp_path, "--ports", f"0,0,0,0,{closed_port}")

    assert said.code == 2
    assert said.refusal == (
        f"Misconfigured: --ports: {closed_port}, for gainsight: Address already in use; "
        "name another, or 0 for a free one"
    )


def test_webhooks_do_not_start_without_the_secret_that_verifies_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is named, and no value of what is set."""
    monkeypatch.setenv("OTHER_SECRET", CANARY)
    sources = "[webhooks.sources.crm]\nconnection = 'crm'\nsecrets = ['env:ROTATED_SECRET']"

    said = run("--config", settings(tmp_path, f"{CRM}\n{sources}"), "webhooks")

    assert said.code == 2
    assert "env:ROTATED_SECRET is missing or empty" in said.refusal
    assert CANARY not in said.err


@pytest.mark.parametrize("text", ["", "not JSON\n", '{"seq": 1}\n', "[]\n"])
def test_a_file_that_is_no_audit_does_not_pass_for_one(nowhere: Path, text: str) -> None:
    """Whatever an auditor was sent by mistake."""
    (nowhere / "audit.jsonl").write_text(text)

    said = run("audit", "verify", "--file", "audit.jsonl")

    assert said.code == 1
    assert said.err == ""
    assert said.out.startswith("Broken at row ")


def test_a_shell_sees_one_sentence_and_the_code(nowhere: Path) -> None:
    """The true entry point, in a process of its own."""
    said = process("simulate", "--ports", "9101", folder=nowhere)

    assert said.code == 2
    assert said.refusal.startswith("Misconfigured: --ports: give 5 port numbers")
