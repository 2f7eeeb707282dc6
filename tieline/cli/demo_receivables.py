"""`tieline demo --receivables`: a file of invoices, lived through in skipped time."""

import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from governance.catalogue import load_catalogue
from tieline.cli.bar import progress_bar
from tieline.cli.output import err, out, print_table
from tieline.rehearsal.portfolio_file import PortfolioFile, open_portfolio
from tieline.rehearsal.portfolio_house import PortfolioHouse, erp_led, portfolio_house
from tieline.rehearsal.portfolio_life import LEVELS, Day, Life, Lived
from tieline.rehearsal.receivables import BAD_LINES_SHOWN
from tieline.rehearsal.skipping import skipping_binary
from tieline.rehearsal.vendors import currencies

DAILY_UP_TO = 31
WEEK_DAYS = 7
ACCOUNTS_SHOWN = 20


async def live_through(
    file: Path, as_of: date | None, days: int | None, *, quiet: bool
) -> dict[str, Any]:
    """Live through a file of invoices with everything on this machine; what came of it.

    Raises Misconfigured for a file, day or machine that does not serve, Unexpected when customer
    success or support show anything but what the definitions say of the ERP's invoices.
    """
    skipping_binary()
    portfolio = open_portfolio(file, currencies(load_catalogue()), as_of, days)
    _tell_file(portfolio)
    folder = Path(tempfile.mkdtemp(prefix="tieline-demo-"))
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        with err.status("Starting a server whose time is skipped, five simulators and a worker"):
            opened = portfolio_house(folder, erp_led(folder / "catalogue"), portfolio)
            built = await stack.enter_async_context(opened)
        _say(f"Up in {time.monotonic() - began:.1f} s.")
        lived = await _lived(built, portfolio)
    if not quiet:
        _render(lived)
    _say(f"\nDone in {time.monotonic() - began:.1f} s. State and logs: {folder}")
    _say(f"Look at it: tieline --config {folder / 'tieline.toml'} risk list")
    return {**asdict(lived), "levels": lived.levels()}


async def _lived(built: PortfolioHouse, portfolio: PortfolioFile) -> Lived:
    found: list[Lived] = []
    every = 1 if portfolio.days <= DAILY_UP_TO else WEEK_DAYS
    with progress_bar("Days", portfolio.days + 1) as bar:

        def tell(day: Day) -> None:
            bar.advance()
            number = (day.day - portfolio.first).days
            if number % every == 0 or day.day == portfolio.last:
                _say(_told(day))

        async def live() -> None:
            found.append(await Life(built, portfolio).live(tell))

        # A part that ends by itself is an error of its own, and not one of patience.
        await built.house.watch(live())
    return found[0]


def _say(text: str) -> None:
    err.print(text, soft_wrap=True)


def _tell_file(portfolio: PortfolioFile) -> None:
    read = portfolio.read
    _say(
        f"{len(read.receivables)} invoices of {len(portfolio.accounts)} customers; "
        f"{portfolio.days} days from {portfolio.first} to {portfolio.last} are lived through."
    )
    for bad in read.bad[:BAD_LINES_SHOWN]:
        _say(f"  line {bad.line} left out: {bad.why}")
    if read.bad_count > BAD_LINES_SHOWN:
        _say(f"  and {read.bad_count - BAD_LINES_SHOWN} more lines left out")


def _told(day: Day) -> str:
    levels = ", ".join(f"{count} {level}" for level, count in day.levels.items())
    return (
        f"  {day.day}  {day.open} invoices open, {day.overdue} overdue; "
        f"accounts at risk: {levels}; {day.calls} calls open"
    )


def _render(lived: Lived) -> None:
    rows = [(level, now, most) for level, (now, most) in lived.levels().items()]
    columns = ["level", f">accounts on {lived.last}", ">accounts at most there"]
    print_table(columns, rows, title="Accounts by payment risk")
    told = [one for one in lived.accounts if one.at_most != LEVELS[0]]
    told.sort(key=lambda one: (-LEVELS.index(one.level), -LEVELS.index(one.at_most), one.customer))
    shown = [(a.customer, a.level, a.at_most, a.overdue or "-", a.calls) for a in told]
    print_table(
        ["account", "level", "at most", "overdue", ">calls"],
        shown[:ACCOUNTS_SHOWN],
        title="\nAccounts that were at risk",
        empty="No account was ever at risk.",
    )
    if len(told) > ACCOUNTS_SHOWN:
        out.print(f"and {len(told) - ACCOUNTS_SHOWN} more")
    quiet = len(lived.accounts) - len(told)
    out.print(
        f"\n{lived.calls} calls to action in {lived.spells} spells of late payments; nothing was "
        f"ever shown of {quiet} accounts.\nOn each of {len(lived.days)} days customer success and "
        "support showed what the definitions say of the ERP's invoices, and nothing else."
    )
