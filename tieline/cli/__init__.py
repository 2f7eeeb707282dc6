"""The `tieline` command."""

from tieline.cli.app import main

__all__ = ["main"]
