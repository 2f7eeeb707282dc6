"""Stripe as the billing system: customers, subscriptions and their schedules."""

from adapters.stripe.billing import StripeBilling

__all__ = ["StripeBilling"]
