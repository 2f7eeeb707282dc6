"""A connection to NATS, and the stream that is made or brought up to date on it."""

import asyncio
import logging
import ssl
from dataclasses import dataclass, field
from typing import Any

import nats
from nats.aio.client import Client, RawCredentials
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from adapters.nats.errors import FAILURES, explained
from adapters.nats.subjects import subjects_of
from canonical.errors import Misconfigured

CONNECT_SECONDS = 5
RECONNECT_WAIT_SECONDS = 0.5
ANSWER_SECONDS = 5.0
DESCRIPTION = "Canonical events of Tieline, CloudEvents 1.0 in structured JSON"
log = logging.getLogger(__name__)

# The client prints each failed attempt with its traceback; ours is one sentence.
logging.getLogger("nats").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class StreamPlace:
    """Which stream, where, and how long it keeps what it has.

    `credentials` is the content of a credentials file, `USER:PASSWORD`, a token, or empty.
    """

    url: str
    stream: str = "TIELINE"
    subject_prefix: str = "tieline"
    retention_seconds: float = 0.0
    duplicate_window_seconds: float = 3600.0
    replicas: int = 1
    credentials: str = field(default="", repr=False)


async def connected(place: StreamPlace) -> Client:
    """A connection that comes back by itself when the server does; raises canonical errors."""
    proof = _proof(place.credentials)
    try:
        async with asyncio.timeout(2 * CONNECT_SECONDS):
            # First without patience, so that what is wrong is told instead of tried for ever.
            probe = await nats.connect(
                place.url,
                **proof,
                **_manner(),
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0.05,
            )
            await probe.close()
            return await nats.connect(
                place.url,
                **proof,
                **_manner(),
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_WAIT_SECONDS,
            )
    except ssl.SSLError:
        raise Misconfigured("NATS: the server's certificate is not trusted", about="nats") from None
    except FAILURES as error:
        raise explained(error, "connecting") from None
    except (ValueError, ImportError) as error:
        # A credentials file that is none, or a URL that is none; the text may quote it.
        raise Misconfigured(
            f"NATS: relay.nats.url or its credentials cannot be read ({type(error).__name__})",
            about="nats",
        ) from None


def _manner() -> dict[str, Any]:
    return {"name": "tieline-relay", "connect_timeout": CONNECT_SECONDS, "error_cb": _noted}


def _proof(credentials: str) -> dict[str, Any]:
    if not credentials:
        return {}
    if "BEGIN NATS USER JWT" in credentials:
        return {"user_credentials": RawCredentials(credentials)}
    user, colon, password = credentials.partition(":")
    return {"user": user, "password": password} if colon else {"token": credentials}


async def _noted(error: Exception) -> None:
    log.debug("NATS: %s", type(error).__name__)


async def ensure_stream(js: JetStreamContext, place: StreamPlace) -> None:
    """Make the stream, or change what differs in it; whatever else an operator set stays."""
    wanted: dict[str, Any] = {
        "subjects": [subjects_of(place.subject_prefix)],
        "max_age": place.retention_seconds,
        "duplicate_window": place.duplicate_window_seconds,
        "num_replicas": place.replicas,
        "allow_direct": True,
    }
    try:
        try:
            found = (await js.stream_info(place.stream)).config
        except NotFoundError:
            await js.add_stream(_new_stream(place.stream), **wanted)
            return
        if any(getattr(found, name) != value for name, value in wanted.items()):
            await js.update_stream(found, **wanted)
    except FAILURES as error:
        raise explained(error, f"making the stream {place.stream}") from None


def _new_stream(name: str) -> StreamConfig:
    return StreamConfig(
        name=name,
        description=DESCRIPTION,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
    )
