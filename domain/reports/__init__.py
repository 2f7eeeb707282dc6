"""What reports, indicators and the account view say of what is on record; no I/O (R19, R22)."""
