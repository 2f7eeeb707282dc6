"""The support port over Zendesk organizations.

An entitlement is the organization's `support_tier` and `entitlement_end` with the tags that the SLA
policies filter by, all in one write, so that half an entitlement never stands. Organizations are
looked up by `show_many?external_ids=`, which reads the records themselves: search answers from an
index that lags. A wrong "absent" would still be harmless to a write, which Zendesk matches by
external id, but not to an undo, which would take it for nothing to reverse.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Self

from adapters.http import Answer, HttpClient, Page, paged
from adapters.zendesk.auth import authentication
from adapters.zendesk.errors import ZENDESK_ERRORS
from adapters.zendesk.incidents import Incidents
from adapters.zendesk.mapping import (
    Organization,
    from_zendesk_listing,
    from_zendesk_organization,
    is_entitled,
    is_ours,
    shows,
    shows_terms,
    to_zendesk_organization,
    to_zendesk_withdrawal,
)
from adapters.zendesk.risk import RISK_FIELD, shows_risk, to_zendesk_risk
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.errors import DuplicateRecord, Misconfigured, NotFound
from canonical.plan import EntitlementSpec
from canonical.portfolio import RiskUpdate
from canonical.ports import RecordSummary
from canonical.renewal import IncidentFacts

ORGANIZATIONS = "/api/v2/organizations"
PAGE_SIZE = 100
PAGES_MAX = 5000


class ZendeskSupport:
    """Organizations, their entitlements and risk in one Zendesk account, and their tickets."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._incidents = Incidents(client)

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it from a connection; raises Misconfigured when a setting or secret is missing."""
        return cls(HttpClient(connection, authentication(connection), ZENDESK_ERRORS))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def check(self) -> str:
        """Prove that the credentials may list organizations."""
        answer = await self._client.request(
            "GET", ORGANIZATIONS, write=False, params={"page[size]": 1}
        )
        _listed(answer)
        limit = answer.headers.get("x-rate-limit", "an unknown number of")
        return f"Zendesk lists organizations, {limit} requests a minute"

    async def put_entitlement(self, entitlement: EntitlementSpec, stamp: Stamp) -> ExternalRef:
        """Upsert the organization by external id, keeping the tags that others gave it.

        Raises Misconfigured when the account lacks our organization fields, which Zendesk ignores
        without a word.
        """
        existing = await self._of_account(entitlement.account_id, stamp.correlation_id)
        if existing is not None and shows(existing, entitlement, stamp):
            return from_zendesk_organization(existing)
        body = to_zendesk_organization(entitlement, existing, stamp)
        organization = await self._write("POST", f"{ORGANIZATIONS}/create_or_update", body, stamp)
        if not shows_terms(organization, entitlement):
            raise Misconfigured(
                "Zendesk did not keep the organization fields support_tier and entitlement_end",
                about="organization_fields",
            )
        return from_zendesk_organization(organization)

    async def find_entitlement(
        self, entitlement: EntitlementSpec, stamp: Stamp
    ) -> ExternalRef | None:
        """The organization, if it shows exactly this entitlement and stamp; read-after-write."""
        organization = await self._of_account(entitlement.account_id, stamp.correlation_id)
        if organization is None or not shows(organization, entitlement, stamp):
            return None
        return from_zendesk_organization(organization)

    async def withdraw_entitlement(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Empty tier and end date and drop the tier's tag; the organization stays."""
        organization = await self._show(ref.id, stamp)
        if organization is None or not is_entitled(organization):
            return
        body = to_zendesk_withdrawal(organization, stamp)
        await self._write("PUT", f"{ORGANIZATIONS}/{ref.id}", body, stamp)

    async def incidents(self, account_id: str, since: datetime) -> IncidentFacts:
        """The account's tickets: open ones by priority, and what happened since; `Incidents` says
        what is asked. None at all for an account without an organization."""
        organization = await self._of_account(account_id)
        if organization is None:
            return IncidentFacts(account_id=account_id, as_of=self._client.clock())
        return await self._incidents.facts(account_id, str(organization["id"]), since)

    async def put_risk_flag(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef:
        """Set field and tag of the account's organization, and nothing else of it.

        Raises NotFound without an organization, Misconfigured when the account lacks the field.
        """
        existing = await self._of_account(risk.account_id, stamp.correlation_id)
        if existing is None:
            raise NotFound(
                f"Zendesk has no organization with external id {risk.account_id}",
                about=risk.account_id,
            )
        if shows_risk(existing, risk.level):
            return from_zendesk_organization(existing)
        body = to_zendesk_risk(existing, risk.level)
        written = await self._write("PUT", f"{ORGANIZATIONS}/{existing['id']}", body, stamp)
        if not shows_risk(written, risk.level):
            raise Misconfigured(
                f"Zendesk did not keep the organization field {RISK_FIELD}",
                about="organization_fields",
            )
        return from_zendesk_organization(written)

    async def find_risk_flag(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef | None:
        """The organization, if field and tag show exactly this level; read-after-write."""
        organization = await self._of_account(risk.account_id, stamp.correlation_id)
        if organization is None or not shows_risk(organization, risk.level):
            return None
        return from_zendesk_organization(organization)

    async def records(self) -> AsyncIterator[RecordSummary]:
        """Every organization that carries our tag."""

        async def fetch(cursor: str | None) -> Page[Organization]:
            params: dict[str, str | int] = {"page[size]": PAGE_SIZE}
            if cursor:
                params["page[after]"] = cursor
            answer = await self._client.request("GET", ORGANIZATIONS, write=False, params=params)
            meta = answer.json.get("meta") or {}
            after = meta.get("after_cursor") if meta.get("has_more") else None
            return Page(_listed(answer), after)

        async for organization in paged(fetch, pages_max=PAGES_MAX, what="organizations"):
            if is_ours(organization):
                yield from_zendesk_listing(organization)

    async def _of_account(self, account_id: str, correlation_id: str = "") -> Organization | None:
        answer = await self._client.request(
            "GET",
            f"{ORGANIZATIONS}/show_many",
            write=False,
            params={"external_ids": account_id},
            correlation_id=correlation_id,
        )
        found = _listed(answer)
        if len(found) > 1:
            raise DuplicateRecord(
                f"{len(found)} Zendesk organizations carry external id {account_id}",
                about=account_id,
                details={"ids": [organization["id"] for organization in found]},
            )
        return found[0] if found else None

    async def _show(self, organization_id: str, stamp: Stamp) -> Organization | None:
        try:
            answer = await self._client.request(
                "GET",
                f"{ORGANIZATIONS}/{organization_id}",
                write=False,
                correlation_id=stamp.correlation_id,
            )
        except NotFound:
            return None
        return _organization(answer)

    async def _write(
        self, method: str, path: str, organization: dict[str, Any], stamp: Stamp
    ) -> Organization:
        answer = await self._client.request(
            method,
            path,
            write=True,
            json={"organization": organization},
            correlation_id=stamp.correlation_id,
        )
        return _organization(answer)


def _organization(answer: Answer) -> Organization:
    body = answer.json
    organization = body.get("organization") if isinstance(body, dict) else None
    if not isinstance(organization, dict) or "id" not in organization:
        raise answer.unreadable("not an organization")
    return organization


def _listed(answer: Answer) -> list[Organization]:
    body = answer.json
    organizations = body.get("organizations") if isinstance(body, dict) else None
    if not isinstance(organizations, list):
        raise answer.unreadable("not a list of organizations")
    return organizations
