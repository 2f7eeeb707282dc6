"""Subscribers' endpoints: signed Standard Webhooks over HTTPS."""

from adapters.webhooks.endpoint import Subscriber, WebhookEndpoint

__all__ = ["Subscriber", "WebhookEndpoint"]
