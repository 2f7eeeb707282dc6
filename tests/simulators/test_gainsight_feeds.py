"""What the Gainsight simulator shows of changes, and what it calls out, as far as documented."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.gainsight import GainsightSimulator
from simulators.serve import serving

TOKEN = "a-secret-that-an-admin-wrote-there"
CTAS, TASKS = "/v2/cockpit/cta/list", "/v2/cockpit/task/list"


@pytest.fixture
def simulator() -> GainsightSimulator:
    return GainsightSimulator(access_keys=["gs-key"])


@pytest.fixture
async def gainsight(simulator: GainsightSimulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(simulator.app())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gs", headers={"Accesskey": "gs-key"}
    ) as client:
        yield client


def opened(simulator: GainsightSimulator, **given: Any) -> str:
    """A call to action for Initech."""
    company = simulator.tenant.put("Company", {"Gsid": simulator.tenant.gsid("1P02")})
    record = {
        "Name": "Onboarding: Initech", "CompanyId": company["Gsid"], "OwnerEmail": "a@acme.example",
        "type": "Lifecycle", "reason": "Onboarding", "status": "New", "priority": "Low",
    }  # fmt: skip
    return str(simulator.cockpit.open(**record | given)["Gsid"])


async def listed(client: httpx.AsyncClient, path: str, *conditions: Any, **body: Any) -> Any:
    """The records that meet `ModifiedDate` conditions."""
    each = [
        {"fieldName": "ModifiedDate", "alias": alias, "operator": operator, "value": value}
        for alias, (operator, value) in zip("ABC", conditions, strict=False)
    ]
    asked: dict[str, Any] = {"select": ["Name", "ModifiedDate"], "where": {"conditions": each}}
    answer = await client.post(path, json=asked | body)
    assert answer.json()["result"] is True, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize("path", [CTAS, TASKS])
async def test_lists_are_asked_by_days_between(
    simulator: GainsightSimulator, gainsight: httpx.AsyncClient, path: str
) -> None:
    """`BTW` with dates; the last day counts from its first instant only."""
    simulator.change_task(CTAId=opened(simulator), Name="Kickoff")
    today = datetime.fromtimestamp(simulator.now(), UTC).date()
    tomorrow, yesterday = today + timedelta(days=1), today - timedelta(days=1)

    around = await listed(gainsight, path, ("BTW", [str(today), str(tomorrow)]))
    before = await listed(gainsight, path, ("BTW", [str(yesterday), str(today)]))

    assert len(around) == 1
    assert before == []
    moment = datetime.fromisoformat(around[0]["ModifiedDate"])
    assert around[0]["ModifiedDate"].endswith("Z")
    assert moment.date() == today


async def test_a_list_has_no_order(
    simulator: GainsightSimulator, gainsight: httpx.AsyncClient
) -> None:
    """Pages of one list may overlap, so none may rely on them."""
    made = [opened(simulator) for _ in range(8)]

    orders = [[row["Gsid"] for row in await listed(gainsight, CTAS)] for _ in range(4)]

    assert all(sorted(order) == sorted(made) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


async def test_a_csm_closes_a_call_to_action_and_a_task(
    simulator: GainsightSimulator, gainsight: httpx.AsyncClient
) -> None:
    """Both are modified then, and the one says when it was closed."""
    cta = opened(simulator)
    task = simulator.change_task(CTAId=cta, Name="Kickoff")["Gsid"]
    before = simulator.tenant.tables["call_to_action"].records[cta]["ModifiedDate"]
    simulator.moved_seconds += 5

    await gainsight.post("/_sim/tasks", json={"Gsid": task, "Status": "Closed"})
    closed = await gainsight.post("/_sim/ctas", json={"Gsid": cta, "status": "Closed Success"})
    wrong = await gainsight.post("/_sim/ctas", json={"Gsid": cta, "status": "Celebrated"})
    unknown = await gainsight.post("/_sim/ctas", json={"status": "New"})

    select = ["StatusId__gr.Name", "IsClosed", "ClosedDate"]
    (row,) = await listed(gainsight, CTAS, select=select)
    assert (row["StatusId__gr.Name"], row["IsClosed"]) == ("Closed Success", True)
    assert row["ClosedDate"].endswith("Z")
    assert closed.json()["ModifiedDate"] >= before + 5000
    assert [answer.json()["errorCode"] for answer in (wrong, unknown)] == [
        "COCKPIT_9700", "COCKPIT_6007",
    ]  # fmt: skip
    (done,) = await listed(gainsight, TASKS, select=["Status"])
    assert done["Status"] == "Closed"


class Receiver(GainsightSimulator):
    """Somebody who is called; the kernel's log keeps what came."""

    def routes(self) -> list[BaseRoute]:
        async def receive(_: Request) -> Response:
            return Response(status_code=202)

        return [Route("/webhooks/gainsight", receive, methods=["POST"])]


async def test_changes_are_called_out_where_one_says(simulator: GainsightSimulator) -> None:
    """Once each, with the header that an admin wrote and nothing that proves more."""
    simulator.change_task(CTAId=opened(simulator), Name="Kickoff")
    receiver = Receiver()
    async with (
        serving({"gs": simulator, "receiver": receiver}) as urls,
        httpx.AsyncClient(base_url=urls["gs"]) as client,
    ):
        order = {"url": f"{urls['receiver']}/webhooks/gainsight", "token": TOKEN}
        sent = await client.post("/_sim/send-callbacks", json=order)
        again = await client.post("/_sim/send-callbacks", json=order)

    assert (sent.json(), again.json()) == ({"statuses": [202, 202]}, {"statuses": []})
    assert {call["headers"]["authorization"] for call in receiver.log} == {f"Bearer {TOKEN}"}
    assert {'"cta.changed"' in call["body"] for call in receiver.log} == {True, False}
