"""The warehouse of a rehearsal: some usage for each account of the CRM export that is loaded."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulators.warehouse import write_usage

NAME = "warehouse"
FILE = "warehouse.db"
ACCOUNTS_MAX = 500


def make_warehouse(folder: Path, crm_export: Path | None) -> dict[str, Any]:
    """Write the file and the secret that says where it is; returns the `[usage.NAME]` table."""
    file = folder / FILE
    write_usage(file, _accounts(crm_export), datetime.now(UTC).date())
    url = folder / "credentials" / "warehouse-url"
    url.parent.mkdir(parents=True, exist_ok=True)
    url.touch(mode=0o600)
    url.write_text(f"sqlite:///{file}")
    return {
        "url": f"file:{url}",
        "table": "daily_usage",
        "columns": {"account": "account_id", "user": "user_id", "day": "day"},
        "seats": {"table": "seats", "account": "account_id", "licensed": "licensed"},
    }


def _accounts(crm_export: Path | None) -> list[str]:
    exported = crm_export / "Account.csv" if crm_export else None
    if exported is None or not exported.is_file():
        return []
    with exported.open(newline="", encoding="utf-8-sig") as rows:
        ids = (row.get("Id") or "" for row in csv.DictReader(rows))
        return [account for _, account in zip(range(ACCOUNTS_MAX), ids, strict=False) if account]
