"""The exception desk from the command line: what waits, why, what it holds, and deciding it."""

from tests.cli.terminal import awaited
from tests.world import World, line

MAPPED = '{"products": {"GTXPRO": "GTX-PRO"}}'


async def misspelt(tieline: World, *accounts: str) -> list[str]:
    """A deal for 8,400.00 of each account, with a product code that nobody mapped."""
    deals = [tieline.deal(account, line("GTXPRO", "8400.00")) for account in accounts]
    for deal in deals:
        await tieline.start(deal)
    for deal in deals:
        await tieline.case(deal)
    return deals


async def test_exceptions_are_listed_by_cause_shown_and_decided_one_and_all(
    tieline: World,
) -> None:
    """Three deals with one typing error: one is corrected by itself, the others by their cause."""
    first, *others = await misspelt(tieline, "Globex", "Initech [EMEA]", "Umbrella")
    config = ("--config", tieline.config)

    # By cause, with what they hold
    groups = await awaited(*config, "--json", "exceptions", "list")
    table = await awaited(*config, "exceptions", "list")
    (group,) = groups.json
    assert (group["cause_key"], group["count"]) == ("UnmappedProduct:GTXPRO", 3)
    assert (table.code, table.err) == (0, "")
    assert "25,200.00 USD" in table.out

    # Each, by whatever narrows them down; names are shown as they are
    each = await awaited(*config, "exceptions", "list", "--each")
    mine = await awaited(*config, "--json", "exceptions", "list", "--owner", "finance-ops")
    nobody = await awaited(*config, "exceptions", "list", "--owner", "nobody")
    account = await awaited(
        *config, "--json", "exceptions", "list", "--account", tieline.accounts["Globex"]
    )
    assert "Initech [EMEA]" in each.out and each.out.count("finance-ops") == 3
    assert len(mine.json) == 3
    assert (nobody.code, nobody.out) == (0, "No open exceptions.\n")
    (globex,) = account.json

    # One, with its evidence and what may be decided
    case = globex["case"]["case_id"]
    shown = await awaited(*config, "exceptions", "show", case)
    detail = await awaited(*config, "--json", "exceptions", "show", case)
    assert shown.code == 0
    assert "retry, amend, cancel" in shown.out and "Nobody has decided yet." in shown.out
    assert detail.json["case"]["held"] == {"amount_minor": 840000, "currency": "USD"}

    # A decision that the case does not allow is refused, and on record
    skipped = await awaited(
        *config, "exceptions", "resolve", case, "--action", "skip", "--reason", "no time"
    )
    assert skipped.code == 1
    assert "skip is not among retry, amend, cancel" in skipped.err
    assert "0 decided, 1 refused." in skipped.out

    # One is corrected
    amend = ["--action", "amend", "--reason", "typing error", "--amendment", MAPPED]
    one = await awaited(*config, "exceptions", "resolve", case, *amend, "--by", "Ada")
    assert (one.code, one.err, one.out) == (0, "", "accepted: amend\n")
    assert (await tieline.result(first)).stage == "completed"
    decided = await awaited(*config, "exceptions", "show", case)
    assert "resolved" in decided.out
    assert "refused: skip is not among" in decided.out and "Ada" in decided.out

    # The others by their cause, and then there is none left
    cause = ["--cause", "UnmappedProduct:GTXPRO"]
    rest = await awaited(*config, "--json", "exceptions", "resolve", *cause, *amend)
    assert rest.code == 0
    assert [one["accepted"] for one in rest.json] == [True, True]
    for deal in others:
        assert (await tieline.result(deal)).stage == "completed"
    again = await awaited(*config, "exceptions", "resolve", *cause, *amend)
    assert again.code == 1
    assert again.refusal.startswith("NotFound: there is no open case of the cause UnmappedProduct")
    empty = await awaited(*config, "exceptions", "list")
    assert (empty.code, empty.out) == (0, "No open exceptions.\n")


async def test_a_decision_on_a_case_that_is_closed_or_never_was_is_refused(
    tieline: World,
) -> None:
    """Two people at the desk at once, and a mistyped id: exit code 1, and nothing else happens."""
    config = ("--config", tieline.config)
    (deal,) = await misspelt(tieline, "Globex")
    case = (await tieline.case(deal)).case_id
    cancel = ["--action", "cancel", "--reason", "Globex withdrew"]

    unknown = await awaited(*config, "exceptions", "resolve", case, "no-such-case", *cancel)
    missing = await awaited(*config, "exceptions", "show", "no-such-case")
    first = await awaited(*config, "exceptions", "resolve", case, *cancel)
    assert (await tieline.result(deal)).stage == "cancelled"
    second = await awaited(*config, "exceptions", "resolve", case, *cancel)

    sentence = "NotFound: there is no case no-such-case; `tieline exceptions list --each` shows all"
    assert (unknown.code, unknown.refusal) == (1, sentence)
    assert (missing.code, missing.refusal) == (1, sentence)
    assert (first.code, first.out) == (0, "accepted: cancel\n")
    assert second.code == 1
    assert f"refused {case}: " in second.err and "Traceback" not in second.err


async def test_a_case_above_the_threshold_says_that_a_second_person_is_needed(
    tieline: World,
) -> None:
    """The first command is accepted and waits; the same person cannot approve themselves."""
    config = ("--config", tieline.config)
    deal = tieline.deal("Hooli", line("GTXPRO", "48000.00"))
    await tieline.start(deal)
    case = (await tieline.case(deal)).case_id
    cancel = ["exceptions", "resolve", case, "--action", "cancel", "--reason", "duplicate"]

    first = await awaited(*config, *cancel, "--by", "Ada")
    same = await awaited(*config, *cancel, "--by", "ada")
    listed = await awaited(*config, "exceptions", "list", "--each")
    second = await awaited(*config, *cancel, "--by", "Grace")

    assert (first.code, first.out) == (0, "accepted: cancel waits for 1 more approval\n")
    assert same.code == 1 and "another person has to approve" in same.err
    assert "awaiting_approval" in listed.out
    assert (second.code, second.out) == (0, "accepted: cancel\n")
    assert (await tieline.result(deal)).stage == "cancelled"
