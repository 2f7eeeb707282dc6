"""What customer success is told of an account's risk and renewals, and asked of its onboarding."""

from functools import partial
from typing import Any

from adapters.gainsight.api import CTA, TASK, GainsightApi
from adapters.gainsight.changes import Completion
from adapters.gainsight.companies import Companies, only
from adapters.gainsight.mapping import COMPANY_FIELDS, REFERENCE_FIELD, Record, is_closed, where
from adapters.gainsight.readiness import (
    IMPLEMENTATION_FIELDS,
    READINESS_FIELDS,
    TASK_FIELDS,
    from_gainsight_tasks,
    shows_readiness,
    to_gainsight_readiness,
)
from adapters.gainsight.risk import (
    RISK_CALL_FIELDS,
    RISK_FIELDS,
    RISK_REFERENCE_FIELD,
    RiskStyle,
    shows,
    to_gainsight_done,
    to_gainsight_risk,
    to_gainsight_risk_call,
    to_gainsight_taken_over,
)
from adapters.gainsight.unordered import every_row
from canonical.connections import Connection
from canonical.effects import ExternalRef, Stamp
from canonical.errors import Malformed, OutcomeUnknown
from canonical.portfolio import ReadinessUpdate, RiskUpdate
from canonical.renewal import OnboardingTasks

CTAS_AT_ONCE = 100


class GainsightPortfolio:
    """The part of the success port that concerns an account over its whole life.

    Gainsight has no upsert and no idempotency for calls to action: what stands is looked up first,
    and callers serialise writers by account.
    """

    def __init__(self, api: GainsightApi, connection: Connection) -> None:
        self._api = api
        self._companies = Companies(api)
        self._clock = api.clock
        self._risk_style = RiskStyle.from_connection(connection)
        self._completion = Completion.from_connection(connection)

    async def put_risk(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef:
        """Set the company's risk fields, or empty them; raises NotFound without a company."""
        company = await self._companies.need(risk.account_id, [*COMPANY_FIELDS, *RISK_FIELDS])
        wanted = to_gainsight_risk(risk, stamp)
        return await self._put(company, wanted, stamp, stands=shows(company, wanted))

    async def find_risk(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef | None:
        """The company, if it shows this risk under this key; any company without one for none."""
        company = await self._companies.find(risk.account_id, [*COMPANY_FIELDS, *RISK_FIELDS])
        if company is None or not shows(company, to_gainsight_risk(risk, stamp)):
            return None
        return ExternalRef(id=str(company["Gsid"]))

    async def open_risk_call(self, risk: RiskUpdate, stamp: Stamp) -> ExternalRef:
        """Create the account's call about late payments, or take over the one that is open.

        Raises NotFound without a company, DuplicateRecord when several are open, Misconfigured for
        a picklist name the tenant lacks.
        """
        await self._api.require_names(self._risk_style.names())
        company_id = str((await self._companies.need(risk.account_id))["Gsid"])
        standing = only(await self._risk_calls(company_id), "open risk calls", risk.account_id)
        if standing is None:
            call = to_gainsight_risk_call(
                risk, company_id, self._risk_style, stamp, self._clock().date()
            )
            data = await self._write("POST", CTA, {"requests": [{"record": call}]}, stamp)
            return ExternalRef(id=made(data, call["referenceId"]))
        if standing.get(RISK_REFERENCE_FIELD) != stamp.key:
            taken = to_gainsight_taken_over(str(standing["Gsid"]), stamp)
            await self._write("PUT", CTA, {"requests": [{"record": taken}]}, stamp)
        return ExternalRef(id=str(standing["Gsid"]))

    async def find_risk_call(self, account_id: str, stamp: Stamp) -> ExternalRef | None:
        """The account's open call about late payments that carries the effect's key."""
        company = await self._companies.find(account_id)
        if company is None:
            return None
        standing = await self._risk_calls(str(company["Gsid"]))
        ours = [call for call in standing if call.get(RISK_REFERENCE_FIELD) == stamp.key]
        found = only(ours, "open risk calls", stamp.key)
        return ExternalRef(id=str(found["Gsid"])) if found else None

    async def close_risk_call(self, ref: ExternalRef, stamp: Stamp) -> None:
        """Close the call as done, unless a CSM closed it already."""
        this = where("fieldName", Gsid=ref.id)
        found = [cta async for cta in self._api.ctas(RISK_CALL_FIELDS, this, stamp.correlation_id)]
        if found and not is_closed(found[0]):
            done = to_gainsight_done(ref.id, self._risk_style, stamp)
            await self._write("PUT", CTA, {"requests": [{"record": done}]}, stamp)

    async def onboarding_tasks(self, account_id: str) -> OnboardingTasks:
        """The open tasks of the account's onboardings of ours; nothing for an unknown account."""
        at = self._clock()
        company = await self._companies.find(account_id)
        if company is None:
            return OnboardingTasks(account_id=account_id, as_of=at)
        ctas = await self._of_company(str(company["Gsid"]), IMPLEMENTATION_FIELDS, REFERENCE_FIELD)
        tasks = await self._tasks([str(cta["Gsid"]) for cta in ctas if not is_closed(cta)])
        try:
            return from_gainsight_tasks(account_id, ctas, tasks, self._completion, at)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise Malformed("Gainsight's list of tasks lacks a field", about=account_id) from None

    async def put_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef:
        """Set the company's renewal fields; raises NotFound without a company."""
        fields = [*COMPANY_FIELDS, *READINESS_FIELDS]
        company = await self._companies.need(readiness.account_id, fields)
        wanted = to_gainsight_readiness(readiness)
        return await self._put(company, wanted, stamp, stands=shows_readiness(company, readiness))

    async def find_readiness(self, readiness: ReadinessUpdate, stamp: Stamp) -> ExternalRef | None:
        """The company, if it shows exactly this readiness."""
        fields = [*COMPANY_FIELDS, *READINESS_FIELDS]
        company = await self._companies.find(readiness.account_id, fields)
        if company is None or not shows_readiness(company, readiness):
            return None
        return ExternalRef(id=str(company["Gsid"]))

    async def _put(
        self, company: Record, wanted: Record, stamp: Stamp, *, stands: bool
    ) -> ExternalRef:
        company_id = str(company["Gsid"])
        if not stands:
            await self._companies.put("PUT", {"Gsid": company_id, **wanted}, stamp)
        return ExternalRef(id=company_id)

    async def _risk_calls(self, company_id: str) -> list[Record]:
        calls = await self._of_company(company_id, RISK_CALL_FIELDS, RISK_REFERENCE_FIELD)
        return [call for call in calls if not is_closed(call)]

    async def _of_company(self, company_id: str, select: list[str], reference: str) -> list[Record]:
        """A company's calls to action that carry a reference, each once."""
        of_company = where("fieldName", CompanyId=company_id)
        referenced = {
            "fieldName": reference, "alias": "B", "value": [], "operator": "IS_NOT_NULL",
        }  # fmt: skip
        clause = {
            "conditions": [*of_company["conditions"], referenced], "expression": "A AND B",
        }  # fmt: skip
        return await every_row(lambda: self._api.ctas(select, clause), CTA)

    async def _tasks(self, ctas: list[str]) -> list[Record]:
        found: list[Record] = []
        for start in range(0, len(ctas), CTAS_AT_ONCE):
            several = ctas[start : start + CTAS_AT_ONCE]
            among = {"fieldName": "CTAId", "alias": "A", "value": several, "operator": "IN"}
            clause: Record = {"conditions": [among], "expression": "A"}
            found += await every_row(partial(self._api.listed, TASK, TASK_FIELDS, clause), TASK)
        return found

    async def _write(self, method: str, path: str, body: Any, stamp: Stamp) -> Any:
        return await self._api.ask(
            method, path, body, write=True, correlation_id=stamp.correlation_id
        )


def made(data: Any, reference: str) -> str:
    """The id of the call to action that a request of this reference made."""
    for entry in (data or {}).get("success") or []:
        if entry.get(reference):
            return str(entry[reference])
    raise OutcomeUnknown("Gainsight does not say which call to action it made")
