"""What a definition is asked by what is on record, on what that rests, and what is not there."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

from canonical.facts import InvoiceFacts
from canonical.orders import Fact
from canonical.risk import RiskRules
from canonical.subjects import AccountRecords, KnownRecord
from domain.definitions.contracts import statuses_of
from governance.definitions import Definitions


class Input(Fact):
    """One thing on record that led to an answer: who told it, and as of when (R21).

    `as_of` is when it was read of its source, None where that is not known; `version` is the
    source's own stamp, `says` what matters of it in short.
    """

    name: str
    source: str
    as_of: datetime | None
    version: str = ""
    says: str = ""


class Case(NamedTuple):
    """What a definition is asked of one subject; `unknown` names inputs that are not on record, and
    that it is asked without."""

    subject: str
    given: BaseModel
    inputs: list[Input]
    unknown: list[str] = []


class Gap(NamedTuple):
    """A subject that a definition cannot answer for: what is missing, and what there is."""

    subject: str
    missing: list[str]
    inputs: list[Input] = []


Found = Iterator[Case | Gap]


class Rules:
    """The catalogue's parameters, with the versions to go by."""

    def __init__(self, definitions: Definitions, versions: Mapping[str, int]) -> None:
        self.definitions = definitions
        risk = definitions.risk_rules()
        self.risk: RiskRules = risk.model_copy(update={"versions": {**risk.versions, **versions}})
        self.readiness = definitions.readiness_rules()
        self.statuses = statuses_of(definitions)


def account_name(records: AccountRecords) -> str:
    """How the account itself is named as a subject."""
    return f"account/{records.account_id}"


def contract_name(connection: str, contract_id: str) -> str:
    """How a contract is named as a subject."""
    return f"{connection}/contract/{contract_id}"


def record_input(record: KnownRecord) -> Input:
    """A record as it was last read."""
    facts = record.facts
    shown = facts.number if isinstance(facts, InvoiceFacts) else ""
    return Input(
        name=f"{record.connection}/{facts.kind}/{shown or facts.id}",
        source=record.connection,
        as_of=record.recorded_at,
        version=facts.version,
    )
