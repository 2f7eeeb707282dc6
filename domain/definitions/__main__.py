"""`docs/definitions.md`, made from the registry and the shipped catalogue.

`python -m domain.definitions` prints it; with `--write` it is put into place, and with `--check`
the exit code is 1 when the file says something else.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canonical.definitions import VERSIONS
from domain.definitions.definition import Definition
from domain.definitions.registry import definition
from governance.catalogue import load_catalogue
from governance.definitions import Definitions

FILE = Path(__file__).parents[2] / "docs" / "definitions.md"
HEAD = """\
# Definitions

<!-- Made by `python -m domain.definitions --write`; a test fails when it is stale. -->

What the business means by its words. Each definition is a pure function with a version; its
examples are its tests, each with rules of its own (five days of grace, USD 5 of tolerance).
`definitions.toml` of the catalogue says which version is in force, who owns it, and the parameters.
Whatever is decided by a definition names it as `name@version`, and the catalogue's version covers
all of them.

- `tieline definitions list` and `tieline definitions show invoice_delinquent --version 1` show what
  there is.
- `tieline definitions explain --account A` shows what they say of an account by what is on record
  in the ledger, and of each answer its inputs: who told them, as of when. `--definition` and `--on`
  narrow it to one of them and to a day.
- `tieline definitions diff invoice_delinquent 1 2` shows which accounts of the ledger another
  version would move, also by the definitions that build on it. To change a definition, look at
  that, then set `version` in your `definitions.toml`; processes go by it from their next look on.
  Versions are given as `1` or `v1`.

No system is asked for any of this. Where an input is not on record that could change the answer,
there is none, and `explain` names what is missing (`unanswered` in JSON); what it answers without
is named too (`not_on_record`).

- Invoices, contracts and onboardings are the newest read of each record.
- `customer_health` takes adoption as the newest look at a renewal found it, with its age; it is
  unknown without a look, or once it is older than `usage.stale_days`.
- `renewal_date` goes by the dates that the contract's clock keeps, as of its read of the terms. The
  dates that lost are not kept, nor any of a renewal that was cancelled before its window.
- `renewal_eligibility` goes by these dates, and the status as the contract was last read. Whether a
  contract renews by itself is not kept: one that runs beyond its end has no answer.
- `renewal_readiness` goes by the signals of the newest view of each open renewal, as they were
  judged then: another version of a definition that judges signals moves them with the next look,
  and `diff` does not foresee that.
- `account_hierarchy` knows who is above and below by the assessments of each account, and who pays
  by the orders that were carried out. There is no answer without such an order, or when an account
  above was never assessed; legal entities are not kept, and a parent that the CRM does not show
  looks like none.
- `order_activation` and `revenue_status` are about one order: its progress says them.

The five signals of a renewal (`domain/readiness.py`) are judged by `account_financial_status`
(billing), `implementation_complete` (implementation) and `renewal_readiness` (support, usage, crm);
the risk of an account (`domain/risk.py`) by `invoice_delinquent`, `invoice_collection_status` and
`account_financial_status`.

| definition | in force | versions | owner | meaning |
|---|---|---|---|---|
"""


def page(definitions: Definitions) -> str:
    """The whole page, for the parameters and versions of a catalogue."""
    rows = [_row(name, definitions) for name in VERSIONS]
    parts = [_part(definition(n, v), definitions) for n, vs in VERSIONS.items() for v in vs]
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(parts)


def _row(name: str, definitions: Definitions) -> str:
    chosen = definitions.definitions[name]
    versions = ", ".join(map(str, VERSIONS[name]))
    meaning = definition(name, chosen.version).meaning
    return f"| `{name}` | {chosen.version} | {versions} | `{chosen.owner}` | {meaning} |"


def _part(one: Definition[Any], definitions: Definitions) -> str:
    return "\n".join(_lines(one, definitions)) + "\n"


def _lines(one: Definition[Any], definitions: Definitions) -> Iterator[str]:
    state = "" if definitions.versions[one.name] == one.version else ", not in force"
    yield f"## {one.name} {one.version}{state}\n"
    numbers = ", ".join(f"R{number}" for number in one.requirements)
    yield f"{one.meaning} ({numbers})\n"
    yield f"Says: {', '.join(f'`{outcome.value}`' for outcome in one.outcomes)}.\n"
    settings = definitions.model_dump(mode="json")
    for key in one.parameters:
        yield f"- `{key}`: {_value(settings, key)}"
    if one.parameters:
        yield ""
    yield "| example | outcome | because |\n|---|---|---|"
    for example in one.examples:
        yield f"| {example.name} | `{example.value}` | {'; '.join(example.reasons)} |"


def _value(settings: Any, key: str) -> str:
    for part in key.split("."):
        settings = settings[part]
    if isinstance(settings, dict):
        return ", ".join(f"{name} {value}" for name, value in settings.items()) or "none"
    if isinstance(settings, list):
        return ", ".join(map(str, settings)) or "none"
    return json.dumps(settings)


def main(arguments: list[str]) -> int:
    """Print, write or check the page of the shipped catalogue; returns the exit code."""
    text = page(load_catalogue().definitions)
    if arguments == ["--check"]:
        return int(not FILE.is_file() or FILE.read_text(encoding="utf-8") != text)
    if arguments == ["--write"]:
        FILE.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
