"""What `tieline definitions explain` and `diff` print for people."""

from rich.text import Text

from domain.explaining import Explained, Explanation, Moved, Unanswered
from domain.explanations.cases import Input
from tieline.cli.moments import shown
from tieline.cli.output import out, print_table

# Of one verdict; `--json` has all of them.
INPUTS_SHOWN_MAX = 20


def render_explanation(found: Explanation, *, cut: bool) -> None:
    """Each verdict with what led to it; then what cannot be said, and why."""
    for said in found.said:
        _render_said(said)
    for unanswered in found.unanswered:
        _render_unanswered(unanswered)
    if cut:
        out.print("There is more on record than this.")
    for name, why in found.not_on_record.items():
        out.print(f"{name}: {why}", soft_wrap=True)


def render_moves(looked_at: int, moved: list[Moved]) -> None:
    """Who would move, from what to what, and how many that are."""
    if moved:
        print_table(
            ["account", "definition", "about", "from", "to", "because"],
            [
                (
                    one.account_id,
                    one.after.definition,
                    one.subject,
                    one.before.value,
                    one.after.value,
                    "; ".join(one.after.reasons),
                )
                for one in moved
            ],
        )
    affected = len({one.account_id for one in moved})
    out.print(f"{affected} of {looked_at} accounts would move.")


def _render_said(said: Explained) -> None:
    verdict = said.verdict
    _print_head(verdict.definition, f"{said.subject}: {verdict.value}")
    for reason in verdict.reasons:
        out.print(f"  because {reason}", soft_wrap=True)
    _print_inputs(said.inputs)
    if said.not_on_record:
        told = ", ".join(said.not_on_record)
        out.print(f"  answered without, since not on record: {told}", soft_wrap=True)


def _render_unanswered(one: Unanswered) -> None:
    _print_head(one.definition, f"{one.subject}: cannot be told")
    for missing in one.missing:
        out.print(f"  not on record: {missing}", soft_wrap=True)
    _print_inputs(one.inputs, "on record")


def _print_head(definition: str, said: str) -> None:
    out.print(Text.assemble((definition, "bold"), f"  {said}"), soft_wrap=True)


def _print_inputs(inputs: list[Input], word: str = "by") -> None:
    for one in inputs[:INPUTS_SHOWN_MAX]:
        says = f": {one.says}" if one.says else ""
        as_of = shown(one.as_of) or "a time that is not known"
        out.print(f"  {word} {one.name}{says} (from {one.source}, as of {as_of})", soft_wrap=True)
    if len(inputs) > INPUTS_SHOWN_MAX:
        out.print(f"  {word} {len(inputs) - INPUTS_SHOWN_MAX} more, which --json shows")
