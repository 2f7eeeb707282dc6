"""Decisions without I/O: validation, mapping, routing, revenue, resolution and the price of undo."""
