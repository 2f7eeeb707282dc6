"""`tieline audit`: prove that the record of what happened is whole, and hand it to an auditor."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from canonical.errors import Misconfigured
from ledger.audit import AuditReport, Checkpoint, export, verify, verify_file
from ledger.database import Database
from tieline.cli.output import context_of, out, show
from tieline.settings import Settings

audit_app = typer.Typer(help="Verify and export the hash-chained audit.", no_args_is_help=True)
CheckpointOption = Annotated[
    str, typer.Option("--checkpoint", help="SEQ:HASH that an earlier export ended with.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("verify", epilog="Example: tieline audit verify --file audit-2026-11.jsonl")
def verify_audit(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option(help="Verify an exported file instead of the ledger.")
    ] = None,
    checkpoint: CheckpointOption = "",
) -> None:
    """Check every row against the chain; exit 1 and name the row where it breaks."""
    shared = context_of(context)
    known = _checkpoint(checkpoint)
    if file is not None:
        try:
            with file.open("rb") as lines:
                report = verify_file(lines, known)
        except OSError as error:
            raise Misconfigured(f"--file: {file} cannot be read: {error.strerror}") from error
    else:
        report = asyncio.run(_verify(shared.settings(), known))
    show(shared, report, lambda: _render(report))
    if not report.ok:
        raise typer.Exit(1)


@audit_app.command("export", epilog="Example: tieline audit export audit-2026-11.jsonl")
def export_audit(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write JSON lines.")],
) -> None:
    """Write the whole audit as JSON lines that end with a checkpoint to keep elsewhere."""
    shared = context_of(context)
    checkpoint = asyncio.run(_export(shared.settings(), file))
    show(
        shared,
        checkpoint,
        lambda: out.print(f"{checkpoint.seq} rows; checkpoint {checkpoint.seq}:{checkpoint.hash}"),
    )


def _checkpoint(text: str) -> Checkpoint | None:
    if not text:
        return None
    seq, _, row_hash = text.partition(":")
    if not seq.isdigit() or not row_hash:
        raise Misconfigured("--checkpoint: give SEQ:HASH as `tieline audit export` printed it")
    return Checkpoint(seq=int(seq), hash=row_hash)


async def _verify(settings: Settings, checkpoint: Checkpoint | None) -> AuditReport:
    database = Database.open(settings.ledger_url)
    try:
        return await verify(database, checkpoint)
    finally:
        await database.close()


async def _export(settings: Settings, file: Path) -> Checkpoint:
    database = Database.open(settings.ledger_url)
    try:
        with file.open("wb") as lines:
            return await export(database, lines)
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}") from error
    finally:
        await database.close()


def _render(report: AuditReport) -> None:
    if report.ok:
        out.print(f"{report.rows} rows, unbroken.")
    else:
        broken = (f"Broken at row {report.first_bad_seq}", "red")
        out.print(Text.assemble(broken, f": {report.reason}"))
