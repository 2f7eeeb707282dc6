"""Showing an account's risk and renewals: always the newest of them, and again changes nothing."""

from collections.abc import Awaitable

from activities.context import current_process
from activities.master import put_master_record
from canonical.book import KeptRisk, PortfolioBook
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.errors import Conflict, NotFound, Rejected
from canonical.ids import effect_key
from canonical.portfolio import ReadinessUpdate, RiskUpdate
from canonical.ports import CrmPort, SuccessPort, SupportPort
from canonical.renewal_messages import ShowReadiness
from canonical.risk import RiskLevel
from canonical.risk_messages import ShownRisk, ShowRisk

RISK = "risk"
RISK_CALL = "risk_call"
RISK_FLAG = "risk_flag"
READINESS = "readiness"
# How often an account is late, then is not, and late again, within one process.
CALLS_MAX = 100


def organization_scope(connection: str, account_id: str) -> str:
    """What only one effect may change at a time: an organization's tags are read and then written
    as a whole, by entitlements as by risk flags."""
    return f"{connection}/organization/{account_id}"


async def kept_risk(book: PortfolioBook, account_id: str) -> KeptRisk:
    """The newest assessment of an account; raises NotFound when there is none."""
    kept = await book.risk(account_id)
    if kept is None:
        raise NotFound(f"account {account_id} was not assessed", about=account_id)
    return kept


async def show_risk(
    port: SuccessPort, connection: str, effects: Effects, book: PortfolioBook, request: ShowRisk
) -> ShownRisk:
    """Risk on the company, and one call to action while the account itself is late (R75)."""
    kept = await kept_risk(book, request.account_id)
    company = await _put_risk(port, connection, effects, kept)
    call = await _call(port, connection, effects, request.cause, kept)
    return ShownRisk(
        level=kept.update.level,
        digest=kept.digest,
        record_id=company.id if company else "",
        call_id=call.id if call else "",
    )


async def withdraw_risk(
    port: SuccessPort, connection: str, effects: Effects, request: ShowRisk
) -> ShownRisk:
    """Undo of `show_risk`: nothing on the company, and no open call."""
    await _put_risk(port, connection, effects, _nothing_kept(request))
    await _call(port, connection, effects, request.cause, _nothing_kept(request))
    return ShownRisk(level=RiskLevel.NONE, digest="")


async def flag_risk(
    port: SupportPort, connection: str, effects: Effects, book: PortfolioBook, request: ShowRisk
) -> ShownRisk:
    """Risk on the organization, so that support knows whom it talks to."""
    kept = await kept_risk(book, request.account_id)
    flagged = await _put_flag(port, connection, effects, kept)
    return ShownRisk(
        level=kept.update.level, digest=kept.digest, record_id=flagged.id if flagged else ""
    )


async def withdraw_flag(
    port: SupportPort, connection: str, effects: Effects, request: ShowRisk
) -> ShownRisk:
    """Undo of `flag_risk`: no flag on the organization."""
    await _put_flag(port, connection, effects, _nothing_kept(request))
    return ShownRisk(level=RiskLevel.NONE, digest="")


async def show_readiness(
    port: SuccessPort | CrmPort,
    connection: str,
    effects: Effects,
    readiness: ReadinessUpdate | None,
    request: ShowReadiness,
) -> ExternalRef:
    """A renewal's readiness on the company, or on the deal that brought the contract (R78)."""
    if readiness is None:
        raise NotFound(f"contract {request.contract_id} has no snapshot", about=request.contract_id)
    return await put_master_record(
        effects,
        connection=connection,
        kind=READINESS,
        account_id=f"{request.account_id}/{readiness.contract_id}",
        legal_entity="",
        request=readiness,
        put=lambda _, stamp: port.put_readiness(readiness, stamp),
        find=_nothing,
    )


async def _put_risk(
    port: SuccessPort, connection: str, effects: Effects, kept: KeptRisk
) -> ExternalRef | None:
    risk = kept.update
    return await _where_known(
        kept,
        put_master_record(
            effects,
            connection=connection,
            kind=RISK,
            account_id=risk.account_id,
            legal_entity="",
            request=risk,
            put=lambda _, stamp: port.put_risk(risk, stamp),
            find=_nothing,
        ),
    )


async def _put_flag(
    port: SupportPort, connection: str, effects: Effects, kept: KeptRisk
) -> ExternalRef | None:
    risk = kept.update
    return await _where_known(
        kept,
        put_master_record(
            effects,
            connection=connection,
            kind=RISK_FLAG,
            account_id=risk.account_id,
            legal_entity="",
            request=risk,
            put=lambda _, stamp: port.put_risk_flag(risk, stamp),
            find=_nothing,
            scope=organization_scope(connection, risk.account_id),
        ),
    )


async def _where_known(kept: KeptRisk, put: Awaitable[ExternalRef]) -> ExternalRef | None:
    """An account that owes nothing itself need not be known to a system: a holding that never
    bought, say, whose subsidiary is late."""
    try:
        return await put
    except NotFound:
        if kept.calls:
            raise
        return None


async def _call(
    port: SuccessPort, connection: str, effects: Effects, cause: str, kept: KeptRisk
) -> ExternalRef | None:
    """One call an account while it is late: opened with the first lateness, closed with the last.

    A call that was closed is not opened again: what is late afterwards is the next call.
    """
    risk, process = kept.update, current_process()

    async def write(stamp: Stamp) -> ExternalRef:
        return await port.open_risk_call(risk, stamp)

    async def probe(stamp: Stamp) -> ExternalRef | None:
        return await port.find_risk_call(risk.account_id, stamp)

    for number in range(1, CALLS_MAX + 1):
        key = effect_key(connection, RISK_CALL, risk.account_id, cause, str(number))

        async def reverse(ref: ExternalRef, key: str = key) -> None:
            stamp = Stamp(key=key, token="", correlation_id=process.correlation_id)
            await port.close_risk_call(ref, stamp)

        if not kept.calls:
            if await effects.undo(key, process, probe, reverse) is None:
                return None  # there was no such call, nor any after it
            continue
        opened = Effect(
            key=key,
            connection=connection,
            kind=RISK_CALL,
            subject=Subject(kind="account", id=risk.account_id),
            # The call is made once, whatever the risk becomes: what it says is on the company.
            request={"account_id": risk.account_id, "cause": cause},
            scope=key,
            process=process,
        )
        try:
            return await effects.once(opened, write, probe)
        except Conflict:
            continue  # that call was closed
    raise Rejected(f"account {risk.account_id} was called about {CALLS_MAX} times", about=cause)


def _nothing_kept(request: ShowRisk) -> KeptRisk:
    return KeptRisk(update=RiskUpdate.none(request.account_id), digest="", calls=False)


async def _nothing() -> None:
    """A field of a record that is there anyway: writing it again is harmless, so nothing is lost
    by not looking for it first."""
    return
