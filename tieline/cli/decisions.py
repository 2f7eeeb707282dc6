"""What every decision on the command line carries: who decides, and why."""

import getpass

from canonical.desk import REASON_CHARACTERS_MAX
from canonical.errors import Misconfigured

ACTOR_CHARACTERS_MAX = 100


def decider(by: str) -> str:
    """Who is recorded: as given, or the user logged in; raises Misconfigured where there is none
    (a container that runs under a bare number)."""
    if not by:
        try:
            by = getpass.getuser()
        except (KeyError, OSError, ImportError):
            raise Misconfigured("nobody is logged in; say who decides with --by") from None
    return _short("--by", by, ACTOR_CHARACTERS_MAX)


def reasoned(reason: str) -> str:
    """The reason as it will be recorded; raises Misconfigured when it is too long."""
    return _short("--reason", reason, REASON_CHARACTERS_MAX)


def _short(option: str, text: str, characters_max: int) -> str:
    if len(text) > characters_max:
        raise Misconfigured(f"{option} has {len(text)} characters; at most {characters_max}")
    return text
