"""The org's closed-won callout: a signed HTTP message in Standard Webhooks form."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from standardwebhooks import Webhook

from simulators.sending import Message

EVENT_TYPE = "opportunity.closed_won"


@dataclass(frozen=True)
class ClosedWon:
    """One callout: its id and body are the same for the same version of the deal."""

    id: str
    body: bytes

    def headers(self, secret: str, now: datetime | None = None) -> dict[str, str]:
        """The three webhook headers, signed for a sending at this moment."""
        moment = now or datetime.now(UTC)
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(self.id, moment, self.body.decode()),
        }

    def message(self, secret: str) -> Message:
        """What is sent, signed anew for each sending."""
        return Message(self.id, self.body, partial(self.headers, secret))


def closed_won_event(record: dict[str, Any], organization_id: str) -> ClosedWon:
    """The callout for an opportunity as it stands."""
    changed = record["SystemModstamp"]
    body = {
        "type": EVENT_TYPE,
        "timestamp": changed.replace("+0000", "Z"),
        "data": {
            "opportunity_id": record["Id"],
            "organization_id": organization_id,
            "system_modstamp": changed,
            "environment": "test",
        },
    }
    return ClosedWon(f"sf:{record['Id']}:{changed}", orjson.dumps(body))
