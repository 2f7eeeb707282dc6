"""Webhooks as whole HTTP requests, signed beforehand so that signing is not what is measured."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

LINES = 2
YEAR_SECONDS = 365 * 86_400


def callouts(url: str, secret: str, events: int, kind: str) -> list[bytes]:
    """So many different callouts of Salesforce about as many deals."""
    signer, now = Webhook(secret), datetime.now(UTC)
    made = []
    for number in range(events):
        event_id = f"msg_{kind}_{number:06d}"
        deal = f"006{'W' if kind == 'warm' else 'X'}{number:011d}"
        body = json.dumps(
            {
                "type": "opportunity.closed_won",
                "timestamp": now.isoformat(),
                "data": {"opportunity_id": deal, "environment": "test"},
            }
        )
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signer.sign(event_id, now, body),
        }
        made.append(_request(url, "crm", body.encode(), headers))
    return made


def billing_events(url: str, secret: str, events: int, kind: str) -> list[bytes]:
    """So many different events of Stripe about as many invoices."""
    stamp = int(datetime.now(UTC).timestamp())
    made = []
    for number in range(events):
        # Stripe sends its events indented.
        body = json.dumps(_invoice_event(f"{kind}{number:06d}", stamp), indent=2).encode()
        signature = hmac.new(secret.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
        headers = {"stripe-signature": f"t={stamp},v1={signature}"}
        made.append(_request(url, "billing", body, headers))
    return made


def mixed(url: str, secret: str, events: int, kind: str) -> list[bytes]:
    """Callouts and billing's events by turns."""
    half = events // 2
    pairs = zip(
        callouts(url, secret, events - half, kind),
        [*billing_events(url, secret, half, kind), b""],
        strict=False,
    )
    return [message for pair in pairs for message in pair if message]


def _request(url: str, source: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST /webhooks/{source} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    )
    return head.encode() + body


def _invoice_event(name: str, stamp: int) -> dict[str, Any]:
    """An `invoice.paid` with what an invoice of two lines carries; about 4 KB indented."""
    lines = [_line(f"il_{name}_{n}", stamp) for n in range(LINES)]
    invoice = {
        "id": f"in_{name}", "object": "invoice", "account_country": "US",
        "account_name": "Globex, Inc.", "amount_due": 600_000, "amount_paid": 600_000,
        "amount_remaining": 0, "attempted": True, "auto_advance": False,
        "billing_reason": "subscription_create", "collection_method": "send_invoice",
        "created": stamp, "currency": "usd", "customer": f"cus_{name}",
        "customer_email": "ap@globex.example", "customer_name": f"Globex {name}",
        "due_date": stamp + 45 * 86_400, "ending_balance": 0, "livemode": False,
        "lines": {"object": "list", "data": lines, "has_more": False, "total_count": LINES},
        "metadata": {"opportunity": f"006{name}"}, "number": f"GLOBEX-{name}", "status": "paid",
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": f"sub_{name}", "metadata": {}},
        },
        "status_transitions": {
            "finalized_at": stamp, "marked_uncollectible_at": None, "paid_at": stamp,
            "voided_at": None,
        },
        "subtotal": 600_000, "total": 600_000, "total_taxes": [],
    }  # fmt: skip
    return {
        "id": f"evt_{name}", "object": "event", "api_version": "2026-10-28.endive",
        "created": stamp, "data": {"object": invoice}, "livemode": False, "pending_webhooks": 1,
        "request": {"id": f"req_{name}", "idempotency_key": None}, "type": "invoice.paid",
    }  # fmt: skip


def _line(name: str, stamp: int) -> dict[str, Any]:
    return {
        "id": name, "object": "line_item", "amount": 300_000, "currency": "usd",
        "description": "GTX Pro (at $3,000.00 / year)", "discountable": True, "livemode": False,
        "metadata": {}, "period": {"start": stamp, "end": stamp + YEAR_SECONDS},
        "pricing": {
            "type": "price_details", "unit_amount_decimal": "300000",
            "price_details": {"price": f"price_{name}", "product": "gtx-pro"},
        },
        "quantity": 1, "taxes": [],
    }  # fmt: skip
