"""The composition root: which workflows and activities run where, with which adapters."""
