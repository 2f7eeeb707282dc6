"""Salesforce's Pub/Sub API: the org's event bus as a stream (extra `salesforce-pubsub`)."""

from adapters.salesforce.pubsub.subscriber import SalesforcePubSub

__all__ = ["SalesforcePubSub"]
