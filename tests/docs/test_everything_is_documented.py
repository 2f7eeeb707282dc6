"""What exists has a name in the documents: a new workflow, error or setting fails here first."""

import inspect
import types
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

import activities
from canonical import ports
from canonical.desk import Action
from canonical.effects import EffectState
from canonical.errors import ERRORS
from canonical.milestones import Milestone
from canonical.orders import OrderAmendment
from canonical.visibility import SEARCH_ATTRIBUTES
from governance.catalogue import FILES, load_catalogue
from simulators.faults import FaultKind
from tests.docs.corpus import is_named
from tieline.cli.app import app
from tieline.settings import Settings
from workers.registry import WORKFLOWS


def activity_classes() -> list[type]:
    """Every class of the activities package, found on disk so that none is forgotten here."""
    modules = [import_module(f"activities.{m.name}") for m in iter_modules(activities.__path__)]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]


def undocumented(names: Iterator[str] | list[str]) -> list[str]:
    """The names that no document has in code."""
    wanted = list(names)
    assert wanted
    return [name for name in wanted if not is_named(name)]


def of_temporal(cls: type, attribute: str) -> Iterator[Any]:
    """The definitions that Temporal's decorators left on a class's methods."""
    for _, method in inspect.getmembers(cls, inspect.isfunction):
        definition = getattr(method, attribute, None)
        if definition is not None:
            yield definition


def test_every_workflow_and_each_of_its_messages_is_documented() -> None:
    """Type, signals, updates and queries are what operators meet."""
    names: set[str] = set()
    for workflow in WORKFLOWS:
        names.add(getattr(workflow, "__temporal_workflow_definition").name)
        for attribute in (
            "__temporal_signal_definition",
            "__temporal_query_definition",
            "_defn",
        ):
            names |= {definition.name for definition in of_temporal(workflow, attribute)}

    assert {"quote-to-cash", "progress", "business_event", "resolve_exception"} <= names
    assert undocumented(sorted(names)) == []


def test_every_activity_is_documented() -> None:
    """By the type that histories and queues show."""
    names = [
        definition.name
        for cls in activity_classes()
        for definition in of_temporal(cls, "__temporal_activity_definition")
    ]

    assert "billing.activate_subscription" in names
    assert undocumented(names) == []


def test_every_port_and_each_of_its_methods_is_documented() -> None:
    """What a new vendor has to be able to do."""
    protocols = [getattr(ports, name) for name in ports.__all__ if name.endswith("Port")]
    methods = {
        name
        for port in protocols
        for name, _ in inspect.getmembers(port, inspect.isfunction)
        if not name.startswith("_")
    }

    assert {"fetch_order", "records", "check"} <= methods
    assert undocumented([port.__name__ for port in protocols]) == []
    assert undocumented(sorted(methods)) == []


def test_every_error_is_documented() -> None:
    """Each is a cause that somebody finds on the desk."""
    assert undocumented(sorted(ERRORS)) == []


def test_every_event_milestone_and_catalogue_file_is_documented() -> None:
    """What the catalogue names, the documents name."""
    catalogue = load_catalogue()

    assert undocumented(sorted(catalogue.events.events)) == []
    assert undocumented(sorted(catalogue.processes.processes)) == []
    assert undocumented([milestone.value for milestone in Milestone]) == []
    assert undocumented([f"{name}.toml" for name in FILES]) == []


def test_every_decision_correction_and_effect_state_is_documented() -> None:
    """What a person may say on a case, and what is known of a write."""
    assert undocumented([action.value for action in Action]) == []
    assert undocumented(list(OrderAmendment.model_fields)) == []
    assert undocumented([state.value for state in EffectState]) == []


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted names of all settings below a model; a table by name has NAME for the name."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        for inner, place in _models(field.annotation):
            yield from keys_of(inner, f"{prefix}{name}.{place}")


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    elif isinstance(annotation, types.UnionType):
        for part in get_args(annotation):
            yield from _models(part)
    elif getattr(annotation, "__origin__", None) is dict:
        for inner, _ in _models(get_args(annotation)[1]):
            yield inner, "NAME."


def test_every_setting_is_documented() -> None:
    """Each key, by the name it has in the file; limits of a connection by their own table."""
    keys = [key.removeprefix("connections.NAME.limits.") for key in keys_of(Settings)]
    limits = {"requests_per_second", "concurrent_requests", "timeout_seconds"}

    wanted = [f"limits.{key}" if key in limits else key for key in keys]

    assert {"temporal.tls.ca_file", "webhooks.sources.NAME.secrets", "worker.roles"} <= set(wanted)
    assert undocumented(wanted) == []


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of every command; groups are told by what they hold, whoever's class they are."""
    command = getattr(command, "loaded", command)
    if not hasattr(command, "commands"):
        yield path
        return
    for name, inner in command.commands.items():
        yield from commands(inner, (*path, name))


def test_every_command_is_documented() -> None:
    """As it is typed."""
    typed = [f"tieline {' '.join(path)}" for path in commands(get_command(app))]

    assert "tieline exceptions resolve" in typed
    assert undocumented(typed) == []


def options(command: Any) -> Iterator[str]:
    """The long options of every command."""
    command = getattr(command, "loaded", command)
    for parameter in command.params:
        yield from (option for option in parameter.opts if option.startswith("--"))
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


@pytest.mark.parametrize("option", sorted(set(options(get_command(app)))))
def test_every_option_is_documented(option: str) -> None:
    """At least once, in the form that does something."""
    if option in ("--install-completion", "--show-completion"):
        pytest.skip("the shell's own")
    assert is_named(option) or is_named("--no-" + option.removeprefix("--"))


def test_every_search_attribute_is_documented() -> None:
    """What operators query by."""
    assert undocumented(sorted(SEARCH_ATTRIBUTES)) == []


def test_every_fault_of_the_simulators_is_documented() -> None:
    """What can be rehearsed."""
    assert undocumented(list(get_args(FaultKind))) == []
