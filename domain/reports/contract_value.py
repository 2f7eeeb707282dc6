"""What an account's contracts in force are worth, as far as it is on record (R19)."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

from canonical.facts import ContractFacts
from canonical.money import Money
from canonical.subjects import KnownRecord
from domain.definitions.contracts import Standing, standing, statuses_of
from domain.reports.account_file import AccountFile, BookedOrder, KnownRenewal
from domain.reports.blocks import UNKNOWN, Block, block, named
from domain.reports.figures import by_currency
from governance.definitions import Definitions

IN_FORCE = (Standing.RUNS, Standing.RESTS)
# Where an order's total comes from: the CRM, as it stood when quote-to-cash carried the order out.
ORDERS = "crm, by the order"
NEVER_TOLD = "no owner of contracts told of one of it, and no order of it was carried out"


class Worth(NamedTuple):
    """What a contract was worth when that was told, by whom, and of which contract or order it is
    the amount; `read_at` is None for an order's, which no later read of the contract confirms.

    `told_amendments` says that every amendment which is on record was told by this read or by one
    before it.
    """

    value: Money
    of: str
    source: str
    as_of: datetime | None
    read_at: datetime | None
    told_amendments: bool = False


def contract_value(file: AccountFile, definitions: Definitions, today: date) -> Block:
    """What the contracts in force are worth, as their owners tell of them, each by the newest read
    that states it: its clock's, or intake's, which follows every change.

    Where neither has a value of its deal, the order that brought it says it. Unknown where none
    does, and where a contract was amended or renewed since.
    """
    statuses = statuses_of(definitions)
    orders = {order.opportunity_id: order for order in file.orders}
    contracts, missing, used = list[dict[str, Any]](), list[str](), dict[str, Money]()
    reads: list[tuple[str, datetime]] = []
    clocks = {(one.connection, one.contract_id): one for one in file.clocks}
    for record, contract, clock in _with_clocks(file, clocks):
        name = f"{record.connection}/{contract.id}"
        stands = standing(contract, statuses, today)
        worth = _read(name, record, contract, clock) or _worth(
            name, record.connection, clock, orders.get(contract.opportunity_id), file
        )
        contracts.append(_contract_line(name, stands, worth, clock))
        reads.append((record.connection, record.recorded_at))
        if stands not in IN_FORCE:
            continue
        if why := _why_unknown(worth, clock, file.amended.get(name), today):
            missing.append(f"{name}: {why}")
        elif worth is not None:
            used[worth.of] = worth.value
            reads += [(worth.source, worth.as_of)] if worth.as_of else []
    for clock in clocks.values():
        name = f"{clock.connection}/{clock.contract_id}"
        worth = _worth(name, clock.connection, clock, orders.get(clock.opportunity_id), file)
        contracts.append(_contract_line(name, None, worth, clock))
        if clock.terms_read_at:
            reads.append((clock.connection, clock.terms_read_at))
        missing.append(f"{clock.contract_id}: whether it is in force was not read")
    if not contracts and file.orders:
        missing.append("orders are on record, but no contract was read")
    total = by_currency(used.values())
    stated = {"in_force": total, "contracts": contracts}
    stated["orders"] = by_currency(one.value for one in file.orders if one.value is not None)
    seen = bool(contracts or file.orders)
    return block(
        "contract_value",
        ", ".join(map(str, total)) or "no contract is in force",
        seen=seen,
        missing=missing if seen else [NEVER_TOLD],
        sources={connection for connection, _ in reads},
        ages=file.ages(reads),
        definitions=named(definitions, "active_customer", "renewal_date"),
        facts=stated,
    )


def _with_clocks(
    file: AccountFile, clocks: dict[tuple[str, str], KnownRenewal]
) -> Iterator[tuple[KnownRecord, ContractFacts, KnownRenewal | None]]:
    """The contracts that were read, each with its clock, which is taken out of `clocks`."""
    contracts = file.contracts
    own = {(record.connection, contract.id) for record, contract in contracts}
    # What began under another id is the same contract by its deal.
    begun = {key: one for key, one in clocks.items() if one.opportunity_id and key not in own}
    deals = {(one.connection, one.opportunity_id): key for key, one in begun.items()}
    for record, contract in contracts:
        clock = clocks.pop((record.connection, contract.id), None)
        key = deals.get((record.connection, contract.opportunity_id), ("", ""))
        yield record, contract, clock or clocks.pop(key, None)


def _read(
    name: str, record: KnownRecord, contract: ContractFacts, clock: KnownRenewal | None
) -> Worth | None:
    """By what intake read, where that states a value and its clock has not read the terms since."""
    read_at = record.recorded_at
    if contract.value is None:
        return None
    if clock is not None and clock.terms_read_at and clock.terms_read_at > read_at:
        return None
    return Worth(contract.value, name, record.connection, read_at, read_at, told_amendments=True)


def _worth(
    name: str,
    connection: str,
    clock: KnownRenewal | None,
    order: BookedOrder | None,
    file: AccountFile,
) -> Worth | None:
    """By the terms that its clock read; else by its order, which may be what several contracts of
    one deal are worth together, and is then no measure beside one that has a value of its own."""
    if clock is not None and clock.value is not None:
        read_at = clock.terms_read_at
        return Worth(clock.value, name, connection, read_at, read_at)
    if order is None or order.value is None:
        return None
    valued = {one.opportunity_id for one in file.clocks if one.value is not None}
    valued |= {one.opportunity_id for _, one in file.contracts if one.value}
    if order.opportunity_id in valued:
        return None
    return Worth(order.value, order.opportunity_id, ORDERS, order.as_of, None)


def _why_unknown(
    worth: Worth | None, clock: KnownRenewal | None, amended: datetime | None, today: date
) -> str:
    """Why it is not known what a contract is worth today; empty where it is."""
    if worth is None:
        return "neither a read of its terms nor an order of its own says what it is worth"
    is_read_since = worth.read_at is not None and (amended is None or amended < worth.read_at)
    if amended is not None and not (worth.told_amendments or is_read_since):
        return f"amended on {amended.date()}, its value since is not on record"
    ends = (clock.renewed_on, clock.renews_on) if clock is not None else ()
    read_on = worth.read_at.date() if worth.read_at else date.min
    # A renewal's day is the last one of the term before it.
    if since := [day for day in ends if day is not None and read_on <= day < today]:
        return f"its term ended on {max(since)}, its value since is not on record"
    return ""


def _contract_line(
    name: str, stands: Standing | None, worth: Worth | None, clock: KnownRenewal | None
) -> dict[str, Any]:
    return {
        "contract": name,
        "standing": stands.value if stands else UNKNOWN,
        "value": worth.value if worth else None,
        "value_as_of": worth.as_of if worth else None,
        "renews_on": clock.renews_on if clock else None,
        "renewal_state": clock.state if clock else "",
    }
