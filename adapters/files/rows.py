"""From rows to facts and hints: the file is the authority, so that a row holds all there is."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from adapters.files.problem import Problem
from adapters.files.tables import Row, row_of
from canonical.drops import Drop
from canonical.facts import FACTS, READ_AS, AnyFacts, Kind
from canonical.ids import digest
from canonical.inbound import NORMAL_PRIORITY, Channel, InboundEvent
from canonical.money import Money

TYPE = "row"
# Deals start a process, and whoever runs it reads the whole order in the CRM; a row is all that is
# known of its record, so it is of a kind that has facts.
KINDS = frozenset(Kind) - {Kind.OPPORTUNITY, *READ_AS}
TIMES = (
    "posted_at", "paid_at", "started_at", "ended_at", "opened_at", "solved_at", "completed_at",
)  # fmt: skip
TEXTS = (
    "account_id", "opportunity_id", "legal_entity", "number", "contract_id", "status", "severity",
    "name", "onboarding_id", "terms_digest", "due_on", "disputed", "escalated", "completed",
)  # fmt: skip
AMOUNTS = ("total", "paid", "remaining")
ID_CHARACTERS_MAX = 120
VERSION_CHARACTERS_MAX = 60
DIGITS_MAX = 15
VERSION_DIGITS = 20
NEEDED = {
    Kind.INVOICE: (("status",), ("total",), ("currency",), ("paid", "remaining")),
    Kind.CONTRACT: (("status",),),
    Kind.CASE: (("status",),),
    Kind.ONBOARDING: (("status",),),
    Kind.TASK: (("status",), ("name",)),
}


def needed_columns(drop: Drop) -> list[list[str]]:
    """The columns that a header must have, each as the names one of which is enough."""
    fields: list[Sequence[str]] = [("id",), ("changed_at",)]
    if drop.kind is None:
        fields.append(("kind",))
    fields += NEEDED.get(drop.kind, ()) if drop.kind else ()
    return [[drop.columns.get(field, field) for field in one] for one in fields]


def facts_of(drop: Drop, body: bytes) -> AnyFacts:
    """What a row says of its record; raises Problem."""
    row = row_of(body)
    kind = _kind(drop, row)
    changed_at = _time(drop, row, "changed_at")
    if changed_at is None:
        raise Problem("column_missing", drop.columns.get("changed_at", "changed_at"))
    stated = _text(drop, row, "version")
    if len(stated) > VERSION_CHARACTERS_MAX or not stated.isprintable():
        raise Problem("bad_value", drop.columns.get("version", "version"))
    said: dict[str, Any] = {
        "kind": kind,
        "id": _id(drop, row),
        "version": version_of(stated, changed_at),
        "changed_at": changed_at,
    }
    said |= {name: text for name in TEXTS if (text := _text(drop, row, name))}
    said |= {name: time for name in TIMES if (time := _time(drop, row, name)) is not None}
    if kind is Kind.INVOICE:
        said |= _amounts(drop, row)
        said["status"] = str(said.get("status", "")).lower()
    if kind is Kind.CONTRACT:
        said.setdefault("terms_digest", _terms(drop, row))
        said["value"] = _value(drop, row)
    return _validated(drop, said)


def hint_of(drop: Drop, body: bytes, now: datetime) -> InboundEvent:
    """A row as an event; raises Problem for one that could not be read later either."""
    facts = facts_of(drop, body)
    return InboundEvent(
        source=drop.name,
        event_id=event_id(drop.name, facts.kind, facts.id, facts.version),
        type=TYPE,
        kind=facts.kind,
        subject=facts.id,
        version=facts.version,
        channel=Channel.FILE,
        priority=NORMAL_PRIORITY,
        occurred_at=facts.changed_at,
        environment=drop.environment,
        body=body,
        received_at=now,
    )


def event_id(source: str, kind: str, subject: str, version: str) -> str:
    """The id of a row: the same in whatever file, and however often, it is dropped."""
    text = "\n".join((source, kind, subject, version))
    return f"file:{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def version_of(stated: str, changed_at: datetime) -> str:
    """A version that sorts as text: whole numbers get leading zeros, times become UTC; without one
    the time of the change is the version."""
    if re.fullmatch(r"\d{1,20}", stated):
        return stated.zfill(VERSION_DIGITS)
    try:
        moment = datetime.fromisoformat(stated) if stated else changed_at
    except ValueError:
        return stated
    if moment.tzinfo is None:
        return stated
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _kind(drop: Drop, row: Row) -> Kind:
    named = _text(drop, row, "kind").lower() or drop.kind or ""
    if not named:
        raise Problem("column_missing", drop.columns.get("kind", "kind"))
    if named not in KINDS:
        raise Problem("unknown_kind")
    return Kind(named)


def _id(drop: Drop, row: Row) -> str:
    found = _text(drop, row, "id")
    if not found:
        raise Problem("column_missing", drop.columns.get("id", "id"))
    if len(found) > ID_CHARACTERS_MAX or not found.isprintable():
        raise Problem("bad_value", drop.columns.get("id", "id"))
    return found


def _text(drop: Drop, row: Row, field: str) -> str:
    column = drop.columns.get(field, field)
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise Problem("bad_value", column)
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    if "\0" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
        raise Problem("bad_value", column)
    return text


def _time(drop: Drop, row: Row, field: str) -> datetime | None:
    text = _text(drop, row, field)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(drop.time_zone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Problem("bad_time", drop.columns.get(field, field)) from None


def _value(drop: Drop, row: Row) -> Money | None:
    """What a contract is worth; nothing of an amount without a currency, which is some other."""
    text, currency = _text(drop, row, "value"), _text(drop, row, "currency").upper()
    try:
        return Money.of(_decimal(text), currency) if text and currency else None
    except (ValueError, InvalidOperation):
        raise Problem("bad_value", drop.columns.get("value", "value")) from None


def _amounts(drop: Drop, row: Row) -> dict[str, Money]:
    """Total, paid and remaining; of the last two either follows from the other."""
    currency = _text(drop, row, "currency").upper()
    found: dict[str, Money] = {}
    for name in AMOUNTS:
        text = _text(drop, row, name)
        try:
            if text:
                found[name] = Money.of(_decimal(text), currency)
        except (ValueError, InvalidOperation):
            raise Problem("bad_value", drop.columns.get(name, name)) from None
    if "total" in found and "paid" in found:
        found.setdefault("remaining", found["total"] - found["paid"])
    elif "total" in found and "remaining" in found:
        found["paid"] = found["total"] - found["remaining"]
    return found


def _decimal(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or amount.adjusted() > DIGITS_MAX:
        raise ValueError("no amount of money")
    return amount


def _terms(drop: Drop, row: Row) -> str:
    # Without a digest of its own, whatever else the row says is what was agreed.
    moving = {drop.columns.get(name, name) for name in ("version", "changed_at", "status")}
    return digest({name: str(value) for name, value in row.items() if name not in moving})


def _validated(drop: Drop, said: dict[str, Any]) -> AnyFacts:
    try:
        return FACTS.validate_python(said)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # The first part of the place is the kind, by which the model was chosen.
        field = str(first["loc"][1]) if len(first["loc"]) > 1 else ""
        code = "column_missing" if first["type"] == "missing" else "bad_value"
        raise Problem(code, drop.columns.get(field, field)) from None
