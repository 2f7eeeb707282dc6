"""The command line's root: shared options, one sentence for an error, a clean exit."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from canonical.errors import Misconfigured, TielineError
from tieline.cli.deferred import Deferred
from tieline.cli.output import Context, complain

EXIT_FAILED = 1
EXIT_MISUSED = 2
EXIT_INTERRUPTED = 130

# In the order of the help: the module that has the command, and the first sentence of its help.
COMMANDS = {
    "demo": (
        "demo",
        "Run everything on this machine, close deals in the CRM and show what becomes of them.",
    ),
    "up": (
        "up",
        "Run everything on this machine until Ctrl-C: Temporal, webhooks and a worker.",
    ),
    "simulate": (
        "simulate",
        "Serve stand-ins of Salesforce, Stripe, NetSuite, Zendesk and Gainsight until Ctrl-C.",
    ),
    "worker": (
        "worker",
        "Run workflows and the activities of the configured connections until Ctrl-C.",
    ),
    "webhooks": (
        "webhooks",
        "Receive signed webhooks, store them and start processes until Ctrl-C.",
    ),
    "listen": (
        "listen",
        "Hear what a connection's event bus tells (Salesforce's Pub/Sub API) until Ctrl-C.",
    ),
    "relay": (
        "relay",
        "Relay canonical events to NATS JetStream and to subscribers until Ctrl-C.",
    ),
    "doctor": (
        "doctor",
        "Check catalogue, ledger, vendors, feeds, relay, Temporal, workers; exit 1 if one fails.",
    ),
    "start": ("processes", "Start a process, once, whoever asks."),
    "progress": (
        "processes",
        "Show where a process stands, step by step; or count and list all of them.",
    ),
    "cancel": (
        "processes",
        "Show what a cancellation would undo and release; with --plan, ask for it.",
    ),
    "inbox": ("inbox", "Show what came in, how intake stands, and replay it."),
    "exceptions": ("exceptions", "List, show and decide what waits for a person."),
    "events": ("events", "Read the canonical events, see where they went, and replay them."),
    "renewals": (
        "renewals",
        "List and show contracts' renewals: their clocks, readiness and forecast.",
    ),
    "risk": ("risk", "List and show the risk that accounts' unpaid invoices are."),
    "accounts": (
        "accounts",
        "Show one account: value, payment, consumption, implementation, hierarchy.",
    ),
    "portfolio": (
        "portfolio",
        "Report on all accounts and renewals, each report with how current it is.",
    ),
    "definitions": (
        "definitions",
        "Show what words mean here, why an account is what it is, and what a change would move.",
    ),
    "audit": ("audit", "Verify and export the hash-chained audit."),
}


class Root(TyperGroup):
    """The root group: every command of COMMANDS, none of them imported yet."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (module, summary) in COMMANDS.items():
            self.add_command(Deferred(name, f"tieline.cli.{module}", summary))


app = typer.Typer(
    name="tieline",
    cls=Root,
    help="Durable business processes across CRM, support, billing, ERP and customer success.",
    epilog="Start with: tieline demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="Settings (default: TIELINE_CONFIG, ./tieline.toml).",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON where a script would read.")
    ] = False,
) -> None:
    """Options that every command takes; they stand before the command's name."""
    context.obj = Context(config=config, as_json=as_json)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command (default: the process's own) and return its exit code.

    Every error of ours, and every file or port that the system refuses, is one sentence.
    """
    try:
        app(arguments, prog_name="tieline")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED if ended.code else 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except TielineError as error:
        complain(error.cause, str(error))
        return EXIT_MISUSED if isinstance(error, Misconfigured) else EXIT_FAILED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        complain("Unavailable", f"{place}{error.strerror or error}")
        return EXIT_FAILED
    return 0


def main() -> None:
    """Run the command of this process and end it."""
    # SIGTERM unwinds like Ctrl-C, so that whoever ends us (a supervisor, a timeout) leaves nothing
    # of ours behind.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    code = run()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used Temporal's client may crash in its native threads while Python shuts down;
    # everything is flushed and closed by now.
    os._exit(code)
