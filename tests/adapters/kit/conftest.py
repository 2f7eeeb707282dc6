"""The small vendor, served on loopback."""

from collections.abc import AsyncIterator

import pytest

from simulators.serve import serving
from tests.adapters.kit.initech import Initech


@pytest.fixture
def vendor() -> Initech:
    return Initech()


@pytest.fixture
async def url(vendor: Initech) -> AsyncIterator[str]:
    async with serving({"initech": vendor}) as urls:
        yield urls["initech"]
