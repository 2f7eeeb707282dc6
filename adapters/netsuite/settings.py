"""What a NetSuite connection must say beside its URL: ids of the account's own lists."""

import re
from dataclasses import dataclass
from typing import Self

from canonical.connections import Connection
from canonical.errors import Misconfigured

RECORD = "/services/rest/record/v1"
CUSTOM_FIELD = re.compile(r"custbody_[a-z0-9_]{1,40}")


@dataclass(frozen=True)
class NetSuiteSettings:
    """Maps our legal entities, currencies and terms to the account's internal ids.

    `subsidiaries` and `currencies` come from options such as `subsidiary.Acme Inc` and
    `currency.USD`; `tax_id_field` names the customer field that holds the VAT number, which depends
    on whether the account runs SuiteTax. `disputed_field` names the transaction field by which a
    customer's dispute is marked; without one no invoice is disputed.
    """

    subsidiaries: dict[str, str]
    currencies: dict[str, str]
    terms: str
    tax_id_field: str
    disputed_field: str = ""

    @classmethod
    def from_connection(cls, connection: Connection) -> Self:
        """Reads the options of a connection; raises Misconfigured for a field that cannot be."""
        options = connection.options
        return cls(
            subsidiaries=_keyed(options, "subsidiary."),
            currencies=_keyed(options, "currency."),
            terms=options.get("terms", ""),
            tax_id_field=options.get("tax_id_field", "vatRegNumber"),
            disputed_field=_custom_field(options.get("disputed_field", "")),
        )

    def subsidiary(self, legal_entity: str) -> str:
        """The subsidiary id of a legal entity; raises Misconfigured when none is given."""
        return _required(self.subsidiaries, "subsidiary", legal_entity)

    def legal_entity(self, subsidiary: str) -> str:
        """The legal entity of a subsidiary id; empty for one that is none of ours."""
        return next((name for name, key in self.subsidiaries.items() if key == subsidiary), "")

    def currency(self, code: str) -> str:
        """The currency id of an ISO code; raises Misconfigured when none is given."""
        return _required(self.currencies, "currency", code)


def _custom_field(name: str) -> str:
    # It becomes part of a query, which knows no parameters.
    if name and not CUSTOM_FIELD.fullmatch(name):
        raise Misconfigured("options.disputed_field is no custbody_ field", about="disputed_field")
    return name


def _keyed(options: dict[str, str], prefix: str) -> dict[str, str]:
    return {k.removeprefix(prefix): v for k, v in options.items() if k.startswith(prefix)}


def _required(ids: dict[str, str], kind: str, name: str) -> str:
    if name in ids:
        return ids[name]
    option = f"{kind}.{name}"
    raise Misconfigured(f"the NetSuite connection has no option {option!r}", about=option)
