"""Gainsight's envelope, and its way of saying no: sometimes with a 200."""

from contextvars import ContextVar
from typing import Any

from starlette.responses import Response

from simulators.kernel import json_response

DEFAULTS = {
    400: ("GSOBJ_1000", "The request is not valid."),
    401: ("GS_APIG_2401", "Invalid access key."),
    403: ("GS_APIG_2402", "IP address is not allowed."),
    404: ("GS_APIG_1000", "No route matched with those values."),
    429: ("GU_2400", "Too many requests. The rate limit is exceeded."),
}
INTERNAL = ("GU_1101", "Oops, something went wrong. Please try again later.")
NO_MATCH = "GSOBJ_1011"
UPDATE_ONLY = "GSOBJ_1013"
BAD_FIELD = "GSOBJ_1007"
BAD_DATE = "GSOBJ_1005"
BAD_PATH = "GSOBJ_1023"
MANDATORY_MISSING = "COCKPIT_9700"
BAD_CTA = "COCKPIT_6007"
BAD_SELECT = "COCKPIT_5101"


REQUEST_ID: ContextVar[str] = ContextVar("gainsight_request_id", default="")


class GainsightRefusal(Exception):
    """A refusal on its way to the client."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> Response:
        """The refusal in Gainsight's envelope."""
        return failure(self.status, self.code, self.message)


def success(data: Any) -> Response:
    """An answer that carries data."""
    return _envelope(200, True, None, None, data)


def failure(status: int, code: str = "", message: str = "", data: Any = None) -> Response:
    """An answer with `result: false`; its status may well be 200."""
    default_code, default_message = DEFAULTS.get(status, INTERNAL)
    return _envelope(status, False, code or default_code, message or default_message, data)


def _envelope(
    status: int, result: bool, code: str | None, message: str | None, data: Any
) -> Response:
    body = {
        "result": result, "errorCode": code, "errorDesc": message, "requestId": REQUEST_ID.get(),
        "data": data, "message": None,
    }  # fmt: skip
    return json_response(body, status, {"x-gs-request-id": REQUEST_ID.get()})
