"""The catalogue: what ships is consistent, and every mistake is one sentence with a remedy."""

from pathlib import Path

import pytest

from canonical.connections import Role
from canonical.errors import Misconfigured
from canonical.orders import Charge
from governance.catalogue import FILES, SHIPPED, load_catalogue
from governance.systems import Systems

CATALOGUE = load_catalogue()
# Where an event's entry can be given more.
FINE = 'meaning = "The time to prepare a contract'


def edited(folder: Path, file: str, old: str, new: str) -> Path:
    """A folder that overrides one shipped file with one edit."""
    content = (SHIPPED / file).read_text(encoding="utf-8")
    assert old in content
    (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    return folder


def test_the_shipped_catalogue_has_all_files_and_loads() -> None:
    """What ships is complete and consistent."""
    assert {file.stem for file in SHIPPED.glob("*.toml")} == set(FILES)
    assert load_catalogue().version == CATALOGUE.version


def test_the_seven_products_and_two_services_are_mapped_and_gtxpro_is_not() -> None:
    """Whether GTXPRO means GTX-PRO is for finance operations to say (R62)."""
    products = CATALOGUE.products

    assert len(products.products) == 9
    assert products.find("GTXPRO") is None
    implementation, go_live = products.find("IMPLEMENTATION"), products.find("GO-LIVE")
    assert implementation is not None and implementation.charge is Charge.ONE_TIME
    assert go_live is not None and go_live.milestone == "go-live"


def test_every_country_of_the_export_is_placed_except_the_two_that_nobody_can_tell() -> None:
    """Korea is two countries, and Philipines is none."""
    regions = CATALOGUE.regions
    stated = ["United States", "Belgium", "Brazil", "China", "Germany", "Italy", "Japan", "Jordan"]
    stated += ["Kenya", "Norway", "Panama", "Poland", "Romania"]

    for country in stated:
        code = regions.country_code(country)
        assert code is not None and regions.tax_region_of(code) is not None, country
    assert regions.country_code("Korea") is regions.country_code("Philipines") is None


def test_the_four_domains_of_the_matrix_have_an_owner_under_both_presets() -> None:
    """Billing-led: Stripe owns subscriptions; ERP-led: the ERP does (R111)."""
    systems = CATALOGUE.systems
    erp_led = Systems.model_validate(systems.model_dump(by_alias=True) | {"preset": "erp-led"})

    assert systems.owner_of("customer_hierarchy") is Role.CRM
    assert systems.owner_of("commercial_terms") is Role.CRM
    assert systems.owner_of("financial_posting_authority") is Role.ERP
    assert systems.owner_of("subscription_state") is Role.BILLING
    assert erp_led.owner_of("subscription_state") is Role.ERP


def test_a_field_is_replicated_only_where_the_catalogue_says_so() -> None:
    """Default deny (R29)."""
    systems = CATALOGUE.systems

    assert systems.may_replicate("Account.tax_id", Role.ERP)
    assert not systems.may_replicate("Account.tax_id", Role.SUCCESS)
    assert not systems.may_replicate("Resolution.actor", Role.CRM)


def test_personal_fields_are_kept_encrypted() -> None:
    """A field that nobody classified is internal (R148)."""
    privacy = CATALOGUE.privacy

    assert privacy.class_of("Account.email") == "personal"
    assert privacy.encrypted("Account.email")
    assert privacy.class_of("OrderLine.quantity") == "internal"


def test_an_override_folder_replaces_file_by_file(tmp_path: Path) -> None:
    """The files it does not have stay the shipped ones, and the version changes."""
    folder = edited(tmp_path, "terms.toml", "term_months = 12", "term_months = 24")

    catalogue = load_catalogue(folder)

    assert catalogue.terms.term_months == 24
    assert catalogue.products == CATALOGUE.products
    assert catalogue.version != CATALOGUE.version


def test_comments_and_layout_do_not_change_the_version(tmp_path: Path) -> None:
    """The version is of what was decided."""
    folder = edited(tmp_path, "terms.toml", "term_months = 12", "# a year\n\nterm_months  =  12")

    assert load_catalogue(folder).version == CATALOGUE.version


def test_the_rules_of_risk_and_readiness_are_the_catalogues_in_minor_units() -> None:
    """A person writes 500 yen and 5 dollars; both are what the rules go by (R116, R121)."""
    definitions = CATALOGUE.definitions
    risk, readiness = definitions.risk_rules(), definitions.readiness_rules()

    assert (risk.grace_days, risk.late_days, risk.serious_days) == (5, 15, 45)
    assert (risk.tolerance_minor["USD"], risk.tolerance_minor["JPY"]) == (500, 500)
    assert risk.critical_over_minor["EUR"] == 10_000_000
    assert readiness.windows_days == [90, 60, 30]
    assert readiness.owners["billing"] == "finance-ops"
    assert risk.versions == readiness.versions
    assert risk.versions["invoice_delinquent"] == 2


def test_another_version_of_a_definition_is_another_version_of_the_catalogue(
    tmp_path: Path,
) -> None:
    """Whatever names the catalogue's version names the definitions with it (R121)."""
    folder = edited(tmp_path, "definitions.toml", "version = 2", "version = 1")

    assert load_catalogue(folder).version != CATALOGUE.version
    assert load_catalogue(folder).definitions.versions["invoice_delinquent"] == 1


MISTAKES = [
    ("products.toml", 'charge = "recurring"', 'charge = "weekly"',
     "products.toml: products.GTX-BASIC.charge is 'weekly'"),
    ("products.toml", 'erp_item = "GTX-BASIC"\n', "",
     "products.toml: products.GTX-BASIC.erp_item is missing; add it"),
    ("products.toml", 'erp_item = "GTX-BASIC"', 'erp_item = "GTX-BASIC"\ncolour = "red"',
     "products.toml: products.GTX-BASIC.colour is not a known key; remove it"),
    ("products.toml", 'erp_item = "GTX-PRO"', 'erp_item = "GTX-PRO"\naliases = ["GTX-BASIC"]',
     "the code 'GTX-BASIC' means both GTX-BASIC and GTX-PRO; correct it"),
    ("products.toml", 'erp_item = "GTX-PRO"', 'erp_item = "GTX-PRO"\naliases = ["A", "A"]',
     "the code 'A' means both GTX-PRO and GTX-PRO"),
    ("products.toml", 'milestone = "go-live"', "", "needs milestone"),
    ("products.toml", 'support_tier = "premium"', 'support_tier = "gold"',
     "products.toml: products.GTK-500.support_tier names 'gold', which is not in support.tiers"),
    ("products.toml", "revision = 1", "revision = ", "products.toml is not valid TOML"),
    ("products.toml", "[products.GTX-PRO]", "[products.GTX-BASIC]", "products.toml is not valid"),
    ("regions.toml", '"UK" = "GB"', '"UK" = "UK"', "'UK' is not an ISO 3166 country code"),
    ("regions.toml", '"UK" = "GB"', '"Germany" = "AT"', "countries.Germany is the ISO name of DE"),
    ("regions.toml", '"UK" = "GB"', '"u.s." = "US"', "countries spells 'u.s.' twice"),
    ("regions.toml", 'countries = ["US"]', 'countries = ["US", "CA"]',
     "CA is in both us-sales-tax and americas"),
    ("regions.toml", 'legal_entity = "SG01"', 'legal_entity = "SG02"',
     "tax_regions.asia-pacific names the unknown legal entity 'SG02'"),
    ("regions.toml", '"PHP"]', '"XYZ"]', "'XYZ' is not an ISO 4217 currency code"),
    ("terms.toml", 'default_tier = "basic"', 'default_tier = "gold"',
     "'gold' is not one of the tiers basic, standard, premium"),
    ("terms.toml", "eu-vat = 45", "mars = 45",
     "terms.toml: net_days names 'mars', which is not in tax_regions of regions.toml; add it"),
    ("terms.toml", "USD = 25000", "USD = 0.001", "more than 2 decimal places"),
    ("policies.toml", "[causes.OrderNotWon]", "[causes.OrderLost]",
     "causes.OrderLost is not an error kind"),
    ("policies.toml", 'default_owner = "integration-admin"', 'default_owner = "nobody"',
     "default_owner names the unknown role 'nobody'"),
    ("policies.toml", 'name = "Head of finance"',
     'name = "Head of finance"\nescalates_to = "finance-ops"', "leads back to finance-"),
    ("policies.toml", 'actions = ["retry", "skip", "cancel"]', "",
     "causes.TielineError needs deadline_hours and actions"),
    ("systems.toml", 'preset = "billing-led"', 'preset = "crm-led"',
     "preset 'crm-led' is not one of billing-led, erp-led"),
    ("systems.toml", '"Account.tax_id"', '"Account.tax"',
     "'Account.tax' is not a field of a canonical model"),
    ("privacy.toml", '"Account.email"', '"OrderPlan.total"',
     "OrderPlan.total is in both confidential and personal"),
    ("processes.toml", 'trigger = "opportunity.closed_won"', 'trigger = "deal.closed"',
     "processes.toml: processes.quote-to-cash.trigger names 'deal.closed', which is not in events"),
    ("events.toml", 'owner = "sales-ops"', 'owner = "sales"', "names 'sales', which is not"),
    ("events.toml", 'producer = "effects"', 'producer = "magic"',
     "events.toml: events.customer.created.producer names 'magic', which is not in processes.toml"),
    ("events.toml", '"finance-ops", "csm"]', '"finance-ops", "crm"]',
     "consumers names 'crm', which is not in processes.toml or roles of policies.toml"),
    ("events.toml", 'data_classes = ["internal"]', 'data_classes = ["internal", "secret"]',
     "data_classes names 'secret', which is not in classes of privacy.toml"),
    ("events.toml", 'data_classes = ["confidential", "internal"]', 'data_classes = ["internal"]',
     "data_classes lacks 'confidential', the class of OpportunityClosedWon.total; add it"),
    ("events.toml", '[events."invoice.overdue"]', '[events."invoice.post"]',
     "'invoice.post' does not end with a verb in the past"),
    ("events.toml", '[events."payment.received"]', '[events."payment.lost"]',
     "events.toml: events.payment.received is missing, but this release tells it; add it"),
    ("events.toml", "version = 1", "version = 2",
     "version is 2, but this release tells version 1; correct it"),
    ("events.toml", "priority = 1", "priority = 6", "priority is 6"),
    ("events.toml", 'kind = "opportunity"', 'kind = "deal"', "kind is 'deal'"),
    ("events.toml", FINE, f'status = "deprecated"\n{FINE}', "needs deprecated_on"),
    ("events.toml", FINE, f'replaced_by = "record.confirmed"\n{FINE}',
     "an event with replaced_by is not active any more"),
    ("events.toml", FINE,
     f'status = "retired"\ndeprecated_on = 2026-12-31\nreplaced_by = "deal.renewed"\n{FINE}',
     "replaced_by names 'deal.renewed', no other event"),
    ("privacy.toml", '"InvoicePosted.total", ', "",
     "privacy.toml: InvoicePosted.total is money, but internal; list it under a class"),
    ("expectations.toml", 'then = "invoice_posted"', 'then = "invoice_sent"',
     "then is 'invoice_sent'"),
    ("expectations.toml", 'then = "invoice_posted"', 'then = "subscription_activated"',
     "subscription_activated cannot be expected after itself"),
    ("expectations.toml", 'process = "quote-to-cash"', 'process = "order-to-cash"',
     "process names 'order-to-cash', which is not in processes.toml; add it there or correct it"),
    ("definitions.toml", "version = 2", "version = 7",
     "definitions.toml: definitions.invoice_delinquent.version is not one of 1, 2; correct it"),
    ("definitions.toml", "[definitions.renewal_date]", "[definitions.end_date]",
     "definitions.renewal_date is missing, but this release uses it; correct it"),
    ("definitions.toml", "[payment]",
     '[definitions.churn]\nversion = 1\nowner = "csm"\n\n[payment]',
     "definitions.churn is no definition of this release"),
    ("definitions.toml", 'owner = "steward"', 'owner = "nobody"',
     "definitions.account_hierarchy.owner names 'nobody', which is not in roles of policies.toml"),
    ("definitions.toml", 'usage = "csm"', 'usage = "nobody"',
     "definitions.toml: renewal.owners names 'nobody', which is not in roles of policies.toml"),
    ("definitions.toml", 'usage = "csm"\n', "", "renewal owners has to name an owner for each of"),
    ("definitions.toml", "late_days = 15", "late_days = 10",
     "payment the stages have to follow each other: grace (10) before late_days (10)"),
    ("definitions.toml", "JPY = 500", "JPY = 0.5", "payment.tolerance 0.5 JPY has more than 0"),
    ("definitions.toml", "[90, 60, 30]", "[30, 60, 90]", "windows_days has to fall, none twice"),
    ("definitions.toml", "red_below_percent = 20", "red_below_percent = 60",
     "usage red_below_percent is above amber_below_percent"),
    ("definitions.toml", "support = 20", "service = 20", "weights has to weigh each of adoption"),
    ("definitions.toml", "fair_from = 50", "fair_from = 80", "fair_from is above healthy_from"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "sentence"), MISTAKES)
def test_a_mistake_is_told_in_one_sentence_that_names_file_key_and_remedy(
    tmp_path: Path, file: str, old: str, new: str, sentence: str
) -> None:
    """Finance operations can repair it without reading code."""
    folder = edited(tmp_path, file, old, new)

    with pytest.raises(Misconfigured) as refused:
        load_catalogue(folder)

    told = str(refused.value)
    assert sentence in told
    assert told.startswith(file)
    assert refused.value.about == file
    assert "\n" not in told


def test_a_file_or_folder_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    """A misspelt file name would otherwise be ignored in silence."""
    with pytest.raises(Misconfigured, match="is not a folder"):
        load_catalogue(tmp_path / "absent")
    (tmp_path / "prodcuts.toml").write_text("", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"prodcuts\.toml is not a catalogue file"):
        load_catalogue(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Saved by a spreadsheet, perhaps."""
    (tmp_path / "terms.toml").write_bytes(b"# caf\xe9")

    with pytest.raises(Misconfigured, match=r"terms\.toml is not UTF-8; save it as UTF-8"):
        load_catalogue(tmp_path)
