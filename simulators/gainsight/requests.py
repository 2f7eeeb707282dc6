"""Reading request bodies, and what an endpoint is."""

from typing import Any

import orjson
from starlette.requests import Request

from simulators.gainsight.errors import GainsightRefusal

Endpoint = tuple[str, str, str]


async def json_of(request: Request) -> dict[str, Any]:
    """The body, a JSON object; raises GainsightRefusal for anything else."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise GainsightRefusal(400, "", "The body is not a JSON object.")
    return body
