"""Product usage in a warehouse, over SQL."""

from adapters.warehouse.usage import WarehouseUsage

__all__ = ["WarehouseUsage"]
