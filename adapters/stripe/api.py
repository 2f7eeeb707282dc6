"""The few resources of the Stripe API that Tieline uses, and how a POST survives a lost answer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from adapters.http import HttpClient, Page, paged
from adapters.stripe.forms import to_stripe_form
from canonical.effects import Stamp
from canonical.errors import Malformed

VERSION = "2026-10-28.endive"
PAGE_SIZE = 100
PAGES_MAX = 500
REPLAYED = "idempotent-replayed"
FAILED = (500, 502, 503, 504)

Record = dict[str, Any]


class StripeApi:
    """Stripe's own nouns and verbs; every method raises the errors of `canonical.errors`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def post(
        self, path: str, params: Mapping[str, Any], *, key: str = "", correlation_id: str = ""
    ) -> Record:
        """Create or change; with an idempotency key a repeated request is answered, not redone."""
        headers = {"Stripe-Version": VERSION} | ({"Idempotency-Key": key} if key else {})
        answer = await self._client.request(
            "POST", path, form=to_stripe_form(params), headers=headers, write=True,
            correlation_id=correlation_id,
        )  # fmt: skip
        return _record(answer.json)

    async def create(
        self,
        path: str,
        params: Mapping[str, Any],
        stamp: Stamp,
        probe: Callable[[], Awaitable[Record | None]],
    ) -> Record:
        """Create under the stamp's token.

        A failure that Stripe has stored is replayed for a day whatever is asked: when the probe
        proves that it created nothing, the request is made once more under a second key.
        """
        for key in (stamp.token, f"{stamp.token}_2"):
            answer = await self._client.request(
                "POST", path, form=to_stripe_form(params),
                headers={"Stripe-Version": VERSION, "Idempotency-Key": key}, write=True,
                expect=FAILED, correlation_id=stamp.correlation_id,
            )  # fmt: skip
            if answer.ok:
                return _record(answer.json)
            if answer.headers.get(REPLAYED) != "true":
                break
            found = await probe()
            if found is not None:
                return found
        raise self._client.error_for(answer)

    async def get(self, path: str, expand: tuple[str, ...] = ()) -> Record | None:
        """One record; None when there is no such record."""
        answer = await self._client.request(
            "GET", path, params=to_stripe_form({"expand": expand}),
            headers={"Stripe-Version": VERSION}, write=False, expect=(404,),
        )  # fmt: skip
        return None if answer.status == 404 else _record(answer.json)

    async def delete(self, path: str, params: Mapping[str, Any], correlation_id: str = "") -> None:
        """End a record; what is gone already counts as ended."""
        await self._client.request(
            "DELETE", path, form=to_stripe_form(params), headers={"Stripe-Version": VERSION},
            write=True, expect=(404,), correlation_id=correlation_id,
        )  # fmt: skip

    async def page(self, path: str, **params: Any) -> tuple[Sequence[Record], bool]:
        """One page of a list, newest first, and whether there are more in the direction asked."""
        answer = await self._client.request(
            "GET", path, params=to_stripe_form(params), headers={"Stripe-Version": VERSION},
            write=False,
        )  # fmt: skip
        body = answer.json
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            raise Malformed(f"Stripe answered {path} without a list")
        return body["data"], bool(body.get("has_more"))

    def list(self, path: str, **filters: Any) -> AsyncIterator[Record]:
        """Every record of a list, newest first; read-after-write consistent, unlike search."""

        async def page(after: str | None) -> Page[Record]:
            items, more = await self.page(path, limit=PAGE_SIZE, starting_after=after, **filters)
            return Page(items, items[-1]["id"] if more and items else None)

        return paged(page, pages_max=PAGES_MAX, what=path)


def _record(body: Any) -> Record:
    if not isinstance(body, dict) or "id" not in body:
        raise Malformed("Stripe answered without a record")
    return body
