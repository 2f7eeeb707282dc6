"""Whether a renewal can go ahead, why not, and how sure its revenue is (R119)."""

from collections.abc import Sequence

from canonical.orders import Fact
from canonical.renewal import (
    ForecastCategory,
    ReadinessState,
    RenewalOutcome,
    Signal,
    SignalState,
)
from domain.definitions.definition import Decision, Definition, Example
from domain.definitions.samples import signal

SIGNALS = ("billing", "support", "usage", "implementation", "crm")
REALIZED = (RenewalOutcome.WON, RenewalOutcome.DOWNSIZED)
FORECASTS = {
    ReadinessState.READY: ForecastCategory.COMMIT,
    ReadinessState.AT_RISK: ForecastCategory.BEST_CASE,
    ReadinessState.BLOCKED: ForecastCategory.PIPELINE,
    ReadinessState.UNKNOWN: ForecastCategory.PIPELINE,
}
# The first that any signal has decides: red outweighs what is not known, and that outweighs amber.
STATES = {
    SignalState.RED: ReadinessState.BLOCKED,
    SignalState.UNKNOWN: ReadinessState.UNKNOWN,
    SignalState.AMBER: ReadinessState.AT_RISK,
}


class Renewal(Fact):
    """What the five sources say of a renewal; `outcome` is set once it has ended."""

    signals: list[Signal]
    outcome: RenewalOutcome | None = None


def readiness(given: Renewal) -> Decision:
    """The state by the worst signal; the forecast is in `result`."""
    if given.outcome is not None:
        realized = given.outcome in REALIZED
        forecast = ForecastCategory.CLOSED if realized else ForecastCategory.OMITTED
        return _decided(ReadinessState.CLOSED, [], forecast)
    silent = [name for name in SIGNALS if name not in {one.name for one in given.signals}]
    said = {SignalState.UNKNOWN: [f"{name}: not asked" for name in silent]}
    for one in sorted(given.signals, key=_place):
        said.setdefault(one.state, []).extend(_reasons(one))
    for colour, state in STATES.items():
        if said.get(colour):
            told = [reason for other in STATES for reason in said.get(other, [])]
            return _decided(state, told, FORECASTS[state])
    return _decided(ReadinessState.READY, [], ForecastCategory.COMMIT)


def _decided(state: ReadinessState, reasons: Sequence[str], forecast: ForecastCategory) -> Decision:
    return Decision(state, list(reasons), {"forecast": forecast.value})


def _place(one: Signal) -> tuple[int, str, list[str]]:
    known = SIGNALS.index(one.name) if one.name in SIGNALS else len(SIGNALS)
    return known, one.name, one.reasons


def _reasons(one: Signal) -> list[str]:
    return [f"{one.name}: {reason}" for reason in one.reasons] or [f"{one.name}: {one.state}"]


_RED, _AMBER, _NOT_HEARD = SignalState.RED, SignalState.AMBER, SignalState.UNKNOWN
_GREEN = [signal(name, SignalState.GREEN) for name in SIGNALS]


def _of(
    name: str,
    value: ReadinessState,
    *others: Signal,
    reasons: tuple[str, ...] = (),
    outcome: RenewalOutcome | None = None,
) -> Example[Renewal]:
    changed = {one.name: one for one in others}
    signals = [changed.get(one.name, one) for one in _GREEN]
    return Example(name, Renewal(signals=signals, outcome=outcome), value, reasons)


RENEWAL_READINESS = Definition(
    name="renewal_readiness",
    version=1,
    meaning="A renewal is ready when billing, support, usage, implementation and the CRM all say "
    "so; one red signal blocks it, and what is not known is never taken for green.",
    requirements=(26, 76, 119),
    inputs=Renewal,
    outcomes=ReadinessState,
    decide=readiness,
    examples=(
        _of("all five are green", ReadinessState.READY),
        _of("usage has fallen", ReadinessState.AT_RISK,
            signal("usage", _AMBER, "30% of users are active"),
            reasons=("usage: 30% of users are active",)),
        _of("support is away", ReadinessState.UNKNOWN,
            signal("support", _NOT_HEARD, "it does not answer"),
            reasons=("support: it does not answer",)),
        _of("support is away and usage has fallen", ReadinessState.UNKNOWN,
            signal("support", _NOT_HEARD, "it does not answer"),
            signal("usage", _AMBER, "30% of users are active"),
            reasons=("support: it does not answer", "usage: 30% of users are active")),
        _of("support is away and invoices are late", ReadinessState.BLOCKED,
            signal("support", _NOT_HEARD, "it does not answer"),
            signal("billing", _RED, "INV-7: late"),
            reasons=("billing: INV-7: late", "support: it does not answer")),
        _of("won", ReadinessState.CLOSED, outcome=RenewalOutcome.WON),
        _of("lost while invoices are late", ReadinessState.CLOSED,
            signal("billing", _RED, "INV-7: late"), outcome=RenewalOutcome.LOST),
        Example("only four sources were asked", Renewal(signals=_GREEN[:4]),
                ReadinessState.UNKNOWN, ("crm: not asked",)),
    ),
)  # fmt: skip
