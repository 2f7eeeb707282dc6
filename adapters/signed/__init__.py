"""Signatures that several vendors share: proof of origin before anything of a body is read."""
