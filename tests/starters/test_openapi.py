"""The receiver keeps to its own description, whatever is posted to it."""

from datetime import UTC, datetime

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from adapters.salesforce import webhook as salesforce
from canonical.connections import Environment
from starters.webhooks.app import webhook_app
from starters.webhooks.sources import Source
from tests.starters.memory_inbox import MemoryInbox
from tests.starters.test_webhook_app import BODY_BYTES_MAX, SECRET, Bell

APP = webhook_app(
    {"globex": Source("salesforce", Environment.TEST, salesforce.verify, [SECRET])},
    MemoryInbox(),
    Bell(),
    body_bytes_max=BODY_BYTES_MAX,
    clock=lambda: datetime.now(UTC),
)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)
# A limit in bytes cannot be said in the schema of a body: now and then one that keeps to it is too
# large, and is told so.
ACCEPTANCE = SCHEMA.config.checks.positive_data_acceptance
ACCEPTANCE.expected_statuses = [*ACCEPTANCE.expected_statuses, "413"]


@SCHEMA.parametrize()
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_receiver_fail(case: Case) -> None:
    """No 5xx, and no answer that the description does not have."""
    case.call_and_validate()
