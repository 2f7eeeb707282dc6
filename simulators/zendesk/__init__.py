"""A stand-in of Zendesk Support: organizations, users, tickets, SLA policies and search."""

from simulators.zendesk.simulator import ZendeskSimulator

__all__ = ["ZendeskSimulator"]
