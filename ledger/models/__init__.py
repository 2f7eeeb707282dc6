"""The ledger's tables, one file a family; importing this loads them all."""

from ledger.models import desk, effects, evidence, inbox, intake, portfolio, relay
from ledger.models.base import metadata

__all__ = ["desk", "effects", "evidence", "inbox", "intake", "metadata", "portfolio", "relay"]
