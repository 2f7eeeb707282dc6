"""The business milestones of an order (R69, R143)."""

from enum import StrEnum


class Milestone(StrEnum):
    """What executives follow of an order, in the order in which it usually happens."""

    ORDER_ACCEPTED = "order_accepted"
    SUBSCRIPTION_ACTIVATED = "subscription_activated"
    ENTITLEMENT_PROVISIONED = "entitlement_provisioned"
    INVOICE_POSTED = "invoice_posted"
    PAYMENT_MATCHED = "payment_matched"
