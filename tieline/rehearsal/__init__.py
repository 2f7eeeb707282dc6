"""A rehearsal: the five vendors as simulators, with credentials and settings to match."""
