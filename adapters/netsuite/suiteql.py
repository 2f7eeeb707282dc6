"""The questions we ask NetSuite in SuiteQL, paged; every value in an answer is text."""

import re
from collections.abc import AsyncIterator

from adapters.http import HttpClient, Page, paged
from canonical.errors import Malformed

PATH = "/services/rest/query/v1/suiteql"
PAGE_ROWS = 1000
PAGES_MAX = 100  # SuiteQL itself ends at 100,000 rows

Row = dict[str, str]
Rows = AsyncIterator[Row]

SUBSIDIARIES = "SELECT COUNT(*) AS subsidiaries FROM subsidiary"

CUSTOMERS = """
SELECT id, externalid FROM customer
WHERE custentity_tieline_key IS NOT NULL ORDER BY id
"""

OPEN_ORDERS = """
SELECT t.id AS id, t.externalid AS externalid, t.status AS status,
       t.foreigntotal AS foreigntotal, c.symbol AS currency
FROM transaction t JOIN currency c ON c.id = t.currency
WHERE t.type = 'SalesOrd' AND t.custbody_tieline_key IS NOT NULL
  AND t.status NOT IN ('C', 'H', 'SalesOrd:C', 'SalesOrd:H')
ORDER BY t.id
"""

REVENUE = """
SELECT tl.custcol_tieline_line AS lineid, tl.custcol_milestone AS milestone,
       rp.plannedperiod AS period, rp.amount AS amount, rp.status AS status
FROM revenuearrangement ra
JOIN revenueelement re ON re.revenuearrangement = ra.id
JOIN transactionline tl ON tl.transaction = re.sourcetransaction
     AND tl.linesequencenumber = re.sourcetransactionline
LEFT JOIN revenueplan rp ON rp.revenueelement = re.id
WHERE ra.sourcetransaction = {order_id}
ORDER BY tl.linesequencenumber, rp.id
"""


def revenue_query(order_id: str) -> str:
    """The revenue plans of a sales order, line by line; raises Malformed for a foreign id."""
    if not re.fullmatch(r"\d{1,18}", order_id):
        raise Malformed(f"{order_id!r} is not a NetSuite internal id", about=order_id)
    return REVENUE.format(order_id=order_id)


def rows(client: HttpClient, query: str) -> Rows:
    """Every row of a query; raises Malformed past the 100,000 rows that SuiteQL gives out."""
    text = " ".join(query.split())

    async def fetch(cursor: str | None) -> Page[Row]:
        offset = int(cursor or 0)
        answer = await client.request(
            "POST",
            PATH,
            write=False,
            params={"limit": PAGE_ROWS, "offset": offset},
            json={"q": text},
            headers={"Prefer": "transient"},
        )
        try:
            items, more = list(answer.json["items"]), bool(answer.json.get("hasMore"))
        except (KeyError, TypeError, AttributeError):
            raise answer.unreadable("not a SuiteQL page") from None
        return Page(items, str(offset + PAGE_ROWS) if more else None)

    return paged(fetch, pages_max=PAGES_MAX, what="SuiteQL")
