"""Which type of tax id a country's businesses state on invoices, in Stripe's words (v16.1 SDK)."""

_EU = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
]  # fmt: skip

TAX_ID_TYPES: dict[str, str] = {
    **dict.fromkeys(_EU, "eu_vat"),
    "AE": "ae_trn", "AU": "au_abn", "BR": "br_cnpj", "CA": "ca_bn", "CH": "ch_vat",
    "CL": "cl_tin", "GB": "gb_vat", "HK": "hk_br", "IL": "il_vat", "IN": "in_gst",
    "IS": "is_vat", "JP": "jp_trn", "KR": "kr_brn", "LI": "li_vat", "MX": "mx_rfc",
    "MY": "my_sst", "NO": "no_vat", "NZ": "nz_gst", "SA": "sa_vat", "SG": "sg_gst",
    "TH": "th_vat", "TR": "tr_tin", "TW": "tw_vat", "UA": "ua_vat", "US": "us_ein",
    "ZA": "za_vat",
}  # fmt: skip
