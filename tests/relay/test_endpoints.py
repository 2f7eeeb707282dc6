"""Whom we send to: nobody inside our own network, nobody in clear text who gets live events."""

from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme

from adapters.http import transport
from adapters.webhooks import Subscriber, WebhookEndpoint
from adapters.webhooks.addresses import is_public, public_address
from canonical.connections import Environment
from canonical.errors import Misconfigured, Rejected, Unavailable
from ledger.database import Database
from simulators.serve import serving
from tests.relay.events import SECRET, posted, relaying, settings, write
from tests.relay.hub import Hub


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.7", "169.254.169.254", "192.168.1.1", "[::1]", "0.0.0.0"],
)
async def test_a_host_inside_our_own_network_gets_no_request(db: Database, host: str) -> None:
    """It is refused before anything is sent, unless allow_private permits it."""
    with pytest.raises(Rejected, match="private network"):
        await public_address(host, 80)
    (event,) = await write(db, posted(1))
    endpoint = WebhookEndpoint(Subscriber("finance-hub", f"http://{host}:9/x", SECRET))

    how = await endpoint.deliver(event)
    await endpoint.aclose()

    assert (how.cause, how.status, how.lasting) == ("Rejected", None, True)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700:4700::1111", True),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_an_address_that_wraps_a_private_one_is_private(address: str, public: bool) -> None:
    """Mapped, 6to4 and NAT64 addresses are judged by what is in them."""
    assert is_public(ip_address(address)) is public


async def test_a_host_that_does_not_resolve_is_tried_again_later() -> None:
    """It may be the resolver."""
    with pytest.raises(Unavailable, match="does not resolve"):
        await public_address("hub.globex.invalid", 443)


async def test_the_certificate_is_checked_against_the_name_although_an_address_is_called(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of `localhost` serves; one of another name is refused."""
    (event,) = await write(db, posted(1))
    authority = trustme.CA()
    file = tmp_path / "server.pem"
    context = transport.httpx.create_ssl_context()
    authority.configure_trust(context)
    monkeypatch.setattr(transport, "_tls", lambda: context)
    for name, cause in (("localhost", ""), ("initech.example", "Unavailable")):
        certificate = authority.issue_cert(name)
        certificate.private_key_and_cert_chain_pem.write_to_path(file)
        async with serving({"hub": Hub()}, ssl_certfile=str(file)) as urls:  # type: ignore[dict-item]
            url = urls["hub"].replace("127.0.0.1", "localhost") + "/tieline"
            subscriber = Subscriber("hub", url, SECRET, Environment.LIVE, allow_private=True)
            endpoint = WebhookEndpoint(subscriber)
            how = await endpoint.deliver(event)
            await endpoint.aclose()
        assert how.cause == cause, how


def test_a_live_subscriber_needs_https() -> None:
    """Said when the relay starts."""
    with pytest.raises(Misconfigured, match="must use https"):
        WebhookEndpoint(
            Subscriber("finance-hub", "http://hub.globex.example", SECRET, Environment.LIVE)
        )


async def test_a_live_event_never_goes_out_in_clear_text(db: Database) -> None:
    """Whatever the settings say of the subscriber's environment."""
    (event,) = await write(db, posted(1, environment=Environment.LIVE))
    endpoint = WebhookEndpoint(Subscriber("finance-hub", "http://hub.globex.example", SECRET))

    how = await endpoint.deliver(event)
    await endpoint.aclose()

    assert (how.cause, how.lasting) == ("Misconfigured", True)


def test_a_secret_that_cannot_sign_is_refused_at_once() -> None:
    """And is not repeated in the sentence."""
    with pytest.raises(Misconfigured) as refused:
        WebhookEndpoint(Subscriber("finance-hub", "https://hub.globex.example", "whsec_c2hvcnQ="))

    assert "c2hvcnQ" not in str(refused.value)


async def test_without_a_target_the_relay_says_what_to_configure(url: str) -> None:
    """The outbox is the stream then."""
    with pytest.raises(Misconfigured, match=r"add \[relay.nats\] or \[subscribers.NAME\]"):
        async with relaying(settings(url)):
            pass
