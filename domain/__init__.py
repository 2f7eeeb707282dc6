"""Decisions without I/O: validation, mapping, routing, revenue, resolution, price of undo."""
