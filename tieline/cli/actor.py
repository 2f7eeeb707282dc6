"""Who decides, where the command line is not told."""

import getpass

from canonical.errors import Misconfigured


def operator() -> str:
    """The user logged in; raises Misconfigured where there is none (a container's bare uid)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise Misconfigured("nobody is logged in; say who decides with --by") from None
