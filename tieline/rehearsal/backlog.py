"""A rehearsal on an org's own deals: close all, see what is held, correct, release, compare."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from canonical.connections import Role
from canonical.errors import Misconfigured
from canonical.money import Money
from governance.catalogue import load_catalogue
from ledger.database import Database
from ledger.views.cases import CaseGroup, group_cases
from ledger.views.processes import count_stages
from tieline.children import ended, tieline_command
from tieline.rehearsal.corrections import Correction, propose, write
from tieline.rehearsal.demo import Stage, Unexpected

CLOSED_AT_ONCE = 50
POLL_SECONDS = 0.5
STALLED_SECONDS = 120.0
ENDED = ("completed", "cancelled")
PER_ACCOUNT = (
    (Role.BILLING, "customer"),
    (Role.ERP, "customer"),
    (Role.SUPPORT, "organization"),
    (Role.SUCCESS, "company"),
)
PER_DEAL = (
    (Role.BILLING, "subscription"),
    (Role.ERP, "sales_order"),
    (Role.SUCCESS, "onboarding"),
    (Role.CRM, "write_back"),
)

Say = Callable[[str], None]
Reach = Callable[[int], None]


@dataclass
class Outcome:
    """What a rehearsal on an export came to."""

    deals: int
    won: dict[str, Money]
    held: list[CaseGroup] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    still_held: list[CaseGroup] = field(default_factory=list)
    booked: dict[Role, dict[str, Money]] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    audit_rows: int = 0


async def play_export(stage: Stage, catalogue: Path, say: Say, reach: Reach) -> Outcome:
    """Rehearse on the deals in the CRM; raises Unexpected unless every system agrees at the end."""
    before = await stage.survey()
    outcome = Outcome(len(before.won), before.won_value())
    if not before.won:
        raise Misconfigured("the export has no closed-won deals to rehearse on")
    database = Database.open(stage.house.settings.ledger_url)
    try:
        await asyncio.gather(
            _close(stage, [deal.business_id for deal in before.won]),
            _settled(database, outcome.deals, reach),
        )
        outcome.held = await group_cases(database)
        _tell_held(say, outcome.held)
        known = load_catalogue(catalogue)
        outcome.corrections = propose(known, [group.cause_key for group in outcome.held])
        if outcome.corrections:
            await _correct(stage, catalogue, outcome.corrections, say)
            await _settled(database, outcome.deals, reach, released=True)
        outcome.still_held = await group_cases(database)
    finally:
        await database.close()
    await _compare(stage, outcome)
    return outcome


async def _close(stage: Stage, deals: list[str]) -> None:
    crm = stage.controls["salesforce"]
    for first in range(0, len(deals), CLOSED_AT_ONCE):
        batch = deals[first : first + CLOSED_AT_ONCE]
        if await crm.close(batch) != len(batch):
            raise Unexpected(f"callouts were refused; see {stage.house.log('webhooks')}")


async def _settled(database: Database, deals: int, reach: Reach, released: bool = False) -> None:
    """Wait until every deal is done or held; raises Unexpected when nothing moves for 2 minutes."""
    loop = asyncio.get_running_loop()
    last, moved = (-1, -1), loop.time()
    while True:
        stages = {one.stage: one.count for one in await count_stages(database)}
        done = sum(stages.get(stage, 0) for stage in ENDED)
        held = sum(group.count for group in await group_cases(database))
        reach(done if released else done + held)
        if done + held >= deals:
            return
        if (done, held) != last:
            last, moved = (done, held), loop.time()
        if loop.time() - moved > STALLED_SECONDS:
            raise Unexpected(f"{deals - done - held} deals stand still; {done} done, {held} held")
        await asyncio.sleep(POLL_SECONDS)


def _tell_held(say: Say, held: list[CaseGroup]) -> None:
    for group in held:
        money = ", ".join(map(str, group.held))
        say(f"  held: {group.cause_key}  {group.count} deals  {money}")


async def _correct(stage: Stage, catalogue: Path, corrections: list[Correction], say: Say) -> None:
    """Correct the catalogue, then release each cause with the command an operator would type."""
    say("\nCorrected in the catalogue, while everything runs:")
    write(catalogue, corrections)
    for correction in corrections:
        say(f"  {correction}")
    # A worker looks for edits once a second.
    await asyncio.sleep(1.5)
    for correction in corrections:
        arguments = ("exceptions", "resolve", "--cause", correction.cause_key, "--action", "retry")
        say(f"  $ tieline {' '.join(arguments)}")
        await _command(stage, *arguments, "--by", "Ada")


async def _command(stage: Stage, *arguments: str) -> None:
    log = stage.house.log("commands")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *tieline_command(stage.house.config, *arguments), stdout=output, stderr=output
        )
        code = await process.wait()
    if code:
        raise ended(f"tieline {arguments[0]} {arguments[1]}", code, log)


async def _compare(stage: Stage, outcome: Outcome) -> None:
    """Bookings equal the CRM's to the minor unit, one record a key in each system (I1, I2)."""
    seen = await stage.survey()
    held = sum(group.count for group in outcome.still_held)
    outcome.booked = {role: seen.booked(role) for role in (Role.BILLING, Role.ERP)}
    outcome.records = {
        f"{role} {kind}": len(seen.of(role, kind)) for role, kind in (*PER_ACCOUNT, *PER_DEAL)
    }
    if duplicates := seen.duplicates():
        raise Unexpected(f"duplicates: {', '.join(duplicates[:10])}")
    for role, kind in PER_DEAL:
        if (count := len(seen.of(role, kind))) != outcome.deals - held:
            raise Unexpected(f"{role} has {count} {kind}s for {outcome.deals - held} deals")
    for role, booked in outcome.booked.items():
        if booked != _released(outcome):
            raise Unexpected(f"{role} booked {_told(booked)}, won are {_told(outcome.won)}")
    report = await stage.audit()
    if not report.ok:
        raise Unexpected(f"the audit is broken at row {report.first_bad_seq}: {report.reason}")
    outcome.audit_rows = report.rows


def _released(outcome: Outcome) -> dict[str, Money]:
    """What was won less what is still held."""
    value = dict(outcome.won)
    for group in outcome.still_held:
        for money in group.held:
            value[money.currency] -= money
    return value


def _told(value: dict[str, Money]) -> str:
    return ", ".join(map(str, value.values())) or "nothing"
