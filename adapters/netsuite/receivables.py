"""What an account owes and has paid: its invoices with what settled them, by two queries."""

from collections import defaultdict
from datetime import date

from adapters.http import HttpClient
from adapters.netsuite import facts, suiteql
from adapters.netsuite.mapping import customer_external_id
from adapters.netsuite.settings import NetSuiteSettings
from adapters.netsuite.suiteql import Row
from canonical.errors import Malformed
from canonical.facts import InvoiceFacts, InvoiceStatus

# An external id counts as an account only on customers that carry our key.
OF_ACCOUNT = """
t.type = 'CustInvc' AND c.externalid = '{account}' AND c.custentity_tieline_key IS NOT NULL
AND (t.trandate >= TO_DATE('{since}', 'YYYY-MM-DD') OR t.foreignamountunpaid > 0{or_disputed})
"""
INVOICES = f"{facts.HEAD} WHERE {OF_ACCOUNT} ORDER BY t.trandate, t.id"
SETTLEMENTS = """
SELECT l.previousdoc AS invoice, p.id AS id, p.type AS type, l.foreignamount AS amount,
       TO_CHAR(SYS_EXTRACT_UTC(p.lastmodifieddate), '{stamp}') AS changed,
       TO_CHAR(SYS_EXTRACT_UTC(p.createddate), '{stamp}') AS created
FROM nexttransactionlinelink l
JOIN transaction p ON p.id = l.nextdoc
JOIN transaction t ON t.id = l.previousdoc
JOIN customer c ON c.id = t.entity
WHERE l.linktype = 'Payment' AND """
SETTLEMENTS += f"{OF_ACCOUNT} ORDER BY l.previousdoc, p.id"


async def invoices(
    client: HttpClient, settings: NetSuiteSettings, account_id: str, since: date
) -> list[InvoiceFacts]:
    """Dated since a day, still open or disputed, the oldest first; never posted ones left out.

    Raises Malformed for an account id that cannot be an external id.
    """
    field = settings.disputed_field
    names = {
        "account": customer_external_id(account_id),
        "since": since.isoformat(),
        # A checkbox that is not ticked is F; a text that is empty is null.
        "or_disputed": f" OR t.{field} <> 'F'" if field else "",
    }
    headers = [row async for row in _rows(client, settings, INVOICES, names)]
    if not headers:
        return []
    settled: defaultdict[str, list[Row]] = defaultdict(list)
    async for row in _rows(client, settings, SETTLEMENTS, names):
        if "invoice" not in row:
            raise Malformed("NetSuite tells a settlement without its invoice")
        settled[row["invoice"]].append(row)
    found = [facts.invoice_facts(row, settled[row.get("id", "")], settings) for row in headers]
    return [one for one in found if one.status is not InvoiceStatus.DRAFT and one.posted_at]


def _rows(
    client: HttpClient, settings: NetSuiteSettings, template: str, names: dict[str, str]
) -> suiteql.Rows:
    return suiteql.rows(client, facts.question(template, settings, **names))
