"""The Stripe simulator tells of its events as Stripe does: by webhook, and by a list."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulators.kernel import Simulator, json_response
from simulators.serve import serving
from simulators.stripe import StripeSimulator

SECRET = "whsec_globexglobexglobexglobexglobex"
NOW = 1_790_000_000.0
MONTH_SECONDS = 31 * 86_400
Form = dict[str, Any]


class Endpoint(Simulator):
    """Whoever receives webhooks: verifies each with Stripe's library and answers `status`."""

    name = "endpoint"
    status = 200

    def reset(self) -> None:
        self.events: list[Any] = []

    def routes(self) -> list[BaseRoute]:
        async def hook(request: Request) -> Response:
            signature = request.headers["stripe-signature"]
            body = await request.body()
            stripe.WebhookSignature.verify_header(body, signature, SECRET, tolerance=300)
            self.events.append(await request.json())
            return Response(status_code=self.status)

        return [Route("/hook", hook, methods=["POST"])]

    def refusal(self, status: int, code: str = "", message: str = "") -> Response:
        return json_response({}, status)

    def state(self) -> dict[str, Any]:
        return {}

    @property
    def ids(self) -> list[str]:
        """The ids received, in order."""
        return [event["id"] for event in self.events]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def hook(endpoint: Endpoint) -> AsyncIterator[str]:
    async with serving({"endpoint": endpoint}) as urls:
        yield f"{urls['endpoint']}/hook"


@pytest.fixture
def account(hook: str) -> StripeSimulator:
    return StripeSimulator(clock=lambda: NOW, webhook_url=hook, webhook_secret=SECRET)


@pytest.fixture
async def http(account: StripeSimulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=account.app())
    headers = {"Authorization": "Bearer sk_test_tieline"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://stripe", headers=headers
    ) as client:
        yield client


async def made(http: httpx.AsyncClient, path: str, **form: Any) -> Form:
    answer = await http.post(f"/v1/{path}", data=form)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def control(http: httpx.AsyncClient, path: str, **given: Any) -> Form:
    answer = await http.post(f"/_sim/{path}", json=given)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def invoiced(http: httpx.AsyncClient) -> str:
    """Globex, subscribed to ten seats, net 30; its first invoice is open."""
    customer = await made(http, "customers", name="Globex")
    subscription = await made(
        http, "subscriptions", customer=customer["id"], collection_method="send_invoice",
        days_until_due="30", **{
            "items[0][quantity]": "10", "items[0][price_data][currency]": "usd",
            "items[0][price_data][product_data][name]": "GTX",
            "items[0][price_data][unit_amount]": "9900",
            "items[0][price_data][recurring][interval]": "month",
        },
    )  # fmt: skip
    return str(subscription["latest_invoice"])


async def listed(http: httpx.AsyncClient, **params: Any) -> list[Form]:
    answer = await http.get("/v1/events", params={"limit": 100, **params})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def types(account: StripeSimulator) -> list[str]:
    return [event["type"] for event in account.events]


async def test_events_wait_until_they_are_delivered(
    account: StripeSimulator, http: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    """The list tells delivered from undelivered by what the endpoint answered."""
    await invoiced(http)
    waiting = await listed(http, delivery_success="false")
    assert [event["pending_webhooks"] for event in waiting] == [1] * len(account.events)
    assert await listed(http, delivery_success="true") == []

    answer = await control(http, "deliver")

    assert set(answer["statuses"]) == {200}
    assert answer["undelivered"] == 0
    assert sorted(endpoint.ids) == sorted(event["id"] for event in waiting)
    assert await listed(http, delivery_success="false") == []
    assert [e["pending_webhooks"] for e in await listed(http)] == [0] * len(waiting)
    assert (await control(http, "deliver"))["statuses"] == []


async def test_what_the_endpoint_refuses_goes_on_waiting(
    http: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    """Stripe takes nothing but a 2xx for success."""
    await invoiced(http)
    endpoint.status = 503
    refused = await control(http, "deliver")
    assert set(refused["statuses"]) == {503}
    assert refused["undelivered"] == len(refused["statuses"])

    endpoint.status = 200
    assert (await control(http, "deliver"))["undelivered"] == 0


async def test_mishaps_lose_repeat_and_reorder(
    account: StripeSimulator, http: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    """What is lost is undelivered, what is sent twice arrives twice."""
    await invoiced(http)
    count = len(account.events)

    lost = await control(http, "deliver", lose=1.0)
    assert (lost["statuses"], lost["undelivered"]) == ([], count)
    twice = await control(http, "deliver", duplicate=1.0, reorder=1.0)

    assert len(twice["statuses"]) == 2 * count
    assert len(endpoint.ids) == 2 * count
    assert len(set(endpoint.ids)) == count


async def test_a_thin_destination_gets_no_objects(
    account: StripeSimulator, http: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    """An id of its own, the type with its version, and what it is about."""
    account.destination.thin = True
    invoice = await invoiced(http)
    await control(http, "deliver")

    (finalized,) = [e for e in endpoint.events if e["type"] == "v1.invoice.finalized"]
    assert finalized["object"] == "v2.core.event"
    assert finalized["related_object"] == {
        "id": invoice, "type": "invoice", "url": f"/v1/invoices/{invoice}",
    }  # fmt: skip
    assert "data" not in finalized
    assert finalized["created"].endswith("Z")


async def test_a_destination_can_be_sent_everything_at_once(
    http: httpx.AsyncClient, hook: str, account: StripeSimulator, endpoint: Endpoint
) -> None:
    """Switched on at any time; only the new events go."""
    await control(http, "webhook", url="")
    await invoiced(http)
    assert await listed(http, delivery_success="false") == []
    await control(http, "webhook", url=hook, secret=SECRET, automatic=True)

    invoice = await invoiced(http)
    for _ in range(400):
        if not any(told.pending for told in account.account.remembered()):
            break
        await asyncio.sleep(0.01)

    about = [event["data"]["object"]["id"] for event in endpoint.events]
    assert invoice in about
    assert len(endpoint.events) == len(account.events) / 2


async def test_products_of_the_start_do_not_need_a_running_loop(hook: str) -> None:
    """An account may be made before anything is served."""
    made_aside = await asyncio.to_thread(
        StripeSimulator, products=[{"id": "gtx", "name": "GTX"}], webhook_url=hook,
        webhook_secret=SECRET, webhook_automatic=True,
    )  # fmt: skip
    assert [event["type"] for event in made_aside.events] == ["product.created"]


async def test_going_back_from_an_event_gives_the_oldest_of_the_newer_ones(
    http: httpx.AsyncClient,
) -> None:
    """Newest first within the page, and the pages go towards the present."""
    for _ in range(3):
        await invoiced(http)
    ids = [event["id"] for event in reversed(await listed(http))]
    answer = (await http.get("/v1/events", params={"ending_before": ids[1], "limit": 3})).json()
    assert [event["id"] for event in answer["data"]] == [ids[4], ids[3], ids[2]]
    assert answer["has_more"]
    rest = (await http.get("/v1/events", params={"ending_before": ids[4], "limit": 100})).json()
    assert [event["id"] for event in rest["data"]] == ids[:4:-1]
    assert not rest["has_more"]


async def test_events_are_forgotten_after_thirty_days(http: httpx.AsyncClient) -> None:
    """As a cursor, too; the records stay."""
    invoice = await invoiced(http)
    (newest, *_) = await listed(http)
    await control(http, "advance", seconds=MONTH_SECONDS)

    answer = await http.get("/v1/events", params={"ending_before": newest["id"]})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "resource_missing"
    assert answer.json()["error"]["param"] == "ending_before"
    assert (await http.get(f"/v1/events/{newest['id']}")).status_code == 404
    assert (await http.get(f"/v1/invoices/{invoice}")).status_code == 200


async def test_more_than_twenty_types_are_refused(http: httpx.AsyncClient) -> None:
    """And a star stands for a group."""
    await invoiced(http)
    many = {f"types[{n}]": "invoice.paid" for n in range(21)}
    assert (await http.get("/v1/events", params=many)).status_code == 400
    found = await listed(http, type="invoice.*")
    assert {event["type"] for event in found} == {"invoice.created", "invoice.finalized"}


async def test_an_open_invoice_becomes_overdue_as_time_goes_by(
    account: StripeSimulator, http: httpx.AsyncClient
) -> None:
    """Once, and only one that is still open."""
    invoice, paid = await invoiced(http), await invoiced(http)
    await control(http, f"invoices/{paid}/pay")
    await control(http, "advance", seconds=29 * 86_400)
    assert "invoice.overdue" not in types(account)
    await control(http, "advance", seconds=2 * 86_400)
    await control(http, "advance", seconds=86_400)

    overdue = [event for event in account.events if event["type"] == "invoice.overdue"]
    assert [event["data"]["object"]["id"] for event in overdue] == [invoice]
    assert "told_overdue" not in overdue[0]["data"]["object"]


async def test_an_invoice_is_paid_in_part_disputed_and_settled(
    account: StripeSimulator, http: httpx.AsyncClient
) -> None:
    """Each step has its event; payments and disputes are found from the invoice."""
    invoice = await invoiced(http)
    part = await control(http, f"invoices/{invoice}/pay", amount=9_900)
    assert (part["status"], part["amount_paid"], part["amount_remaining"]) == ("open", 9900, 89100)
    await control(http, f"invoices/{invoice}/fail")
    paid = await control(http, f"invoices/{invoice}/pay")
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 99000, 0)
    await control(http, f"invoices/{invoice}/dispute")

    payments = (await http.get("/v1/invoice_payments", params={"invoice": invoice})).json()["data"]
    assert [payment["amount_paid"] for payment in payments] == [89_100, 9_900]
    intent = payments[0]["payment"]["payment_intent"]
    (dispute,) = (await http.get("/v1/disputes", params={"payment_intent": intent})).json()["data"]
    assert dispute["status"] == "needs_response"
    assert types(account)[-8:] == [
        "invoice_payment.paid", "invoice.updated", "invoice.payment_failed",
        "invoice_payment.paid", "invoice.paid", "invoice.payment_succeeded",
        "charge.dispute.created", "charge.dispute.funds_withdrawn",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (("needs_response", "under_review", "won"),
         ["created", "funds_withdrawn", "updated", "closed", "funds_reinstated"]),
        (("needs_response", "lost"), ["created", "funds_withdrawn", "closed"]),
        (("warning_needs_response", "warning_closed"), ["created", "closed"]),
        (("needs_response", "won", "needs_response"),
         ["created", "funds_withdrawn", "closed", "funds_reinstated", "created",
          "funds_withdrawn"]),
    ],
    ids=["won", "lost", "only asked", "disputed again"],
)  # fmt: skip
async def test_a_dispute_goes_its_way(
    account: StripeSimulator, http: httpx.AsyncClient, statuses: tuple[str, ...], told: list[str]
) -> None:
    """Money goes with a chargeback and comes back when it is won; a question moves none."""
    invoice = await invoiced(http)
    await control(http, f"invoices/{invoice}/pay")
    for status in statuses:
        dispute = await control(http, f"invoices/{invoice}/dispute", status=status)

    assert [t for t in types(account) if t.startswith("charge.dispute.")] == [
        f"charge.dispute.{what}" for what in told
    ]
    assert (await http.get(f"/v1/disputes/{dispute['id']}")).json() == dispute
    assert (dispute["status"], dispute["amount"]) == (statuses[-1], 99_000)
    moved = [one["net"] for one in dispute["balance_transactions"]]
    assert moved == {"won": [-100_500, 99_000], "warning_closed": []}.get(statuses[-1], [-100_500])


async def test_a_dispute_is_told_by_its_payment_and_not_by_an_invoice(
    account: StripeSimulator, http: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    """As a snapshot and as a thin event; only the payments of invoices name both."""
    invoice = await invoiced(http)
    await control(http, f"invoices/{invoice}/pay")
    await control(http, "deliver")
    endpoint.events.clear()
    dispute = await control(http, f"invoices/{invoice}/dispute")
    await control(http, "deliver")
    account.destination.thin = True
    await control(http, f"invoices/{invoice}/dispute", status="lost")
    await control(http, "deliver")

    told = {event["type"]: event for event in endpoint.events}
    created = told["charge.dispute.created"]["data"]["object"]
    intent = created["payment_intent"]
    assert (created["id"], created["charge"][:3], intent[:3]) == (dispute["id"], "ch_", "pi_")
    assert "invoice" not in created
    related = {"id": dispute["id"], "type": "dispute", "url": f"/v1/disputes/{dispute['id']}"}
    assert told["v1.charge.dispute.closed"]["related_object"] == related

    by = {"payment[type]": "payment_intent", "payment[payment_intent]": intent}
    (payment,) = (await http.get("/v1/invoice_payments", params=by)).json()["data"]
    assert payment["invoice"] == invoice


async def test_payments_of_invoices_are_asked_for_as_stripe_lets_them_be(
    http: httpx.AsyncClient,
) -> None:
    """By intent or payment record, never without the type or by charge; others are not there."""
    invoice = await invoiced(http)
    await control(http, f"invoices/{invoice}/pay")

    async def asked(**by: str) -> httpx.Response:
        wanted = {f"payment[{name}]": value for name, value in by.items()}
        return await http.get("/v1/invoice_payments", params=wanted)

    assert len((await asked(type="payment_intent")).json()["data"]) == 1
    assert (await asked(type="payment_record")).json()["data"] == []
    assert (await asked(type="payment_intent", payment_intent="pi_other")).json()["data"] == []
    assert (await asked(payment_intent="pi_other")).status_code == 400
    assert (await asked(type="charge")).status_code == 400
    assert (await asked(type="payment_intent", charge="ch_other")).status_code == 400


@pytest.mark.parametrize(
    ("what", "kind", "status"),
    [
        ("void", "invoice.voided", "void"),
        ("uncollectible", "invoice.marked_uncollectible", "uncollectible"),
        ("overdue", "invoice.overdue", "open"),
        ("fail", "invoice.payment_failed", "open"),
    ],
)
async def test_an_invoice_meets_its_other_fates(
    account: StripeSimulator, http: httpx.AsyncClient, what: str, kind: str, status: str
) -> None:
    """By a control route each, with Stripe's own event."""
    invoice = await invoiced(http)
    assert (await control(http, f"invoices/{invoice}/{what}"))["status"] == status
    assert types(account)[-1] == kind


async def test_what_cannot_happen_is_refused(http: httpx.AsyncClient) -> None:
    """No dispute without a payment, no fate without a name, no destination with a hue."""
    invoice = await invoiced(http)
    assert (await http.post(f"/_sim/invoices/{invoice}/dispute")).status_code == 400
    assert (await http.post(f"/_sim/invoices/{invoice}/frame")).status_code == 404
    assert (await http.post("/_sim/invoices/in_none/pay")).status_code == 404
    assert (await http.post("/_sim/webhook", json={"hue": "teal"})).status_code == 400


async def test_the_official_sdk_reads_events_payments_and_disputes() -> None:
    """stripe-python pages through undelivered events in the order in which they happened."""
    account = StripeSimulator(webhook_url="http://127.0.0.1:9", webhook_secret=SECRET)

    def work(url: str) -> None:
        client = stripe.StripeClient(
            "sk_test_tieline", base_addresses={"api": url}, max_network_retries=0
        )
        v1 = client.v1
        customer = v1.customers.create({"name": "Globex"})
        item = {"price_data": {"currency": "usd", "unit_amount": 9900, "product": "gtx",
                               "recurring": {"interval": "month"}}}  # fmt: skip
        v1.products.create({"id": "gtx", "name": "GTX"})
        subscription = v1.subscriptions.create({
            "customer": customer.id, "items": [item], "collection_method": "send_invoice",
            "days_until_due": 30,
        })  # fmt: skip
        invoice = str(subscription.latest_invoice)
        v1.invoices.pay(invoice)
        first = v1.events.list({"limit": 100}).data[-1]
        told = v1.events.list({"ending_before": first.id, "delivery_success": False, "limit": 2})
        kinds = [event.type for event in told.auto_paging_iter()]
        assert kinds == [event["type"] for event in account.events[1:]]
        (payment,) = v1.invoice_payments.list({"invoice": invoice}).data
        account.happen(invoice, "dispute")
        intent = payment.payment.payment_intent
        (dispute,) = v1.disputes.list({"payment_intent": str(intent)}).data
        assert dispute.amount == 9900
        assert v1.disputes.retrieve(dispute.id).payment_intent == intent
        by: Any = {"type": "payment_intent", "payment_intent": str(intent)}
        (found,) = v1.invoice_payments.list({"payment": by}).data
        assert found.invoice == invoice
        more = {"items": [{"id": subscription["items"].data[0].id, "quantity": 3}]}
        assert v1.subscriptions.update(subscription.id, more)["items"].data[0].quantity == 3

    async with serving({"stripe": account}) as urls:
        await asyncio.to_thread(work, urls["stripe"])
