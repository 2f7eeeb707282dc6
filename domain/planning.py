"""Accepts an order: validates it, maps it, places it and routes it (R61, R62, R71).

Checks run from the deal outward, and the first that fails is the cause: won, currency and sums;
accounts; products, which need only the deal and the product map; country, tax region and legal
entity; terms; and last the connections.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import rfc8785

from canonical.connections import Connection
from canonical.errors import TielineError, UnsupportedTerms
from canonical.orders import CommercialOrder, OrderAmendment
from canonical.plan import (
    CustomerSpec,
    Derivation,
    EntitlementSpec,
    OnboardingSpec,
    OrderPlan,
    Route,
    SalesOrderSpec,
    SubscriptionSpec,
)
from domain.amend import amended
from domain.booking import sales_order_lines
from domain.checks import check_order
from domain.hierarchy import Parties, parties
from domain.mapping import MappedLine, map_lines
from domain.placing import Place, check_currency, place, route
from domain.subscription import Schedule, one_time_items, phases, schedule
from domain.tiers import support_tier
from governance.catalogue import Catalogue


class _Accepted(NamedTuple):
    """An order that passed every check, and what the checks found."""

    order: CommercialOrder
    parties: Parties
    lines: Sequence[MappedLine]
    place: Place
    schedule: Schedule
    tier: str
    route: Route
    derivations: list[Derivation]


def plan_order(
    order: CommercialOrder,
    catalogue: Catalogue,
    connections: Iterable[Connection],
    *,
    crm: str = "",
    amendment: OrderAmendment | None = None,
    today: date | None = None,
) -> OrderPlan:
    """The only source of what the steps write, or the error that says why there is none.

    `crm` names the connection that the deal came from; `today` bounds how far back a start that the
    deal does not state may lie. `facts_digest` is of the order as the CRM
    states it, without the amendment. Raises InvalidOrder kinds and Misconfigured, each with
    details for the desk: the facts' digest, the money held, the account.
    """
    details = evidence(order)
    try:
        corrected = amended(order, amendment) if amendment else order
        accepted = _accept(corrected, catalogue, connections, crm, today)
        return _plan(accepted, catalogue, details["facts_digest"])
    except TielineError as error:
        error.details = details | error.details
        raise


def evidence(order: CommercialOrder) -> dict[str, Any]:
    """What every refusal of an order carries; raises UnsupportedTerms for numbers beyond 2**53."""
    names = {account.id: account.name for account in order.accounts}
    details = {
        "held": order.amount.model_dump(),
        "account_id": order.account_id,
        "account_name": names.get(order.account_id, ""),
        "order_name": order.name,
    }
    try:
        return details | {"facts_digest": order.facts_digest()}
    except rfc8785.CanonicalizationError as error:
        raise UnsupportedTerms(
            f"{order.name!r} states a number that is too large to be kept exactly",
            about=order.opportunity_id,
            details=details | {"facts_digest": ""},
        ) from error


def _accept(
    order: CommercialOrder,
    catalogue: Catalogue,
    connections: Iterable[Connection],
    crm: str,
    today: date | None,
) -> _Accepted:
    check_order(order)
    known = parties(order)
    lines = map_lines(order, catalogue.products)
    placed = place(known.bill_to, order.legal_entity, catalogue.regions)
    check_currency(placed.legal_entity, order.currency, catalogue.regions)
    when = schedule(order, lines, catalogue.terms, today)
    tier, from_tier = support_tier(order, lines, catalogue.terms)
    served = route(connections, placed.legal_entity, crm)
    derivations = [*placed.derivations, *when.derivations, *from_tier]
    return _Accepted(order, known, lines, placed, when, tier, served, derivations)


def _plan(accepted: _Accepted, catalogue: Catalogue, facts_digest: str) -> OrderPlan:
    order, known = accepted.order, accepted.parties
    subscription = _subscription(accepted, catalogue)
    net_days = Derivation(
        field="days_until_due", value=str(subscription.days_until_due), rule="terms.net_days"
    )
    return OrderPlan(
        opportunity_id=order.opportunity_id,
        account_id=known.sold_to.id,
        account_name=known.sold_to.name,
        order_name=order.name,
        total=order.amount,
        facts_digest=facts_digest,
        catalogue=catalogue.version,
        route=accepted.route,
        legal_entity=accepted.place.legal_entity,
        customer=_customer(accepted),
        subscription=subscription,
        sales_order=_sales_order(accepted),
        entitlement=_entitlement(accepted),
        onboarding=_onboarding(accepted, catalogue),
        derivations=[*accepted.derivations, net_days],
        await_payment=catalogue.policies.await_payment,
        patience_minutes={
            name: step.patience_minutes for name, step in catalogue.policies.steps.items()
        },
    )


def _customer(accepted: _Accepted) -> CustomerSpec:
    bill_to, parent = accepted.parties.bill_to, accepted.parties.ultimate_parent
    return CustomerSpec(
        account_id=bill_to.id,
        name=bill_to.name,
        email=bill_to.email,
        country=accepted.place.country,
        state=bill_to.state,
        postal_code=bill_to.postal_code,
        city=bill_to.city,
        street=bill_to.street,
        tax_id=bill_to.tax_id,
        tax_region=accepted.place.tax_region,
        legal_entity=accepted.place.legal_entity,
        currency=accepted.order.currency,
        ultimate_parent_id="" if parent.id == bill_to.id else parent.id,
    )


def _subscription(accepted: _Accepted, catalogue: Catalogue) -> SubscriptionSpec:
    order, lines = accepted.order, accepted.lines
    return SubscriptionSpec(
        opportunity_id=order.opportunity_id,
        account_id=accepted.parties.bill_to.id,
        currency=order.currency,
        phases=phases(order, lines, accepted.schedule),
        one_time=one_time_items(lines),
        days_until_due=catalogue.terms.net_days_for(accepted.place.tax_region),
        po_number=order.po_number,
        total=order.amount,
    )


def _sales_order(accepted: _Accepted) -> SalesOrderSpec:
    order = accepted.order
    return SalesOrderSpec(
        opportunity_id=order.opportunity_id,
        account_id=accepted.parties.bill_to.id,
        legal_entity=accepted.place.legal_entity,
        currency=order.currency,
        ordered_on=order.closed_on,
        po_number=order.po_number,
        lines=sales_order_lines(order, accepted.lines, accepted.schedule),
        total=order.amount,
    )


def _entitlement(accepted: _Accepted) -> EntitlementSpec:
    sold_to = accepted.parties.sold_to
    return EntitlementSpec(
        opportunity_id=accepted.order.opportunity_id,
        account_id=sold_to.id,
        name=sold_to.name,
        tier=accepted.tier,
        ends_on=accepted.schedule.ends_on,
    )


def _onboarding(accepted: _Accepted, catalogue: Catalogue) -> OnboardingSpec:
    order, sold_to = accepted.order, accepted.parties.sold_to
    due_days = timedelta(days=catalogue.terms.onboarding.due_days)
    return OnboardingSpec(
        opportunity_id=order.opportunity_id,
        account_id=sold_to.id,
        name=sold_to.name,
        legal_entity=accepted.place.legal_entity,
        tier=accepted.tier,
        email=sold_to.email,
        order_name=order.name,
        due_on=accepted.schedule.starts_on + due_days,
        total=order.amount,
    )
