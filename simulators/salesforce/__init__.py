"""A Salesforce org with memory, written from the vendor's published contract."""

from simulators.salesforce.callout import ClosedWon
from simulators.salesforce.export import ExportError, ExportReport
from simulators.salesforce.oauth import ConnectedApp
from simulators.salesforce.simulator import SalesforceSimulator

__all__ = ["ClosedWon", "ConnectedApp", "ExportError", "ExportReport", "SalesforceSimulator"]
