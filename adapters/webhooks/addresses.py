"""Which address a subscriber's host may resolve to: no request of ours ends inside our own network.

The address that was checked is the one that is connected to, so a name that resolves differently a
moment later gains nothing.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from canonical.errors import Rejected, Unavailable

RESOLVE_SECONDS = 5.0
_NAT64 = IPv6Network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


async def public_address(host: str, port: int, *, allow_private: bool = False) -> str:
    """The first address of a host, once all of them are public; raises Rejected or Unavailable."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        raise Unavailable(f"the host {host} does not resolve", about=host) from None
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise Rejected(
            f"the host {host} resolves into a private network; allow_private permits that",
            about=host,
        )
    first = addresses[0]
    return f"[{first}]" if first.version == 6 else str(first)


def is_public(address: Address) -> bool:
    """Whether an address is of the internet, also when it wraps one of another protocol."""
    if isinstance(address, IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour:
            return is_public(inner)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast
