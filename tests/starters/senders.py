"""Senders of every vendor: a genuine message of each, signed by its library or its contract.

None of it is code of the adapter under test.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import orjson
import stripe
from standardwebhooks.webhooks import Webhook

from canonical.connections import Role

Body = dict[str, Any]
Headers = dict[str, str]
Sent = tuple[bytes, Headers]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CHANGED = "2026-11-22T11:59:30Z"
SECRET = "whsec_" + b64encode(b"globex signs with this key......").decode()
DEAL, GSID = "0065g00000Glob1AAB", "1S01E316WO3FHIJ3J47HM3GO9IB6N9ZKEDLB"
TICKET_EVENT = "2b24ef10-19d4-4740-93cf-8f98ec4776c0"


def standard(raw: bytes, stated_id: str, secret: str, at: datetime) -> Headers:
    """The headers of Standard Webhooks, made by the library that defines them."""
    stamp, signature = str(int(at.timestamp())), Webhook(secret).sign(stated_id, at, raw.decode())
    return {
        "webhook-id": stated_id, "webhook-timestamp": stamp, "webhook-signature": signature,
    }  # fmt: skip


def stripes(raw: bytes, stated_id: str, secret: str, at: datetime) -> Headers:
    """Stripe's header, made by Stripe's library."""
    signer, stamp = stripe.WebhookSignature, int(at.timestamp())
    return {"stripe-signature": signer.generate_signature_header(raw.decode(), secret, stamp)}


def zendesks(raw: bytes, stated_id: str, secret: str, at: datetime) -> Headers:
    """Zendesk's headers: the digest of time and body, under the secret as text."""
    stamp, prefix = at.strftime("%Y-%m-%dT%H:%M:%SZ"), "x-zendesk-webhook"
    digest = hmac.digest(secret.encode(), stamp.encode() + raw, "sha256")
    return {
        f"{prefix}-signature-timestamp": stamp, f"{prefix}-invocation-id": stated_id,
        f"{prefix}-signature": b64encode(digest).decode(),
    }  # fmt: skip


@dataclass(frozen=True)
class Sender:
    """A vendor's account for tests: its genuine message, and what may be wrong with it."""

    role: Role
    vendor: str
    message: Body
    stated_id: str  # in the headers
    event_id: str
    sign: Callable[[bytes, str, str, datetime], Headers]
    elsewhere: tuple[str, Any]  # where another environment shows, and how
    unknown_type: str
    ours: bool  # a sender that we ship: it sends nothing that we do not know
    needed: str

    def signed(self, raw: bytes, secret: str = SECRET, at: datetime = NOW) -> Sent:
        """A body with the headers that prove it."""
        return raw, self.sign(raw, self.stated_id, secret, at)

    def saying(self, path: str, value: Any) -> bytes:
        """The message with another value at a dotted path; None takes the field away."""
        body = deepcopy(self.message)
        *parents, name = path.split(".")
        place = reduce(lambda outer, key: outer[key], parents, body)
        place.pop(name, None) if value is None else place.update({name: value})
        return orjson.dumps(body)

    @property
    def raw(self) -> bytes:
        """The message as it is sent."""
        return orjson.dumps(self.message)


SENDERS = [
    Sender(
        Role.CRM, "salesforce",
        {"type": "opportunity.closed_won", "timestamp": CHANGED,
         "data": {"opportunity_id": DEAL, "environment": "test", "system_modstamp": CHANGED}},
        "msg_globex_1", "msg_globex_1", standard, ("data.environment", "live"),
        "opportunity.mislaid", True,
        "type timestamp data data.opportunity_id data.environment",
    ),
    Sender(
        Role.BILLING, "stripe",
        {"id": "evt_1Globex", "object": "event", "created": int(NOW.timestamp()),
         "type": "invoice.paid", "livemode": False,
         "data": {"object": {"id": "in_1Globex", "object": "invoice"}}},
        "", "evt_1Globex", stripes, ("livemode", True),
        "planet.aligned", False,
        "id object created type livemode data data.object",
    ),
    Sender(
        Role.SUPPORT, "zendesk",
        {"type": "zen:event-type:ticket.priority_changed", "account_id": 12514403,
         "id": TICKET_EVENT, "time": CHANGED, "subject": "zen:ticket:35436",
         "detail": {"id": "35436", "updated_at": CHANGED}},
        "8350205582", TICKET_EVENT, zendesks, ("account_id", 99),
        "zen:event-type:user.created", False,
        "type id time detail detail.id",
    ),
    Sender(
        Role.ERP, "netsuite",
        {"type": "record.changed", "record": "invoice", "id": "4711", "lastmodified": CHANGED,
         "environment": "test"},
        f"ns:invoice:4711:{CHANGED}", f"ns:invoice:4711:{CHANGED}", standard,
        ("environment", "live"), "record.mislaid", True,
        "type record id lastmodified environment",
    ),
    Sender(
        Role.SUCCESS, "gainsight",
        {"type": "cta.changed", "gsid": GSID, "modified_date": "2026-11-22T11:59:30.123Z",
         "environment": "test"},
        "msg_relay_1", f"gs:cta:{GSID}:2026-11-22T11:59:30.123Z", standard,
        ("environment", "live"), "risk.raised", False,
        "type gsid modified_date environment",
    ),
]  # fmt: skip
