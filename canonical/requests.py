"""What the steps of a process ask of the systems: activity inputs and results, slim on purpose."""

from datetime import datetime

from canonical.desk import Failure
from canonical.milestones import Milestone
from canonical.orders import Fact, OrderAmendment
from canonical.plan import CustomerSpec, OrderPlan, SalesOrderSpec, SubscriptionSpec


class AcceptOrder(Fact):
    """Fetch, validate and map an order, with a person's corrections applied."""

    opportunity_id: str
    amendment: OrderAmendment = OrderAmendment()


class OrderReview(Fact):
    """What accepting an order would give right now, without doing it."""

    facts_digest: str = ""
    plan: OrderPlan | None = None
    failure: Failure | None = None


class ActivateSubscription(Fact):
    """Activate a subscription for a customer."""

    customer: CustomerSpec
    subscription: SubscriptionSpec


class ActiveSubscription(Fact):
    """A subscription that stands in billing, and its customer there."""

    customer_id: str
    subscription_id: str


class CancelSubscription(Fact):
    """Cancel the subscription of an opportunity."""

    opportunity_id: str
    account_id: str


class BookOrder(Fact):
    """Book a sales order and see its revenue schedule stand."""

    order: SalesOrderSpec
    customer_id: str
    subscription_id: str


class CloseOrder(Fact):
    """Close the sales order of an opportunity."""

    opportunity_id: str


class Onboarding(Fact):
    """An onboarding that stands in customer success, and its company there."""

    company_id: str
    onboarding_id: str


class RevisedFacts(Fact):
    """The facts a case rests on have changed."""

    case_id: str
    facts_digest: str


class LateCase(Fact):
    """A case that passed its deadline; `level` is the escalation now due, counted from 1, and `at`
    when that was by the process's clock."""

    case_id: str
    level: int
    at: datetime | None = None


class MilestoneReached(Fact):
    """A milestone that an event reported; `at` is when it happened, if the event says."""

    milestone: Milestone
    business_id: str
    at: datetime | None = None
