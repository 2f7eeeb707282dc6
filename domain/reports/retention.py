"""Retention: what became of the renewals whose date lies in a period, by number and value (R22)."""

from collections.abc import Iterable, Sequence
from datetime import date

from canonical.orders import Fact
from canonical.renewal import RenewalOutcome
from domain.reports.figures import Share, Sums, share, sums, together
from domain.reports.forecast import UpcomingRenewal
from domain.reports.renewal_history import RenewalGroup, RenewalHistory, renewal_group

KEPT = (RenewalOutcome.WON, RenewalOutcome.DOWNSIZED)
UNDECIDED = "undecided"


class EndedContract(Fact):
    """A contract that ended before its window opened, so that there was nothing to renew."""

    connection: str
    contract_id: str
    account_id: str
    state: str


class RetentionReport(Fact):
    """Renewals of a period by outcome.

    `kept` is how many of the decided ones were won or downsized, and `change` what the deals that
    renew those amount to, less what they renew, where both are known in one currency.
    `ended_before_window` are contracts that were cancelled or lapsed in the period without ever
    coming up for renewal, which belong to no renewal date and are not part of `kept`.
    """

    since: date
    until: date
    renewals: int
    by_outcome: list[RenewalGroup]
    kept: Share
    change: Sums = Sums()
    ended_before_window: dict[str, int] = {}


def retention_report(
    histories: Iterable[RenewalHistory],
    never_seen: Sequence[UpcomingRenewal],
    ended: Sequence[EndedContract],
    since: date,
    until: date,
) -> RetentionReport:
    """The report; `never_seen` are renewals of the period at which nobody has looked yet."""
    given = [one for one in histories if since <= one.renews_on <= until]
    decided = [one for one in given if one.outcome is not None]
    groups = [(o.value, [h for h in decided if h.outcome is o]) for o in RenewalOutcome]
    groups.append((UNDECIDED, [one for one in given if one.outcome is None]))
    found = [renewal_group(name, members) for name, members in groups]
    found[-1] = _with_unseen(found[-1], never_seen)
    counts: dict[str, int] = {}
    for one in ended:
        counts[one.state] = counts.get(one.state, 0) + 1
    return RetentionReport(
        since=since,
        until=until,
        renewals=len(given) + len(never_seen),
        by_outcome=[group for group in found if group.renewals],
        kept=share(sum(one.outcome in KEPT for one in decided), len(decided)),
        change=sums(one.change for one in decided if one.outcome in KEPT),
        ended_before_window=counts,
    )


def _with_unseen(group: RenewalGroup, unseen: Sequence[UpcomingRenewal]) -> RenewalGroup:
    """What is up for renewal is known before anybody looks; mostly the renewing deal is not."""
    added = {
        "value": sums(one.contract_value for one in unseen),
        "order_value": sums(one.order_value for one in unseen),
        "renewal_amount": sums(one.renewal_amount for one in unseen),
    }
    figures = {name: together(getattr(group, name), one) for name, one in added.items()}
    counts = {
        "renewals": group.renewals + len(unseen),
        "by_order": group.by_order + sum(one.by_order for one in unseen),
    }
    return group.model_copy(update=counts | figures)
