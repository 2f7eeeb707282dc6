"""The companies of a tenant, by our account id: Gainsight has no upsert for them."""

from adapters.gainsight.api import OBJECTS, GainsightApi, rows_of
from adapters.gainsight.mapping import ACCOUNT_FIELD, COMPANY_FIELDS, Record, where
from canonical.effects import Stamp
from canonical.errors import DuplicateRecord, NotFound, OutcomeUnknown

COMPANY = "Company"


class Companies:
    """Reads and writes single companies."""

    def __init__(self, api: GainsightApi) -> None:
        self._api = api

    async def find(self, account_id: str, fields: list[str] = COMPANY_FIELDS) -> Record | None:
        """Some fields of the company that carries this account id; raises DuplicateRecord for
        several."""
        same = where("name", **{ACCOUNT_FIELD: account_id})
        return only(await self._api.query(COMPANY, fields, same, limit=2), "companies", account_id)

    async def need(self, account_id: str, fields: list[str] = COMPANY_FIELDS) -> Record:
        """The same; raises NotFound when there is none."""
        found = await self.find(account_id, fields)
        if found is None:
            raise NotFound(f"Gainsight has no company of account {account_id}", about=account_id)
        return found

    async def put(self, method: str, company: Record, stamp: Stamp) -> str:
        """Insert (POST) or update by Gsid (PUT) one company; returns its Gsid."""
        params: dict[str, str | int] | None = {"keys": "Gsid"} if method == "PUT" else None
        data = await self._api.ask(
            method,
            f"{OBJECTS}/{COMPANY}",
            {"records": [company]},
            write=True,
            params=params,
            correlation_id=stamp.correlation_id,
        )
        written = rows_of(data)
        if len(written) != 1 or not written[0].get("Gsid"):
            raise OutcomeUnknown(f"Gainsight wrote {len(written)} companies instead of one")
        return str(written[0]["Gsid"])


def only(found: list[Record], what: str, key: str) -> Record | None:
    """The one record of a list that should hold one at most; raises DuplicateRecord."""
    if len(found) > 1:
        raise DuplicateRecord(
            f"several Gainsight {what} carry {key}",
            about=key,
            details={"ids": [str(record["Gsid"]) for record in found]},
        )
    return found[0] if found else None
