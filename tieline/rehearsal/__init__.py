"""A rehearsal: the five vendors as simulators on loopback, with credentials and settings to match."""
