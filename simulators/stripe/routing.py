"""Which endpoint a request is for, and which parameters that endpoint takes."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from simulators.stripe.store import Account, Call, Obj

Handler = Callable[[Account, Call], Obj]


@dataclass(frozen=True)
class Endpoint:
    """A handler, its parameters by name and those it cannot do without."""

    handler: Handler
    known: AbstractSet[str] = frozenset()
    required: tuple[str, ...] = ()


def find(
    endpoints: Mapping[str, Endpoint], method: str, parts: list[str]
) -> tuple[Endpoint, tuple[str, ...]] | None:
    """The endpoint and the ids in its path; a fixed word wins over an id."""
    for places in ((), (1,), (1, 3)):
        if any(place >= len(parts) for place in places):
            break
        words = ["*" if n in places else part for n, part in enumerate(parts)]
        endpoint = endpoints.get(f"{method} {'/'.join(words)}")
        if endpoint is not None:
            return endpoint, tuple(parts[place] for place in places)
    return None
