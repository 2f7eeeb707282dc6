"""The five simulators, holding the master data that the catalogue expects each vendor to have."""

from pathlib import Path

from governance.catalogue import Catalogue
from simulators.gainsight import GainsightSimulator
from simulators.kernel import Simulator
from simulators.netsuite import NetSuiteSimulator
from simulators.salesforce import SalesforceSimulator
from simulators.stripe import StripeSimulator
from simulators.zendesk import ZendeskSimulator
from tieline.rehearsal.credentials import (
    CONSUMER_KEY,
    CRM_USERNAME,
    ERP_CERTIFICATE_ID,
    ERP_CLIENT_ID,
    SUPPORT_EMAIL,
    Credentials,
    public_key,
)

# Stripe lets a sent invoice be looked at for about an hour before it is final.
DRAFT_SECONDS = 3600.0
# In the order in which ports are given to them.
VENDORS = ("salesforce", "stripe", "netsuite", "zendesk", "gainsight")


def subsidiaries(catalogue: Catalogue) -> dict[str, str]:
    """NetSuite's internal id for each legal entity of the catalogue."""
    return {name: str(n) for n, name in enumerate(catalogue.regions.legal_entities, start=1)}


def currencies(catalogue: Catalogue) -> dict[str, str]:
    """NetSuite's internal id for each currency that a legal entity of the catalogue accepts."""
    entities = catalogue.regions.legal_entities.values()
    codes = sorted({code for entity in entities for code in entity.currencies})
    return {code: str(n) for n, code in enumerate(codes, start=1)}


def make_simulators(
    credentials: Credentials,
    catalogue: Catalogue,
    *,
    latency_seconds: float = 0.0,
    callout_url: str = "",
    billing_url: str = "",
    crm_export: Path | None = None,
) -> dict[str, Simulator]:
    """The simulators by vendor; `crm_export` is a Salesforce data export to load, `callout_url` and
    `billing_url` are where the CRM and billing send their webhooks.

    Raises simulators.salesforce.ExportError for an export that cannot be read.
    """
    secret = {name: getattr(credentials, name).read_text() for name in _SECRETS}
    crm = SalesforceSimulator(
        latency_seconds=latency_seconds,
        daily_api_requests=1_000_000,
        callout_url=callout_url,
        callout_secret=secret["webhook_secret"],
        connected_apps={
            CONSUMER_KEY: {
                "secret": secret["success_key"],
                "public_key_pem": public_key(credentials.crm_key),
                "username": CRM_USERNAME,
            }
        },
    )
    if crm_export is not None:
        crm.load_export(crm_export)
    billing = StripeSimulator(
        latency_seconds=latency_seconds,
        api_keys={secret["billing_key"]},
        products=[
            {"id": product.billing_product, "name": product.name}
            for product in catalogue.products.products.values()
        ],
        draft_seconds=DRAFT_SECONDS if billing_url else 0.0,
        webhook_url=billing_url,
        webhook_secret=secret["webhook_secret"],
        webhook_automatic=bool(billing_url),
    )
    erp = NetSuiteSimulator(
        latency_seconds=latency_seconds,
        certificates={
            ERP_CERTIFICATE_ID: {
                "client_id": ERP_CLIENT_ID,
                "public_key_pem": public_key(credentials.erp_key),
            }
        },
        items=[
            {"externalId": p.erp_item, "displayName": p.name, "revRecRule": p.revenue}
            for p in catalogue.products.products.values()
        ],
        subsidiaries={
            number: {
                "name": name,
                "currency": catalogue.regions.legal_entities[name].currencies[0],
                "country": catalogue.regions.legal_entities[name].country,
            }
            for name, number in subsidiaries(catalogue).items()
        },
        currencies={number: code for code, number in currencies(catalogue).items()},
        concurrency_limit=100,
    )
    support = ZendeskSimulator(
        latency_seconds=latency_seconds, api_tokens={SUPPORT_EMAIL: secret["support_token"]}
    )
    success = GainsightSimulator(
        latency_seconds=latency_seconds, access_keys=[secret["success_key"]]
    )
    return {s.name: s for s in (crm, billing, erp, support, success)}


_SECRETS = ("billing_key", "support_token", "success_key", "webhook_secret")
