"""The customer-success port over Gainsight CS.

Gainsight has no upsert for companies and no idempotency for calls to action: both are looked up by
our key before they are created, and callers serialise writers by account.
"""

from collections.abc import AsyncIterator
from typing import Self

from adapters.gainsight.api import CTA, GainsightApi
from adapters.gainsight.auth import authentication
from adapters.gainsight.companies import COMPANY, only
from adapters.gainsight.errors import GAINSIGHT_ERRORS
from adapters.gainsight.mapping import (
    COMPANY_FIELDS,
    CTA_FIELDS,
    REFERENCE_FIELD,
    OnboardingStyle,
    from_gainsight_company,
    from_gainsight_cta,
    from_gainsight_record,
    is_closed,
    not_empty,
    to_gainsight_closure,
    to_gainsight_company,
    to_gainsight_cta,
    to_gainsight_person,
    where,
)
from adapters.gainsight.portfolio import GainsightPortfolio, made
from adapters.gainsight.unordered import every_row
from adapters.http import HttpClient
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.plan import OnboardingSpec
from canonical.ports import RecordSummary

PEOPLE = "/v1/peoplemgmt/v1.0/people"


class GainsightSuccess(GainsightPortfolio):
    """Companies, onboardings, risk and renewals of one Gainsight tenant."""

    def __init__(self, api: GainsightApi, connection: Connection) -> None:
        super().__init__(api, connection)
        self._style = OnboardingStyle.from_connection(connection)

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Build it from a connection; raises Misconfigured when a setting or secret is missing."""
        client = HttpClient(connection, authentication(connection), GAINSIGHT_ERRORS)
        return cls(GainsightApi(client), connection)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def check(self) -> str:
        """Prove that the credentials may query companies."""
        named = not_empty("name", "Name")
        found = await self._api.query(COMPANY, ["Gsid"], named, limit=1)
        return f"Gainsight answers queries and shows {'companies' if found else 'no company yet'}"

    async def put_company(
        self, onboarding: OnboardingSpec, known_id: str | None, stamp: Stamp
    ) -> ExternalRef:
        """Update the known company or the one with this account id, or create it; then its contact.

        Raises DuplicateRecord when, after creating, several carry the account id.
        """
        found = None if known_id else await self.find_company(onboarding.account_id)
        company = to_gainsight_company(onboarding, stamp)
        company_id = known_id or (found.id if found else None)
        if company_id:
            await self._companies.put("PUT", {"Gsid": company_id, **company}, stamp)
        else:
            made = await self._companies.put("POST", company, stamp)
            # Another writer may have created it meanwhile: with two there is no telling which.
            await self.find_company(onboarding.account_id)
            company_id = made
        if onboarding.email:
            person = to_gainsight_person(onboarding.email, company_id)
            await self._write("PUT", PEOPLE, person, stamp)
        return ExternalRef(id=company_id)

    async def find_company(self, account_id: str) -> ExternalRef | None:
        """The company that carries this account id; raises DuplicateRecord for several."""
        found = await self._companies.find(account_id)
        return from_gainsight_record(found) if found else None

    async def open_onboarding(
        self, onboarding: OnboardingSpec, company_id: str, stamp: Stamp
    ) -> ExternalRef:
        """Create the call to action; raises Misconfigured for a picklist name the tenant lacks."""
        await self._api.require_names(self._style.names())
        record = to_gainsight_cta(onboarding, company_id, self._style, stamp)
        data = await self._write("POST", CTA, {"requests": [{"record": record}]}, stamp)
        return ExternalRef(id=made(data, record["referenceId"]))

    async def find_onboarding(self, company_id: str, stamp: Stamp) -> ExternalRef | None:
        """The company's open call to action that carries the effect's key."""
        same = where("fieldName", CompanyId=company_id, **{REFERENCE_FIELD: stamp.key})
        found = self._api.ctas(CTA_FIELDS, same, stamp.correlation_id)
        standing = [cta async for cta in found if not is_closed(cta)]
        one = only(standing, "open calls to action", stamp.key)
        return from_gainsight_record(one) if one else None

    async def close_onboarding(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Close the call to action as no longer needed, unless a CSM closed it already."""
        this = where("fieldName", Gsid=ref.id)
        found = [cta async for cta in self._api.ctas(CTA_FIELDS, this, stamp.correlation_id)]
        if not found or is_closed(found[0]):
            return
        record = to_gainsight_closure(ref.id, self._style, stamp)
        await self._write("PUT", CTA, {"requests": [{"record": record}]}, stamp)

    async def records(self) -> AsyncIterator[RecordSummary]:
        """Our companies, then our open onboardings."""
        ours = not_empty("name", "Tieline_Key__gc")
        async for company in self._api.every(COMPANY, COMPANY_FIELDS, ours):
            yield from_gainsight_company(company)
        referenced = not_empty("fieldName", REFERENCE_FIELD)
        for cta in await every_row(lambda: self._api.ctas(CTA_FIELDS, referenced), CTA):
            if not is_closed(cta):
                yield from_gainsight_cta(cta)
