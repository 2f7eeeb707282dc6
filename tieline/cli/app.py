"""The command line's root: shared options, one sentence for an error, a clean exit."""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from canonical.errors import Misconfigured, TielineError
from tieline.cli import audit, demo, doctor, exceptions, processes, running, simulate
from tieline.cli.output import Context, complain

EXIT_FAILED = 1
EXIT_MISUSED = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="tieline",
    help="Durable business processes across CRM, support, billing, ERP and customer success.",
    epilog="Start with: tieline demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for group in (audit, demo, doctor, exceptions, processes, running, simulate):
    group.register(app)


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


def main() -> None:
    """Run a command; every error of ours is one sentence and a non-zero exit."""
    # SIGTERM unwinds like Ctrl-C, so that whoever ends us (a supervisor, a timeout) leaves nothing
    # of ours behind.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    code: int | str | None = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except TielineError as error:
        complain(error)
        code = EXIT_MISUSED if isinstance(error, Misconfigured) else EXIT_FAILED
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used Temporal's client may crash in its native threads while Python shuts down;
    # everything is flushed and closed by now.
    os._exit(code if isinstance(code, int) else EXIT_FAILED if code else 0)
