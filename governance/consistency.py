"""What one catalogue file says of another: whatever is named somewhere is defined somewhere."""

from collections.abc import Container
from typing import TYPE_CHECKING

from canonical.errors import Misconfigured
from canonical.events import EVENT_DATA, EventData
from canonical.money import Money
from governance.events import EFFECTS, INTAKE, Event

if TYPE_CHECKING:
    from governance.catalogue import Catalogue

# By the last part of a key: where its values are defined.
DEFINED_IN = {
    "support_tier": "support.tiers of terms.toml",
    "net_days": "tax_regions of regions.toml",
    "owner": "roles of policies.toml",
    "owners": "roles of policies.toml",
    "trigger": "events.toml",
    "process": "processes.toml",
    "producer": "processes.toml, nor is it intake or effects",
    "consumers": "processes.toml or roles of policies.toml",
    "data_classes": "classes of privacy.toml",
}


def check_across(catalogue: "Catalogue") -> None:
    """Raises Misconfigured, naming file, key and remedy, for the first thing that does not fit."""
    _check_terms(catalogue)
    _check_processes(catalogue)
    _check_definitions(catalogue)
    _check_versions(catalogue)
    for name, event in catalogue.events.events.items():
        _check_event(catalogue, name, event)
        _check_data(catalogue, name, event)


def _check_terms(catalogue: "Catalogue") -> None:
    for code, product in catalogue.products.products.items():
        if product.support_tier:
            tiers = catalogue.terms.support.tiers
            _defined("products", f"products.{code}.support_tier", product.support_tier, tiers)
    for region in catalogue.terms.net_days:
        _defined("terms", "net_days", region, catalogue.regions.tax_regions)


def _check_processes(catalogue: "Catalogue") -> None:
    roles, processes = catalogue.policies.roles, catalogue.processes.processes
    for name, process in processes.items():
        _defined("processes", f"processes.{name}.owner", process.owner, roles)
        events = catalogue.events.events
        _defined("processes", f"processes.{name}.trigger", process.trigger, events)
    for name, expected in catalogue.expectations.expectations.items():
        key = f"expectations.{name}"
        _defined("expectations", f"{key}.process", expected.process, processes)


def _check_definitions(catalogue: "Catalogue") -> None:
    roles, chosen = catalogue.policies.roles, catalogue.definitions
    for name, definition in chosen.definitions.items():
        _defined("definitions", f"definitions.{name}.owner", definition.owner, roles)
    for role in chosen.renewal.owners.values():
        _defined("definitions", "renewal.owners", role, roles)


def _check_event(catalogue: "Catalogue", name: str, event: Event) -> None:
    roles, processes = catalogue.policies.roles, catalogue.processes.processes
    _defined("events", f"events.{name}.owner", event.owner, roles)
    _defined("events", f"events.{name}.producer", event.producer, {*processes, INTAKE, EFFECTS})
    for consumer in event.consumers:
        _defined("events", f"events.{name}.consumers", consumer, {*processes, *roles})
    for data_class in event.data_classes:
        classes = catalogue.privacy.classes
        _defined("events", f"events.{name}.data_classes", data_class, classes)


def _check_versions(catalogue: "Catalogue") -> None:
    """The catalogue's events are those that this release can tell, at their newest version."""
    events, told = catalogue.events.events, newest_versions()
    for name in told.keys() - events.keys():
        raise _wrong("events", f"events.{name}", "is missing, but this release tells it; add it")
    for name, event in events.items():
        if (version := told.get(name)) is None:
            raise _wrong("events", f"events.{name}", "is told by nothing; remove it")
        if version != event.version:
            what = f"is {event.version}, but this release tells version {version}; correct it"
            raise _wrong("events", f"events.{name}.version", what)


def _check_data(catalogue: "Catalogue", name: str, event: Event) -> None:
    """The classes that an event declares cover its fields', and money is not in the open."""
    data = EVENT_DATA[(name, event.version)]
    for field, needed in field_classes(catalogue, data).items():
        if _is_money(data, field) and not catalogue.privacy.classes[needed].encrypted:
            what = f"is money, but {needed}; list it under a class that is kept encrypted"
            raise _wrong("privacy", f"{data.__name__}.{field}", what)
        if needed not in event.data_classes:
            what = f"lacks {needed!r}, the class of {data.__name__}.{field}; add it"
            raise _wrong("events", f"events.{name}.data_classes", what)


def newest_versions() -> dict[str, int]:
    """Every event type that this release tells, with its newest version."""
    newest: dict[str, int] = {}
    for name, version in EVENT_DATA:
        newest[name] = max(version, newest.get(name, 0))
    return newest


def field_classes(catalogue: "Catalogue", data: type[EventData]) -> dict[str, str]:
    """The data class of each field of an event."""
    privacy = catalogue.privacy
    return {field: privacy.class_of(f"{data.__name__}.{field}") for field in data.model_fields}


def _is_money(data: type[EventData], field: str) -> bool:
    return data.model_fields[field].annotation in (Money, Money | None)


def _defined(file: str, key: str, value: str, known: Container[str]) -> None:
    if value not in known:
        place = DEFINED_IN[key.rpartition(".")[2]]
        what = f"names {value!r}, which is not in {place}; add it there or correct it"
        raise _wrong(file, key, what)


def _wrong(file: str, key: str, what: str) -> Misconfigured:
    return Misconfigured(f"{file}.toml: {key} {what}", about=f"{file}.toml", details={"key": key})
