"""Tieline beside the simplest thing that could work, measured."""
