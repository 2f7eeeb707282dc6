"""Reading request bodies: the record under its noun, the lists under theirs."""

from typing import Any

import orjson
from starlette.requests import Request

from simulators.zendesk.errors import ZendeskRefusal

MANY_MAX = 100


async def body_of(request: Request, noun: str = "", *, many: bool = False) -> Any:
    """What the body holds under its noun; raises ZendeskRefusal when it is not there."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise ZendeskRefusal(400, "Unprocessable Entity", "Server could not parse JSON") from None
    noun = noun or request.url.path.split("/")[3].removesuffix(".json").removesuffix("s")
    given = body.get(noun) if isinstance(body, dict) else None
    if not isinstance(given, list if many else dict):
        raise ZendeskRefusal(400, "ParameterMissing", f"Parameter {noun} is required")
    if isinstance(given, list):
        check_many(given)
    return given


def many_of(text: str) -> list[str]:
    """A comma-separated list; raises ZendeskRefusal over a hundred values."""
    values = [value for value in text.split(",") if value]
    check_many(values)
    return values


def check_many(values: list[Any]) -> None:
    """Raise ZendeskRefusal over a hundred values."""
    if len(values) > MANY_MAX:
        raise ZendeskRefusal(400, "TooManyValues", f"Only {MANY_MAX} values are allowed")
