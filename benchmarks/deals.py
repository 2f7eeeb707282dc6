"""Deals to sell: a Salesforce data export in which every deal is the first of a new customer."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.salesforce.ids import id18

Rows = list[dict[str, Any]]

PRODUCTS = (("GTX-PRO", "GTX Pro", "4800.00"), ("IMPLEMENTATION", "Implementation", "1200.00"))


def write_export(folder: Path, deals: int) -> list[str]:
    """Write the export of so many closed-won deals (two lines, 6,000.00 a deal); returns their ids.

    A new customer is the most work that a deal can be: nothing of it is known in any system.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Rows] = {"Account": [], "Opportunity": [], "OpportunityLineItem": []}
    tables |= _price_list()
    for number in range(1, deals + 1):
        for name, rows in _deal(number).items():
            tables[name] += rows
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return [str(row["Id"]) for row in tables["Opportunity"]]


def _id(prefix: str, number: int) -> str:
    made = id18(f"{prefix}BM{number:010d}")
    assert made is not None
    return made


def _price_list() -> dict[str, Rows]:
    products: Rows = []
    entries: Rows = []
    for number, (code, name, price) in enumerate(PRODUCTS, start=1):
        product = _id("01t", number)
        products.append({"Id": product, "Name": name, "ProductCode": code, "IsActive": "true"})
        entry = {"Id": _id("01u", number), "Product2Id": product, "UnitPrice": price}
        entries.append({**entry, "IsActive": "true"})
    return {"Product2": products, "PricebookEntry": entries}


def _deal(number: int) -> dict[str, Rows]:
    account, opportunity = _id("001", number), _id("006", number)
    won_on = datetime.now(UTC).date() - timedelta(days=1)
    customer = {
        "Id": account,
        "Name": f"Globex {number:05d}",
        "BillingCountry": "United States",
        "Billing_Email__c": f"ap@globex{number:05d}.example",
    }
    deal = {
        "Id": opportunity,
        "AccountId": account,
        "Name": f"Globex {number:05d} - new business",
        "StageName": "Closed Won",
        "Amount": "6000.00",
        "CurrencyIsoCode": "USD",
        "CloseDate": won_on.isoformat(),
    }
    lines = [
        {
            "Id": _id("00k", len(PRODUCTS) * number + position),
            "OpportunityId": opportunity,
            "Product2Id": _id("01t", position),
            "PricebookEntryId": _id("01u", position),
            "ProductCode": code,
            "Quantity": "1",
            "UnitPrice": price,
            "TotalPrice": price,
        }
        for position, (code, _, price) in enumerate(PRODUCTS, start=1)
    ]
    return {"Account": [customer], "Opportunity": [deal], "OpportunityLineItem": lines}
