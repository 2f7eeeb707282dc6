"""A stand-in of NetSuite SuiteTalk REST: records, transforms, revenue plans and SuiteQL."""

from simulators.netsuite.portfolio import Report
from simulators.netsuite.receivables import ReceivablesError
from simulators.netsuite.simulator import NetSuiteSimulator

__all__ = ["NetSuiteSimulator", "ReceivablesError", "Report"]
