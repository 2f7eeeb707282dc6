"""Zendesk: support organizations and their entitlements."""

from adapters.zendesk.support import ZendeskSupport

__all__ = ["ZendeskSupport"]
