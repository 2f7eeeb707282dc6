"""A semantic definition: a pure function with a name, a version and examples (R26, R121)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from canonical.definitions import Verdict, named

Inputs = TypeVar("Inputs", bound=BaseModel)


@dataclass(frozen=True)
class Decision:
    """The outcome of a definition and why; `result` holds what is more than one word."""

    value: StrEnum
    reasons: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Example(Generic[Inputs]):
    """One case of a definition: documentation, and a test of it."""

    name: str
    inputs: Inputs
    value: StrEnum
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition(Generic[Inputs]):
    """One version of what a word means.

    `parameters` are the keys of `definitions.toml` that reach it in its inputs; `outcomes` is all
    that it can say; `decide` is pure.
    """

    name: str
    version: int
    meaning: str
    requirements: tuple[int, ...]
    inputs: type[Inputs]
    outcomes: type[StrEnum]
    decide: Callable[[Inputs], Decision]
    examples: tuple[Example[Inputs], ...]
    parameters: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`name@version`, as reports state it."""
        return named(self.name, self.version)

    def evaluate(self, inputs: Inputs) -> Verdict:
        """What this version says of a case, with the inputs that led to it."""
        decision = self.decide(inputs)
        return Verdict(
            definition=self.id,
            value=decision.value.value,
            reasons=decision.reasons,
            result=decision.result,
            inputs=inputs.model_dump(mode="json"),
        )
