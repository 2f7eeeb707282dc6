"""Business keys: workflow ids, effect keys, correlation ids and digests, all pure functions."""

import hashlib
from typing import Any

import rfc8785
from pydantic import BaseModel

# The task queue of every process's workflow tasks.
PROCESS_QUEUE = "processes"


def digest(value: Any) -> str:
    """SHA-256 (hex) of a value's canonical JSON (RFC 8785); equal values have equal digests."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def quote_to_cash_id(crm: str, opportunity_id: str) -> str:
    """The workflow id of an opportunity's quote-to-cash: one per deal, whoever reports it."""
    return f"quote-to-cash/{crm}/{opportunity_id}"


def correlation_id(workflow_id: str) -> str:
    """The id stamped into every record of one process (R144); opaque, stable over resets."""
    return "tl-" + hashlib.sha256(workflow_id.encode()).hexdigest()[:24]


def effect_key(connection: str, kind: str, business_id: str, *parts: str) -> str:
    """The business key of one write: never from chance, a run id or an attempt number."""
    return "/".join((connection, kind, business_id, *parts))


def vendor_key(key: str, request_digest: str) -> str:
    """A key short enough and plain enough for every vendor: 40 characters of `[0-9a-z_]`."""
    return "tl_" + hashlib.sha256(f"{key}\n{request_digest}".encode()).hexdigest()[:37]
