"""The Rules Engine's "Call External API": an unsigned POST whose header and body an admin wrote."""

from datetime import datetime

import orjson

from simulators.sending import Message


def callback(noun: str, gsid: str, modified: int, token: str, environment: str) -> Message:
    """One call about a changed CTA or task, with a bearer token as its header."""
    body = orjson.dumps({
        "type": f"{noun}.changed", "gsid": gsid, "modified_date": modified,
        "environment": environment,
    })  # fmt: skip

    def headers(_: datetime) -> dict[str, str]:
        return {"content-type": "application/json", "authorization": f"Bearer {token}"}

    return Message(f"{gsid}/{modified}", body, headers)
