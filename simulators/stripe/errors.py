"""How Stripe says no: a status and an error object with type, code, message and param."""

from typing import Any

LOG_URL = "https://dashboard.stripe.com/test/logs/"

MESSAGES: dict[str, str] = {
    "card_declined": "Your card was declined.",
    "customer_tax_location_invalid": (
        "The customer's location isn't recognized. Set a valid customer address in order to "
        "automatically calculate tax."
    ),
    "rate_limit": "Request rate limit exceeded.",
    "lock_timeout": (
        "This object cannot be accessed right now because another API request or Stripe process "
        "is currently accessing it."
    ),
    "idempotency_key_in_use": (
        "There is currently another in-progress request using this Idempotent Key. Please try "
        "again later."
    ),
    "tax_id_invalid": "Invalid value for the tax ID.",
}


class StripeError(Exception):
    """A refusal; `began` says that execution had begun, so that the answer is remembered."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        began: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.message = message
        self.param = param
        self.began = began

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.code == "card_declined":
            error["decline_code"] = "generic_decline"
        if self.param:
            error["param"] = self.param
        if self.status != 401:
            error["request_log_url"] = f"{LOG_URL}{request_id}"
        return {"error": error}


def error_kind(status: int, code: str) -> str:
    """The error's type for a status and code."""
    if status == 402:
        return "card_error"
    if status >= 500:
        return "api_error"
    return "idempotency_error" if code == "idempotency_error" else "invalid_request_error"


def missing_resource(noun: str, resource_id: str, param: str = "id") -> StripeError:
    """An id in the path (404) or in a parameter (400) that names nothing."""
    return StripeError(
        f"No such {noun}: '{resource_id}'", status=404 if param == "id" else 400,
        code="resource_missing", param=param,
    )  # fmt: skip


def missing_param(name: str) -> StripeError:
    """A required parameter that was not sent."""
    return StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_param(name: str) -> StripeError:
    """A parameter this endpoint does not know."""
    return StripeError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
