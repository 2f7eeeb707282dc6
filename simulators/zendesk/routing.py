"""Routes for the endpoints, each with and without `.json`."""

from collections.abc import Awaitable, Callable, Iterable

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

BASE = "/api/v2"
Endpoint = tuple[str, str, str]
Handler = Callable[[Request], Awaitable[Response]]


class WordConvertor(Convertor[str]):
    """A path segment of letters and underscores: stops short of `.json`."""

    regex = "[a-z_]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("word", WordConvertor())


def routes_of(endpoints: Iterable[Endpoint], guarded: Callable[[str], Handler]) -> list[BaseRoute]:
    """The routes of endpoints; `guarded` gives the handler of a name."""
    made: list[BaseRoute] = []
    for method, path, name in endpoints:
        handler = guarded(name)
        for suffix in ("", ".json"):
            made.append(Route(f"{BASE}{path}{suffix}", handler, methods=[method]))
    return made
