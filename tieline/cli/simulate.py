"""`tieline simulate`: the five vendors on loopback, with the settings to reach them."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from canonical.errors import Misconfigured
from governance.catalogue import load_catalogue
from simulators.salesforce import ExportError
from simulators.serve import listening_socket, serving
from tieline.cli.output import err, out
from tieline.cli.signals import until_stopped
from tieline.rehearsal.configuration import rehearsal_toml
from tieline.rehearsal.credentials import make_credentials
from tieline.rehearsal.receivables import described, load_receivables
from tieline.rehearsal.vendors import VENDORS, make_simulators

FOLDER = Path(".tieline/rehearsal")
PORTS = "9101,9102,9103,9104,9105"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: tieline simulate --crm-export ./export --write-config tieline.toml"
    )(simulate)


def simulate(
    folder: Annotated[
        Path, typer.Option(help="Where the throw-away credentials are kept.")
    ] = FOLDER,
    crm_export: Annotated[
        Path | None, typer.Option(help="A Salesforce data export (folder of CSV files) to load.")
    ] = None,
    receivables: Annotated[
        Path | None, typer.Option(help="Accounts receivable (a CSV file) to load into the ERP.")
    ] = None,
    receivables_as_of: Annotated[
        datetime | None,
        typer.Option(
            help="The file's day that is taken for today (default: of its newest invoice).",
            formats=["%Y-%m-%d"],
        ),
    ] = None,
    latency_ms: Annotated[float, typer.Option(help="Added to every vendor call.", min=0)] = 0.0,
    ports: Annotated[
        str,
        typer.Option(help=f"Five loopback ports, for {', '.join(VENDORS)} (0: a free one)."),
    ] = PORTS,
    callout_url: Annotated[
        str, typer.Option(help="Where the CRM posts its closed-won callouts.")
    ] = "http://127.0.0.1:8088/webhooks/crm",
    billing_url: Annotated[
        str, typer.Option(help="Where billing posts its events (default: nowhere).")
    ] = "",
    catalogue: Annotated[
        Path | None, typer.Option(help="The catalogue whose products the vendors know.")
    ] = None,
    write_config: Annotated[
        Path | None, typer.Option(help="Write a tieline.toml that reaches these simulators.")
    ] = None,
) -> None:
    """Serve stand-ins of Salesforce, Stripe, NetSuite, Zendesk and Gainsight until Ctrl-C.

    Each has control routes under /_sim: state, log, faults, latency, reset.
    """
    asyncio.run(
        _simulate(
            folder, crm_export, (receivables, receivables_as_of), latency_ms, ports,
            (callout_url, billing_url), catalogue, write_config,
        )
    )  # fmt: skip


async def _simulate(
    folder: Path,
    crm_export: Path | None,
    receivables: tuple[Path | None, datetime | None],
    latency_ms: float,
    ports: str,
    webhook_urls: tuple[str, str],
    catalogue_folder: Path | None,
    write_config: Path | None,
) -> None:
    by_vendor = _by_vendor(ports)
    catalogue = load_catalogue(catalogue_folder)
    credentials = make_credentials(folder)
    try:
        simulators = make_simulators(
            credentials,
            catalogue,
            latency_seconds=latency_ms / 1000,
            callout_url=webhook_urls[0],
            billing_url=webhook_urls[1],
            crm_export=crm_export,
        )
    except ExportError as error:
        raise Misconfigured(f"--crm-export: {error}", about="crm-export") from error
    portfolio, day = receivables
    lines: list[str] = []
    if portfolio is not None:
        as_of = day.date() if day else None
        lines = [*described(load_receivables(simulators, portfolio, as_of))]
    async with serving(simulators, by_vendor) as urls:
        for vendor, url in urls.items():
            out.print(f"{vendor:<11} {url}   control: {url}/_sim/state")
        for line in lines:
            out.print(line)
        if write_config is not None:
            write_config.write_text(
                rehearsal_toml(
                    credentials,
                    catalogue,
                    urls,
                    ledger_url=f"sqlite:///{folder.resolve() / 'ledger.db'}",
                    temporal_address="127.0.0.1:7233",
                    ui_url="http://127.0.0.1:8233",
                    webhooks_port=8088,
                    catalogue_folder=catalogue_folder,
                )
            )
            out.print(f"settings    {write_config}")
        err.print("Ctrl-C stops the simulators.", style="dim")
        await until_stopped()


def _by_vendor(ports: str) -> dict[str, int]:
    try:
        numbers = [int(port) for port in ports.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(VENDORS) or not all(0 <= number < 65536 for number in numbers):
        raise Misconfigured(
            f"--ports: give {len(VENDORS)} port numbers separated by commas, for "
            f"{', '.join(VENDORS)}"
        )
    by_vendor = dict(zip(VENDORS, numbers, strict=True))
    for vendor, number in by_vendor.items():
        _check_free(vendor, number)
    return by_vendor


def _check_free(vendor: str, port: int) -> None:
    try:
        listening_socket(port).close()
    except OSError as error:
        raise Misconfigured(
            f"--ports: {port}, for {vendor}: {error.strerror}; name another, or 0 for a free one"
        ) from error
