"""Vendors behind the ports: one folder a vendor, all over the HTTP kit in `adapters.http`."""
