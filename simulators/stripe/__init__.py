"""A Stripe Billing account with memory, written from the vendor's published contract."""

from simulators.stripe.simulator import StripeSimulator

__all__ = ["StripeSimulator"]
