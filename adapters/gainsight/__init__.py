"""Gainsight CS: companies and their onboardings."""

from adapters.gainsight.success import GainsightSuccess

__all__ = ["GainsightSuccess"]
