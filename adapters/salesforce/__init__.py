"""Salesforce as the CRM: orders by SOQL, their outcome written back on the opportunity."""

from adapters.salesforce.crm import SalesforceCrm

__all__ = ["SalesforceCrm"]
