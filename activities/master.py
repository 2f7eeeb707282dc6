"""Master records (customers, companies): one per account, however many deals bring the account."""

from collections.abc import Awaitable, Callable
from typing import Any

from activities.context import current_process
from canonical.effects import Effect, Effects, ExternalRef, Stamp, Subject
from canonical.errors import Busy, Conflict
from canonical.ids import digest, effect_key

REVISIONS_RACED_MAX = 5

Put = Callable[[str | None, Stamp], Awaitable[ExternalRef]]
Find = Callable[[], Awaitable[ExternalRef | None]]


async def put_master_record(
    effects: Effects,
    *,
    connection: str,
    kind: str,
    account_id: str,
    legal_entity: str,
    request: Any,
    put: Put,
    find: Find,
    scope: str = "",
) -> ExternalRef:
    """Bring an account's record in one system to `request`; written only when it differs (R125).

    Every change of content is an effect of its own (`…/r1`, `…/r2`), so that what the system was
    told last is always known. `put` creates or, given an id, updates; `find` looks the record up
    by account after an attempt whose outcome is unknown. `scope` is named where others write parts
    of the same record. Raises Busy when other deals keep changing it.
    """
    subject = Subject(kind="account", id=account_id)
    found: ExternalRef | None = None

    async def write(stamp: Stamp) -> ExternalRef:
        known = await effects.external_id(connection, kind, subject)
        return await put(known or (found.id if found else None), stamp)

    async def probe(_: Stamp) -> ExternalRef | None:
        # Finding a record does not prove that it has this content: it only becomes the one that
        # the write, which may be repeated on a known id, brings up to date.
        nonlocal found
        found = await find()
        return None

    for _ in range(REVISIONS_RACED_MAX):
        standing = await effects.standing(connection, kind, subject)
        if standing and digest(standing[-1].request) == digest(request):
            return standing[-1].ref
        effect = Effect(
            key=effect_key(connection, kind, account_id, f"r{len(standing) + 1}"),
            connection=connection,
            kind=kind,
            subject=subject,
            request=request,
            scope=scope or f"{connection}/{kind}/{account_id}",
            process=current_process(),
            legal_entity=legal_entity,
        )
        try:
            return await effects.once(effect, write, probe)
        except Conflict:
            continue  # another deal wrote this revision first, with other content: see again
    raise Busy(f"{kind} of account {account_id} is being changed by other orders")
