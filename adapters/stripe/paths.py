"""Where Stripe keeps what Tieline reads and writes, and what no longer stands there."""

CUSTOMERS, SUBSCRIPTIONS = "/v1/customers", "/v1/subscriptions"
SCHEDULES = "/v1/subscription_schedules"
INVOICES, PAYMENTS, DISPUTES = "/v1/invoices", "/v1/invoice_payments", "/v1/disputes"
# A subscription in one of these has ended, or never began.
GONE = frozenset({"canceled", "incomplete_expired"})
# A dispute in any other state still holds the money.
SETTLED_DISPUTES = frozenset({"won", "warning_closed", "prevented"})
