"""The simulators as a process of their own, from the first line to Ctrl-C."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.cli.terminal import tieline
from tieline.configure import load_settings
from tieline.rehearsal.vendors import VENDORS

STOP_SECONDS = 30
HEAVY = {"temporalio", "sqlalchemy", "alembic", "opentelemetry"}


def test_five_vendors_answer_until_they_are_told_to_stop(nowhere: Path) -> None:
    """Their addresses are printed, and written as settings that can be used at once."""
    command = ["simulate", "--ports", "0,0,0,0,0", "--write-config", "rehearsal.toml"]
    with subprocess.Popen(
        [sys.executable, "-m", "tieline", *command],
        cwd=nowhere,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in (*VENDORS, "settings")]
        urls = dict(re.findall(r"^(\w+) +(http://127\.0\.0\.1:\d+) ", "".join(lines), re.MULTILINE))
        states = {name: httpx.get(f"{url}/_sim/state").status_code for name, url in urls.items()}

        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=STOP_SECONDS)

    assert states == dict.fromkeys(VENDORS, 200)
    assert (running.returncode, out, err) == (0, "", "Ctrl-C stops the simulators.\n")
    connected = load_settings(nowhere / "rehearsal.toml").connections
    assert [connection.url for connection in connected.values()] == list(urls.values())


def test_receivables_are_loaded_into_the_erp_and_bad_lines_are_said(nowhere: Path) -> None:
    """How the portfolio stands on the day that is taken for today."""
    lines = ["invoice,customer,invoice date,due date,amount,settled date"]
    lines += ["G-1,001Globex,2013-01-02,2013-02-01,55.94,", "G-2,001Globex,2013-01-02,later,1,"]
    (nowhere / "ar.csv").write_text("\n".join(lines))
    command = ["simulate", "--ports", "0,0,0,0,0", "--receivables", "ar.csv"]
    command += ["--receivables-as-of", "2013-02-10"]
    with subprocess.Popen(
        [sys.executable, "-m", "tieline", *command],
        cwd=nowhere,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        said = [running.stdout.readline() for _ in (*VENDORS, "receivables", "bad line")]
        url = next(line.split()[1] for line in said if line.startswith("netsuite"))
        (invoice,) = httpx.get(f"{url}/_sim/state").json()["invoice"].values()
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=STOP_SECONDS)

    assert running.returncode == 0
    assert (invoice["tranId"], invoice["status"]["refName"]) == ("G-1", "Open")
    assert said[-2:] == [
        "receivables 1 invoices of 1 customers, 2013-02-10 taken for today: "
        "1 open (1 overdue, 0 disputed), 0 paid, 0 ahead\n",
        "  line 3 left out: 'later' is no due date\n",
    ]


def test_receivables_that_cannot_be_read_are_refused(nowhere: Path) -> None:
    """A file that is not there, and one that holds something else."""
    (nowhere / "other.csv").write_text("a,b\n1,2\n")
    given = ("simulate", "--folder", nowhere, "--ports", "0,0,0,0,0", "--receivables")

    missing, other = tieline(*given, "no.csv"), tieline(*given, "other.csv")

    assert missing.code == other.code == 2
    assert missing.refusal.startswith("Misconfigured: --receivables: ")
    assert "no column for invoice" in other.refusal


def test_help_and_simulators_start_without_what_only_others_need(nowhere: Path) -> None:
    """They are what a person starts most often, so they leave Temporal and SQL alone."""
    script = (
        "import sys; from tieline.cli.app import run; code = run(sys.argv[1:]); "
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "simulate", "--ports", "0,0"]

    done = subprocess.run(command, cwd=nowhere, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    refusal, modules = done.stderr.splitlines()
    assert refusal.startswith("Misconfigured: --ports: give 5 port numbers")
    assert HEAVY & set(modules.split()) == set()


def test_an_export_that_cannot_be_read_is_refused(nowhere: Path) -> None:
    """A folder that holds something else."""
    (nowhere / "export").mkdir()

    missing = tieline("simulate", "--folder", nowhere, "--ports", "0,0,0,0,0", "--crm-export", "no")
    empty = tieline(
        "simulate", "--folder", nowhere, "--ports", "0,0,0,0,0", "--crm-export", nowhere / "export"
    )

    assert missing.code == empty.code == 2
    assert missing.refusal.startswith("Misconfigured: --crm-export: ")
    assert empty.refusal.startswith("Misconfigured: --crm-export: ")
