"""The simulators' control routes, as a vendor's administrator (or a bad day) would use them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import httpx

from canonical.errors import Unavailable

TIMEOUT_SECONDS = 60.0


class SimulatorControl:
    """One simulator's `/_sim` routes."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def state(self) -> dict[str, Any]:
        """Everything that the simulator holds."""
        found: dict[str, Any] = await self._call("GET", "state")
        return found

    async def arm(self, **fault: Any) -> None:
        """Arm a fault (simulators.faults.Fault)."""
        await self._call("POST", "faults", fault)

    async def clear(self) -> None:
        """Disarm every fault."""
        await self._call("DELETE", "faults")

    async def close(self, opportunities: Sequence[str]) -> int:
        """Close deals as won, so that the CRM sends a signed callout each; how many arrived."""
        answer = await self._call("POST", "close", {"opportunity_ids": list(opportunities)})
        return int(answer["accepted"])

    async def advance(self, seconds: float) -> None:
        """Move the simulator's clock on, and let happen what lies ahead until then."""
        await self._call("POST", "advance", {"seconds": seconds})

    async def happen(self, invoice: str, what: str, **given: Any) -> None:
        """Let something happen to an invoice of billing: `pay`, `fail`, `credit`, `dispute`, ..."""
        await self._call("POST", f"invoices/{invoice}/{what}", given)

    async def book(self, what: str, **given: Any) -> str:
        """Let the ERP's clerk `invoice`, `pay`, `credit`, `dispute` or `void`; the id of what was
        made or changed."""
        answer = await self._call("POST", what, given)
        return str(answer["id"])

    async def load_receivables(self, csv: str, as_of: date | None = None) -> dict[str, Any]:
        """Load an accounts receivable file into the ERP; what was loaded, and the bad lines."""
        given = {"csv": csv, "as_of": as_of.isoformat() if as_of else None}
        report: dict[str, Any] = await self._call("POST", "receivables", given)
        return report

    async def _call(self, method: str, route: str, body: Any = None) -> Any:
        try:
            answer = await self._client.request(method, f"/_sim/{route}", json=body)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"the simulator's {route} route failed: {error}") from error
        return answer.json()
