"""What an account's contracts in force are worth, as far as it is on record (R19)."""

from datetime import date, datetime
from typing import Any

from canonical.facts import ContractFacts
from canonical.money import Money
from domain.definitions.contracts import Standing, standing, statuses_of
from domain.reports.account_file import AccountFile, KnownRenewal
from domain.reports.blocks import UNKNOWN, Block, block, named
from domain.reports.figures import by_currency
from governance.definitions import Definitions

IN_FORCE = (Standing.RUNS, Standing.RESTS)
# Where an order's total comes from: the CRM, as it stood when quote-to-cash carried the order out.
ORDERS = "crm, by the order"


def contract_value(file: AccountFile, definitions: Definitions, today: date) -> Block:
    """What the contracts in force are worth, by the orders that brought them.

    Unknown where one of them was brought by no order of ours, or was amended or renewed since: no
    other amount of a contract is on record.
    """
    statuses = statuses_of(definitions)
    values = {order.opportunity_id: order for order in file.orders}
    clocks = {(one.connection, one.contract_id): one for one in file.renewals}
    deals = {(c.connection, c.opportunity_id): k for k, c in clocks.items() if c.opportunity_id}
    contracts, missing, used = list[dict[str, Any]](), list[str](), dict[str, Money]()
    reads: list[tuple[str, datetime]] = []
    for record, contract in file.records.of(ContractFacts):
        stands = standing(contract, statuses, today)
        order = values.get(contract.opportunity_id)
        value = order.value if order else None
        clock = clocks.pop((record.connection, contract.id), None)
        # What began under another id is the same contract by its deal.
        key = deals.get((record.connection, contract.opportunity_id), ("", ""))
        clock = clock or clocks.pop(key, None)
        contracts.append(_contract_line(record.connection, contract.id, stands, value, clock))
        reads.append((record.connection, record.recorded_at))
        if stands in IN_FORCE:
            missing += _why_unvalued(f"{record.connection}/{contract.id}", value, clock, file)
        if stands in IN_FORCE and order is not None and value is not None:
            used[order.opportunity_id] = value
            reads.append((ORDERS, order.as_of))
    for clock in clocks.values():
        order = values.get(clock.opportunity_id)
        value = order.value if order else None
        contracts.append(_contract_line(clock.connection, clock.contract_id, None, value, clock))
        if clock.terms_read_at:
            reads.append((clock.connection, clock.terms_read_at))
        missing.append(f"{clock.contract_id}: whether it is in force was not read")
    if not contracts and file.orders:
        missing.append("orders are on record, but no contract was read")
    total = by_currency(used.values())
    stated = {"in_force": total, "contracts": contracts}
    stated["orders"] = by_currency(one.value for one in file.orders if one.value is not None)
    seen = bool(contracts or file.orders)
    says = ", ".join(map(str, total)) or "no contract is in force"
    return block(
        "contract_value",
        says,
        seen=seen,
        missing=missing if seen else ["no contract of it was read, and no order carried out"],
        sources={connection for connection, _ in reads},
        ages=file.ages(reads),
        definitions=named(definitions, "active_customer", "renewal_date"),
        facts=stated,
    )


def _why_unvalued(
    contract: str, value: Money | None, clock: KnownRenewal | None, file: AccountFile
) -> list[str]:
    """Why the order does not say what a contract is worth today; empty where it does."""
    if value is None:
        return [f"{contract}: no order of ours brought it, its value is not known"]
    if amended := file.amended.get(contract):
        return [f"{contract}: amended on {amended.date()}, its value since is not on record"]
    if clock is not None and clock.renewed_on is not None:
        return [f"{contract}: renewed on {clock.renewed_on}, its value since is not on record"]
    return []


def _contract_line(
    connection: str,
    contract_id: str,
    stands: Standing | None,
    value: Money | None,
    clock: KnownRenewal | None,
) -> dict[str, Any]:
    return {
        "contract": f"{connection}/{contract_id}",
        "standing": stands.value if stands else UNKNOWN,
        "value": value,
        "renews_on": clock.renews_on if clock else None,
        "renewal_state": clock.state if clock else "",
    }
