"""Which processes there are, and which activities a connection of each role offers."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from activities.billing import BillingActivities
from activities.crm import CrmActivities, Planner
from activities.erp import ErpActivities
from activities.feeds import FeedActivities
from activities.finance import FinanceActivities
from activities.intake import IntakeActivities
from activities.rounds import RoundActivities
from activities.success import SuccessActivities
from activities.support import SupportActivities
from canonical.book import PortfolioBook
from canonical.connections import Connection, Polling, Role
from canonical.desk import Desk
from canonical.effects import Effects
from canonical.feeds import Feeds, Hints, Records
from canonical.gathering import AnswerBook, RenewalSource
from canonical.inbound import Refusal
from canonical.ports import (
    BillingPort,
    CrmPort,
    ErpPort,
    EventsPort,
    Port,
    SuccessPort,
    SupportPort,
)
from workflows.intake import EventIntake, EventPoll, IntakeWatch
from workflows.intake_alarm import IntakeAlarm
from workflows.invoice_risk import InvoiceRiskToHealth
from workflows.quote_to_cash import QuoteToCash
from workflows.renewal_readiness import RenewalReadiness
from workflows.renewal_reconcile import RenewalReconcile

WORKFLOWS: list[type] = [
    QuoteToCash,
    InvoiceRiskToHealth,
    RenewalReadiness,
    RenewalReconcile,
    EventPoll,
    EventIntake,
    IntakeWatch,
    IntakeAlarm,
]


def event_activities(
    connection: str,
    port: EventsPort,
    polling: Polling,
    *,
    feeds: Feeds,
    hints: Hints,
    records: Records,
    refused: Callable[[], Sequence[Refusal]],
) -> list[Callable[..., Any]]:
    """The activities of whatever tells what changed: a connection, or a folder of files."""
    feed = FeedActivities(port, connection, polling, feeds, refused)
    intake = IntakeActivities(port, connection, hints, records)
    return [feed.poll, feed.count, intake.take_in]


def connection_activities(
    connection: Connection,
    port: Port,
    *,
    effects: Effects,
    desk: Desk,
    planner: Planner,
    tiers: Callable[[], Sequence[str]],
    book: PortfolioBook,
    answers: AnswerBook,
) -> list[Callable[..., Any]]:
    """The activities of a connection, by its role: what its task queue serves."""
    name = connection.name
    match connection.role:
        case Role.CRM:
            crm = CrmActivities(cast(CrmPort, port), name, effects, desk, planner, book)
            return [
                crm.accept_order,
                crm.review_order,
                crm.write_back,
                crm.family,
                crm.renewal_opportunity,
                crm.show_readiness,
                RoundActivities(answers, {RenewalSource.DEAL: crm.renewal_opportunity}).gather,
            ]
        case Role.BILLING:
            billing = BillingActivities(cast(BillingPort, port), name, effects)
            finance = FinanceActivities(cast(BillingPort, port), name, book)
            return [
                billing.activate_subscription,
                billing.cancel_subscription,
                *_finance(finance, answers),
            ]
        case Role.ERP:
            erp = ErpActivities(cast(ErpPort, port), name, effects)
            finance = FinanceActivities(cast(ErpPort, port), name, book)
            return [
                erp.register_customer,
                erp.book_order,
                erp.close_order,
                *_finance(finance, answers),
            ]
        case Role.SUPPORT:
            support = SupportActivities(cast(SupportPort, port), name, effects, tiers, book)
            return [
                support.provision_entitlement,
                support.withdraw_entitlement,
                support.flag_risk,
                support.withdraw_flag,
                support.incidents,
                RoundActivities(answers, {RenewalSource.INCIDENTS: support.incidents}).gather,
            ]
        case Role.SUCCESS:
            success = SuccessActivities(cast(SuccessPort, port), name, effects, book)
            return [
                success.start_onboarding,
                success.close_onboarding,
                success.show_risk,
                success.withdraw_risk,
                success.onboarding_tasks,
                success.show_readiness,
                RoundActivities(answers, {RenewalSource.TASKS: success.onboarding_tasks}).gather,
            ]


def _finance(finance: FinanceActivities, answers: AnswerBook) -> list[Callable[..., Any]]:
    """What both owners of invoices and contracts are asked."""
    reads: dict[RenewalSource, Callable[..., Any]] = {
        RenewalSource.INVOICES: finance.invoices,
        RenewalSource.TERMS: finance.contract,
    }
    return [finance.assess_risk, *reads.values(), RoundActivities(answers, reads).gather]
