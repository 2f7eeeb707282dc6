"""The subject of an event: what consumers filter by without reading a body."""

import re

from canonical.events import NO_LEGAL_ENTITY, CanonicalEvent

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def subject_of(prefix: str, event: CanonicalEvent) -> str:
    """`tieline.live.invoice.posted.GLOBEX-US`; `_` where an event has no legal entity."""
    kind = ".".join(_token(part) for part in event.type.split("."))
    entity = _token(event.legal_entity or NO_LEGAL_ENTITY)
    return f"{prefix}.{event.environment}.{kind}.{entity}"


def subjects_of(prefix: str) -> str:
    """Every subject below a prefix."""
    return f"{prefix}.>"


def _token(text: str) -> str:
    """What is no token of NATS (dots, spaces, wildcards, other alphabets) becomes `_`."""
    return _UNSAFE.sub("_", text) or "_"
