"""What every vendor's adapter promises when the network or the vendor fails (DESIGN: effects)."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

import pytest

from canonical.connections import Connection, Limits
from canonical.effects import ExternalRef, Stamp
from canonical.errors import OutcomeUnknown, RateLimited, Unauthorized, Unavailable
from canonical.ids import vendor_key
from simulators.kernel import Simulator
from simulators.serve import serving

GLOBEX = "0015g00000GLOBEXAA"
HOOLI = "0015g000000HOOLIAA"
GLOBEX_DEAL = "0065g00000GLOBEXAA"


def stamp(key: str = "main/thing/0065g00000GLOBEXAA", content: str = "first") -> Stamp:
    """What a write of this key and content carries."""
    return Stamp(key=key, token=vendor_key(key, content), correlation_id="tl-globex-4711")


class PortContract(ABC):
    """Inherited by each port's suite; a vendor's test class gives `simulator` and `connection`.

    `write` is the suite's typical write and `probe` the question whether it stands; `write_path`
    says which requests of the vendor are that write.
    """

    write_path: str
    write_method = "*"

    @abstractmethod
    def simulator(self) -> Simulator:
        """The vendor's stand-in (a fixture)."""

    @abstractmethod
    def connection(self) -> Connection:
        """A connection to it (a fixture)."""

    @abstractmethod
    def adapter(self, connection: Connection) -> Any:
        """The vendor's adapter on a connection."""

    @abstractmethod
    async def prepare(self, port: Any) -> None:
        """Whatever must stand before the typical write."""

    @abstractmethod
    async def write(self, port: Any) -> ExternalRef:
        """The typical write."""

    @abstractmethod
    async def probe(self, port: Any) -> ExternalRef | None:
        """Whether the typical write stands."""

    @pytest.fixture
    async def url(self, simulator: Simulator) -> AsyncIterator[str]:
        async with serving({"vendor": simulator}) as urls:
            yield urls["vendor"]

    @pytest.fixture
    async def port(self, connection: Connection) -> AsyncIterator[Any]:
        port = self.adapter(connection)
        yield port
        await port.aclose()

    def arm(self, simulator: Simulator, kind: str, **fault: Any) -> None:
        """Show a fault on the next typical write."""
        fault = {"method": self.write_method, "path": self.write_path, **fault}
        simulator.faults.arm(kind=kind, **fault)

    async def test_a_check_says_what_answered(self, port: Any) -> None:
        """`check` is one cheap read that names the vendor."""
        assert type(port).__name__.startswith((await port.check()).split()[0])

    async def test_a_write_is_found_by_its_probe_and_only_afterwards(self, port: Any) -> None:
        """Before the write the probe proves absence; afterwards it names the same record."""
        await self.prepare(port)
        assert await self.probe(port) is None

        written = await self.write(port)

        found = await self.probe(port)
        assert found is not None
        assert found.id == written.id

    async def test_a_lost_answer_is_an_unknown_outcome_and_the_record_is_found(
        self, port: Any, simulator: Simulator
    ) -> None:
        """A write whose answer is lost may stand: the probe finds it."""
        await self.prepare(port)
        self.arm(simulator, "lost_response")

        with pytest.raises(OutcomeUnknown):
            await self.write(port)

        assert await self.probe(port) is not None

    async def test_a_failure_after_the_write_was_carried_out_is_an_unknown_outcome(
        self, port: Any, simulator: Simulator
    ) -> None:
        """A 5xx does not say whether the write stands; here it does."""
        await self.prepare(port)
        self.arm(simulator, "error_after", status=500)

        with pytest.raises(OutcomeUnknown):
            await self.write(port)

        assert await self.probe(port) is not None

    async def test_a_failure_before_the_write_is_an_unknown_outcome_until_it_is_probed(
        self, port: Any, simulator: Simulator
    ) -> None:
        """A 5xx does not say whether the write stands; here it does not; write again."""
        await self.prepare(port)
        self.arm(simulator, "error_before", status=503)

        with pytest.raises(OutcomeUnknown):
            await self.write(port)

        assert await self.probe(port) is None
        assert (await self.write(port)).id

    async def test_a_timeout_of_a_write_is_an_unknown_outcome(
        self, port: Any, connection: Connection, simulator: Simulator
    ) -> None:
        """An answer that comes later than the connection waits is a lost one."""
        await self.prepare(port)
        hasty = self.adapter(connection.model_copy(update={"limits": Limits(timeout_seconds=0.5)}))
        await hasty.check()
        self.arm(simulator, "latency", seconds=1.0)

        with pytest.raises(OutcomeUnknown):
            await self.write(hasty)

        await hasty.aclose()

    async def test_an_outage_of_a_read_is_unavailability(
        self, port: Any, simulator: Simulator
    ) -> None:
        """A read that fails has done nothing."""
        await port.check()
        simulator.faults.arm(kind="error_before", status=503)

        with pytest.raises(Unavailable):
            await self.probe(port)

    async def test_a_throttled_write_says_for_how_long(
        self, port: Any, simulator: Simulator
    ) -> None:
        """Retry-After becomes the delay before the next attempt."""
        await self.prepare(port)
        self.arm(simulator, "throttle", retry_after=7)

        with pytest.raises(RateLimited) as caught:
            await self.write(port)

        assert caught.value.retry_after_seconds == 7

    async def test_a_throttled_write_without_a_delay_is_still_rate_limited(
        self, port: Any, simulator: Simulator
    ) -> None:
        """Not every vendor says for how long."""
        await self.prepare(port)
        self.arm(simulator, "throttle")

        with pytest.raises(RateLimited):
            await self.write(port)

    async def test_credentials_that_stay_refused_are_unauthorized(
        self, port: Any, simulator: Simulator
    ) -> None:
        """A new token is tried once for one request; a second refusal is for a person."""
        await self.prepare(port)
        self.arm(simulator, "expire_token", times=2)

        with pytest.raises(Unauthorized):
            await self.write(port)


class TokenContract:
    """For vendors whose access tokens expire."""

    async def test_an_expired_token_is_renewed_once_without_notice(
        self, port: Any, simulator: Simulator
    ) -> None:
        """One refusal of a token costs one renewal, and the write goes through."""
        suite: Any = self
        await suite.prepare(port)
        suite.arm(simulator, "expire_token", times=1)

        assert (await suite.write(port)).id
