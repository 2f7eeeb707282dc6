"""The `tieline.toml` of a rehearsal: every connection points at a simulator."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governance.catalogue import Catalogue
from tieline.rehearsal.credentials import (
    CONSUMER_KEY,
    CRM_USERNAME,
    ERP_CERTIFICATE_ID,
    ERP_CLIENT_ID,
    SUPPORT_EMAIL,
    Credentials,
)
from tieline.rehearsal.vendors import currencies, subsidiaries
from tieline.rehearsal.warehouse import NAME

CONNECTIONS = ("crm", "billing", "erp", "support", "success")
HEADER = "# Written for a rehearsal against the simulators; the credentials work nowhere else.\n"


def rehearsal_tables(
    credentials: Credentials, catalogue: Catalogue, urls: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """The `[connections.NAME]` tables of the five simulators, by connection name."""
    erp_options = {f"subsidiary.{k}": v for k, v in subsidiaries(catalogue).items()}
    erp_options |= {f"currency.{k}": v for k, v in currencies(catalogue).items()}
    return {
        "crm": {
            "role": "crm",
            "vendor": "salesforce",
            "base_url": urls["salesforce"],
            "secrets": {"private_key": f"file:{credentials.crm_key}"},
            "options": {
                "consumer_key": CONSUMER_KEY,
                "username": CRM_USERNAME,
                "audience": "https://test.salesforce.com",
            },
        },
        "billing": {
            "role": "billing",
            "vendor": "stripe",
            "base_url": urls["stripe"],
            "secrets": {"api_key": f"file:{credentials.billing_key}"},
        },
        "erp": {
            "role": "erp",
            "vendor": "netsuite",
            "base_url": urls["netsuite"],
            "secrets": {"private_key": f"file:{credentials.erp_key}"},
            "options": {
                "client_id": ERP_CLIENT_ID,
                "certificate_id": ERP_CERTIFICATE_ID,
                "algorithm": "ES256",
                "disputed_field": "custbody_tieline_disputed",
                **erp_options,
            },
        },
        "support": {
            "role": "support",
            "vendor": "zendesk",
            "base_url": urls["zendesk"],
            "secrets": {"api_token": f"file:{credentials.support_token}"},
            "options": {"email": SUPPORT_EMAIL},
        },
        "success": {
            "role": "success",
            "vendor": "gainsight",
            "base_url": urls["gainsight"],
            "secrets": {"access_key": f"file:{credentials.success_key}"},
            # The simulator has no quota unless it is told to have one.
            "options": {"owner_email": "csm@rehearsal.example", "calls_per_minute": "1000000"},
        },
    }


def rehearsal_toml(
    credentials: Credentials,
    catalogue: Catalogue,
    urls: Mapping[str, str],
    *,
    ledger_url: str,
    temporal_address: str,
    ui_url: str,
    webhooks_port: int,
    catalogue_folder: Path | None = None,
    requests_per_second: float = 1000.0,
    poll_seconds: int = 0,
    lookback_seconds: int = 0,
    relay_poll_seconds: float = 0.0,
    usage: Mapping[str, Any] | None = None,
) -> str:
    """The settings file of a rehearsal, as TOML text; one secret signs all webhooks.

    `usage` is the table of its warehouse, if it has one. What is 0 is left to its default.
    """
    top: dict[str, Any] = {"ledger_url": ledger_url}
    if catalogue_folder is not None:
        top["catalogue"] = str(catalogue_folder)
    tables: dict[str, Mapping[str, Any]] = {
        "temporal": {"address": temporal_address, "ui_url": ui_url},
        "webhooks": {"port": webhooks_port},
    }
    for name in CONNECTIONS:
        secrets = [f"file:{credentials.webhook_secret}"]
        tables[f"webhooks.sources.{name}"] = {"connection": name, "secrets": secrets}
    if relay_poll_seconds:
        tables["relay"] = {"poll_seconds": relay_poll_seconds}
    asked = {"every_seconds": poll_seconds, "lookback_seconds": lookback_seconds}
    poll = {name: seconds for name, seconds in asked.items() if seconds}
    limits = {"requests_per_second": requests_per_second, "concurrent_requests": 50}
    for name, table in rehearsal_tables(credentials, catalogue, urls).items():
        tables[f"connections.{name}"] = {
            **table,
            "limits": limits,
            **({"poll": poll} if poll else {}),
        }
    if usage is not None:
        tables[f"usage.{NAME}"] = usage
    sections = [_lines(top)]
    sections += [f"[{name}]\n{_lines(table)}" for name, table in tables.items()]
    return HEADER + "\n".join(sections)


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    # A JSON string, number or array of strings reads the same as TOML; a table is inline.
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)
