"""NetSuite: an ERP behind SuiteTalk REST."""

from adapters.netsuite.erp import NetSuiteErp

__all__ = ["NetSuiteErp"]
