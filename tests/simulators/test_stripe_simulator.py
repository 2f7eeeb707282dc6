"""The Stripe simulator keeps the vendor's contract, for raw HTTP and for the official SDK."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe

from simulators.serve import serving
from simulators.stripe import StripeSimulator
from simulators.stripe.calendar import add_interval
from simulators.stripe.forms import parse_form

NOW = 1_790_000_000.0
SENT = {"collection_method": "send_invoice", "days_until_due": 30}
Form = dict[str, Any]


@pytest.fixture
def account() -> StripeSimulator:
    return StripeSimulator(clock=lambda: NOW)


@pytest.fixture
async def http(account: StripeSimulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=account.app())
    headers = {"Authorization": "Bearer sk_test_tieline"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://stripe", headers=headers
    ) as client:
        yield client


async def post(http: httpx.AsyncClient, path: str, form: Form, key: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await http.post(f"/v1/{path}", data=form, headers=headers)


async def made(http: httpx.AsyncClient, path: str, **form: Any) -> Form:
    answer = await post(http, path, form)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def listed(http: httpx.AsyncClient, path: str, **params: Any) -> list[Form]:
    answer = await http.get(f"/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def globex(http: httpx.AsyncClient, **form: Any) -> str:
    return str((await made(http, "customers", name="Globex", **form))["id"])


async def price(http: httpx.AsyncClient, amount: int = 9900, **form: Any) -> str:
    given = {"currency": "usd", "unit_amount": amount, "product_data[name]": "GTX",
             "recurring[interval]": "month", **form}  # fmt: skip
    return str((await made(http, "prices", **given))["id"])


async def subscribed(http: httpx.AsyncClient, **form: Any) -> Form:
    given = {"customer": await globex(http), "items[0][price]": await price(http), **SENT, **form}
    return await made(http, "subscriptions", **given)


def code_of(answer: httpx.Response) -> tuple[int, Any, Any]:
    error = answer.json()["error"]
    return answer.status_code, error.get("code"), error.get("param")


def test_brackets_nest_into_lists_and_mappings() -> None:
    """Numbered, empty and named brackets all mean what the official encoders mean."""
    text = "a[0][b]=1&a[0][c]=2&a[1][b]=3&k[]=x&k[]=y&m[key]=v&i[][p]=1&i[][q]=2&i[][p]=3"
    assert parse_form(text) == {
        "a": [{"b": "1", "c": "2"}, {"b": "3"}], "k": ["x", "y"], "m": {"key": "v"},
        "i": [{"p": "1", "q": "2"}, {"p": "3"}],
    }  # fmt: skip


def test_a_month_after_the_31st_is_the_months_last_day() -> None:
    """Periods end on a real day."""
    january_31 = 1_769_817_600  # 2026-01-31
    assert add_interval(january_31, "month", 1) == 1_772_236_800  # 2026-02-28


@pytest.mark.parametrize("key", ["", "sk_test_other", "sk_live_tieline"])
async def test_a_wrong_key_is_401(http: httpx.AsyncClient, key: str) -> None:
    """Unknown keys and live keys never get in."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = await http.get("/v1/customers", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["Request-Id"].startswith("req_")


async def test_the_key_may_be_the_user_of_basic_auth(http: httpx.AsyncClient) -> None:
    """Both ways of authentication are open, and the version asked for is echoed."""
    headers = {"Stripe-Version": "2026-10-28.endive"}
    http.headers.pop("Authorization")
    answer = await http.get("/v1/customers", auth=("sk_test_tieline", ""), headers=headers)
    assert (answer.status_code, answer.headers["Stripe-Version"]) == (200, "2026-10-28.endive")


async def test_customers_are_found_by_email_and_paged_newest_first(
    http: httpx.AsyncClient,
) -> None:
    """Cursors go both ways and has_more tells whether there is more."""
    ids = [await globex(http, email=f"{n % 2}@globex.test") for n in range(5)]
    assert [c["id"] for c in await listed(http, "customers", email="0@globex.test")] == [
        ids[4], ids[2], ids[0],
    ]  # fmt: skip
    first = (await http.get("/v1/customers", params={"limit": 2})).json()
    assert ([c["id"] for c in first["data"]], first["has_more"]) == ([ids[4], ids[3]], True)
    rest = await listed(http, "customers", starting_after=ids[3])
    assert [c["id"] for c in rest] == [ids[2], ids[1], ids[0]]
    back = await listed(http, "customers", ending_before=ids[1], limit=2)
    assert [c["id"] for c in back] == [ids[3], ids[2]]
    assert await listed(http, "customers", **{"created[gt]": int(NOW)}) == []


async def test_metadata_merges_and_blank_values_remove_keys(http: httpx.AsyncClient) -> None:
    """An update touches only the keys it names."""
    customer = await globex(http, **{"metadata[a]": "1", "metadata[b]": "2"})
    form = {"metadata[a]": "", "metadata[c]": "3"}
    assert (await made(http, f"customers/{customer}", **form))["metadata"] == {"b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("customers", {"nmae": "x"}, (400, "parameter_unknown", "nmae")),
        ("products", {}, (400, "parameter_missing", "name")),
        ("customers/cus_none", {"name": "x"}, (404, "resource_missing", "id")),
        ("customers", {"tax_id_data[0][type]": "eu_vat", "tax_id_data[0][value]": "12"},
         (400, "tax_id_invalid", "tax_id_data[0][value]")),
        ("prices", {"currency": "usd", "unit_amount": "9.9", "product_data[name]": "x"},
         (400, "parameter_invalid_integer", "unit_amount")),
        ("subscriptions", {"customer": "cus_none"}, (400, "resource_missing", "customer")),
        ("nothing", {}, (404, None, None)),
    ],
)  # fmt: skip
async def test_mistakes_are_named(
    http: httpx.AsyncClient, path: str, form: Form, expected: tuple[int, Any, Any]
) -> None:
    """Each refusal carries the vendor's code and parameter, and a link to the log."""
    answer = await post(http, path, form)
    assert code_of(answer) == expected
    assert answer.headers["Request-Id"] in answer.json()["error"]["request_log_url"]


async def test_a_product_id_is_taken_once(http: httpx.AsyncClient) -> None:
    """The caller's id is a natural key."""
    await made(http, "products", id="gtx-pro", name="GTX Pro")
    answer = await post(http, "products", {"id": "gtx-pro", "name": "GTX Pro"})
    assert code_of(answer) == (400, "resource_already_exists", "id")


async def test_a_lookup_key_moves_only_when_told_to(http: httpx.AsyncClient) -> None:
    """Two prices never share a key."""
    old = await price(http, lookup_key="gtx-usd")
    form = {"currency": "usd", "unit_amount": 1, "product_data[name]": "x", "lookup_key": "gtx-usd"}
    assert code_of(await post(http, "prices", form))[2] == "lookup_key"
    new = await made(http, "prices", **form, transfer_lookup_key="true")
    found = await listed(http, "prices", **{"lookup_keys[]": "gtx-usd"})
    assert [p["id"] for p in found] == [new["id"]] and old != new["id"]


async def test_a_subscription_begins_with_an_open_invoice(http: httpx.AsyncClient) -> None:
    """The period sits on the item and the invoice points back through its parent."""
    once_only = {"currency": "usd", "unit_amount": 50000, "product_data[name]": "Setup"}
    setup = (await made(http, "prices", **once_only))["id"]
    subscription = await subscribed(
        http, **{"items[0][quantity]": 3, "add_invoice_items[0][price]": setup,
                 "metadata[order]": "SO-1", "expand[]": "latest_invoice"},
    )  # fmt: skip

    (item,) = subscription["items"]["data"]
    assert subscription["status"] == "active" and "current_period_end" not in subscription
    assert item["current_period_end"] == add_interval(int(NOW), "month", 1)
    invoice = subscription["latest_invoice"]
    assert (invoice["status"], invoice["total"]) == ("open", 3 * 9900 + 50000)
    assert invoice["due_date"] == int(NOW) + 30 * 86400
    details = invoice["parent"]["subscription_details"]
    assert (details["subscription"], details["metadata"]) == (
        subscription["id"], {"order": "SO-1"},
    )  # fmt: skip
    recurring, once = invoice["lines"]["data"]
    assert recurring["parent"]["type"] == "subscription_item_details"
    assert once["parent"]["type"] == "invoice_item_details"
    assert once["pricing"]["price_details"]["price"] == setup
    state = (await http.get("/_sim/state")).json()
    assert [row["id"] for row in state["subscriptions"]] == [subscription["id"]]
    held = await listed(http, "invoices", subscription=subscription["id"])
    assert [row["id"] for row in held] == [invoice["id"]] and "subscription_key" not in held[0]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"days_until_due": ""}, (400, "parameter_missing", "days_until_due")),
        ({"collection_method": "charge_automatically"}, (400, None, "days_until_due")),
        ({"collection_method": "charge_automatically", "days_until_due": ""},
         (400, "resource_missing", None)),
        ({"automatic_tax[enabled]": "true"}, (400, "customer_tax_location_invalid", None)),
        ({"items[0][price]": "price_none"}, (400, "resource_missing", "items[0][price]")),
        ({"items[0][prcie]": "x"}, (400, "parameter_unknown", "items[0][prcie]")),
    ],
)  # fmt: skip
async def test_a_bad_subscription_is_refused_and_leaves_nothing(
    account: StripeSimulator, http: httpx.AsyncClient, form: Form, expected: tuple[int, Any, Any]
) -> None:
    """Collection, tax and prices are checked before anything is kept."""
    given = {"customer": await globex(http), "items[0][price]": await price(http), **SENT, **form}
    assert code_of(await post(http, "subscriptions", given)) == expected
    assert account.state()["subscriptions"] == [] == account.state()["invoices"]


async def test_a_card_on_file_pays_the_first_invoice(http: httpx.AsyncClient) -> None:
    """Charging automatically needs a payment method, and then settles at once."""
    form = {"collection_method": "charge_automatically", "days_until_due": "",
            "default_payment_method": "pm_card_visa", "expand[]": "latest_invoice"}  # fmt: skip
    subscription = await subscribed(http, **form)
    assert (subscription["status"], subscription["latest_invoice"]["status"]) == ("active", "paid")


async def test_an_amendment_is_prorated(http: httpx.AsyncClient) -> None:
    """A higher quantity credits the old and debits the new for what is left of the period."""
    subscription = await subscribed(http)
    item = subscription["items"]["data"][0]["id"]
    form = {"items[0][id]": item, "items[0][quantity]": 2, "proration_behavior": "always_invoice",
            "expand[]": "latest_invoice"}  # fmt: skip
    changed = await made(http, f"subscriptions/{subscription['id']}", **form)
    assert changed["items"]["data"][0]["quantity"] == 2
    lines = changed["latest_invoice"]["lines"]["data"]
    assert [line["amount"] for line in lines] == [-9900, 19800]
    assert changed["latest_invoice"]["billing_reason"] == "subscription_update"


async def test_a_canceled_subscription_is_listed_only_when_asked_for(
    http: httpx.AsyncClient,
) -> None:
    """Canceling twice is 404, as the vendor has it."""
    subscription = await subscribed(http)
    url = f"/v1/subscriptions/{subscription['id']}"
    assert (await http.delete(url)).json()["status"] == "canceled"
    assert code_of(await http.delete(url)) == (404, "resource_missing", "id")
    customer = subscription["customer"]
    assert await listed(http, "subscriptions", customer=customer) == []
    every = await listed(
        http, "subscriptions", customer=customer, status="all", **{"created[gte]": int(NOW)}
    )
    assert [row["id"] for row in every] == [subscription["id"]]


async def ramp(http: httpx.AsyncClient, **form: Any) -> httpx.Response:
    given = {
        "customer": await globex(http), "start_date": "now", "end_behavior": "release",
        "default_settings[collection_method]": "send_invoice",
        "default_settings[invoice_settings][days_until_due]": 30,
        "phases[0][items][0][price]": await price(http), "phases[0][metadata][year]": "1",
        "phases[0][duration][interval]": "year", "phases[0][duration][interval_count]": 1,
        "phases[1][items][0][price]": await price(http, 12000),
        "phases[1][duration][interval]": "year", **form,
    }  # fmt: skip
    return await post(http, "subscription_schedules", given)


async def test_a_schedule_that_starts_now_makes_its_subscription(http: httpx.AsyncClient) -> None:
    """The first phase runs as a subscription with the phase's metadata; release lets it go."""
    schedule = (await ramp(http)).json()
    assert schedule["status"] == "active"
    first, second = schedule["phases"]
    assert first["end_date"] == second["start_date"] == add_interval(int(NOW), "year", 1)
    url = f"subscriptions/{schedule['subscription']}"
    subscription = (await http.get(f"/v1/{url}")).json()
    assert (subscription["metadata"], subscription["schedule"]) == ({"year": "1"}, schedule["id"])
    released = await made(http, f"subscription_schedules/{schedule['id']}/release")
    assert released["released_subscription"] == subscription["id"]
    again = await post(http, f"subscription_schedules/{schedule['id']}/release", {})
    assert again.status_code == 400
    linked = await made(http, "subscription_schedules", from_subscription=subscription["id"])
    assert linked["subscription"] == subscription["id"]


async def test_a_schedule_in_the_future_waits(http: httpx.AsyncClient) -> None:
    """Nothing is billed before the start."""
    schedule = (await ramp(http, start_date=int(NOW) + 86400)).json()
    assert (schedule["status"], schedule["subscription"]) == ("not_started", None)
    cancel = await made(http, f"subscription_schedules/{schedule['id']}/cancel")
    assert cancel["status"] == "canceled"


async def test_iterations_are_gone(http: httpx.AsyncClient) -> None:
    """Phases have a duration; the old parameter is unknown."""
    answer = await ramp(http, **{"phases[0][iterations]": 12})
    assert code_of(answer) == (400, "parameter_unknown", "phases[0][iterations]")


async def test_an_invoice_goes_from_draft_to_paid(http: httpx.AsyncClient) -> None:
    """Pending items join when asked, finalize numbers it, and void is too late once paid."""
    customer = await globex(http)
    item = {"customer": customer, "amount": 700, "currency": "usd", "description": "Setup"}
    await made(http, "invoiceitems", **item)
    draft = await made(http, "invoices", customer=customer, currency="usd",
                       pending_invoice_items_behavior="include")  # fmt: skip
    assert (draft["status"], draft["total"]) == ("draft", 700)
    final = await made(http, f"invoices/{draft['id']}/finalize")
    assert final["status"] == "open" and final["number"].endswith("-0001")
    assert (await made(http, f"invoices/{draft['id']}/pay"))["amount_paid"] == 700
    assert (await post(http, f"invoices/{draft['id']}/void", {})).status_code == 400


async def test_a_preview_keeps_nothing(account: StripeSimulator, http: httpx.AsyncClient) -> None:
    """The amount is known before anything exists."""
    form = {"customer": await globex(http),
            "subscription_details[items][0][price]": await price(http),
            "subscription_details[items][0][quantity]": 2}  # fmt: skip
    preview = await made(http, "invoices/create_preview", **form)
    assert preview["total"] == 19800
    assert account.state()["invoices"] == []


async def test_search_lags_and_lists_do_not(
    account: StripeSimulator, http: httpx.AsyncClient
) -> None:
    """What was just made is found by list only; a minute later search knows it too."""
    customer = await globex(http, **{"metadata[crm]": "001A"})
    query = {"query": "metadata['crm']:'001A'"}
    assert await listed(http, "customers/search", **query) == []
    await http.post("/_sim/advance", json={"seconds": 61})
    assert [c["id"] for c in await listed(http, "customers/search", **query)] == [customer]


async def test_a_key_replays_its_first_answer_for_a_day(
    account: StripeSimulator, http: httpx.AsyncClient
) -> None:
    """The same key never makes a second customer, until it is pruned after 24 hours."""
    first = await post(http, "customers", {"name": "Globex"}, "k1")
    again = await post(http, "customers", {"name": "Globex"}, "k1")
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    other = await post(http, "customers", {"name": "Initech"}, "k1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    await http.post("/_sim/advance", json={"seconds": 24 * 3600})
    late = await post(http, "customers", {"name": "Globex"}, "k1")
    assert late.json()["id"] != first.json()["id"]
    assert len(account.state()["customers"]) == 2


async def test_a_refused_validation_frees_its_key(http: httpx.AsyncClient) -> None:
    """Nothing began, so the same key may carry corrected parameters."""
    assert (await post(http, "products", {"nmae": "GTX"}, "k1")).status_code == 400
    assert (await post(http, "products", {"name": "GTX"}, "k1")).status_code == 200


@pytest.mark.parametrize(
    "fault", [{"kind": "lost_response"}, {"kind": "error_after", "status": 503}]
)
async def test_a_lost_answer_is_replayed(
    account: StripeSimulator, http: httpx.AsyncClient, fault: Form
) -> None:
    """The request was carried out; sending it again tells what it did."""
    account.faults.arm(**fault)
    lost = await post(http, "customers", {"name": "Globex"}, "k1")
    again = await post(http, "customers", {"name": "Globex"}, "k1")
    assert lost.content != again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [c["id"] for c in account.state()["customers"]] == [again.json()["id"]]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "reject", "code": "card_declined"}, 402),
        ({"kind": "error_before", "status": 500, "code": "api_error"}, 500),
    ],
)
async def test_a_failure_during_execution_is_remembered(
    account: StripeSimulator, http: httpx.AsyncClient, fault: Form, status: int
) -> None:
    """A declined card or a failed execution is the key's answer from then on."""
    account.faults.arm(**fault)
    first = await post(http, "customers", {"name": "Globex"}, "k1")
    again = await post(http, "customers", {"name": "Globex"}, "k1")
    assert (first.status_code, again.status_code) == (status, status)
    assert again.content == first.content and again.headers["Idempotent-Replayed"] == "true"
    assert (await post(http, "customers", {"name": "Globex"}, "k2")).status_code == 200


async def test_throttled_requests_are_not_remembered(
    account: StripeSimulator, http: httpx.AsyncClient
) -> None:
    """A 429 says which limiter it was; the same key then goes through."""
    account.faults.arm(kind="throttle", retry_after=2)
    throttled = await post(http, "customers", {"name": "Globex"}, "k1")
    assert code_of(throttled)[:2] == (429, "rate_limit")
    assert throttled.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert (await post(http, "customers", {"name": "Globex"}, "k1")).status_code == 200


async def test_a_key_in_use_is_409() -> None:
    """Two requests at once with one key: one runs, the other is told to wait."""
    account = StripeSimulator(execution_seconds=0.02)
    transport = httpx.ASGITransport(app=account.app())
    headers = {"Authorization": "Bearer sk_test_tieline"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://s", headers=headers
    ) as client:
        answers = await asyncio.gather(
            *(post(client, "customers", {"name": "Globex"}, "k1") for _ in range(2))
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert code_of(refused)[1] == "idempotency_key_in_use"


async def test_events_echo_the_callers_key(
    account: StripeSimulator, http: httpx.AsyncClient
) -> None:
    """An event tells which request caused it and shows the object as it was then."""
    customer = (await post(http, "customers", {"name": "Globex"}, "k1")).json()
    await made(http, f"customers/{customer['id']}", name="Globex Inc")
    created, updated = account.events
    assert (created["type"], created["request"]["idempotency_key"]) == ("customer.created", "k1")
    assert created["data"]["object"]["name"] == "Globex"
    assert updated["data"]["previous_attributes"]["name"] == "Globex"
    newest = await listed(http, "events", **{"types[]": "customer.updated"})
    assert [event["id"] for event in newest] == [updated["id"]]


async def test_the_official_sdk_works_against_the_account() -> None:
    """stripe-python creates, lists, pages, searches and maps errors."""
    account = StripeSimulator(search_lag_seconds=0)

    def work(url: str) -> None:
        client = stripe.StripeClient(
            "sk_test_tieline", base_addresses={"api": url}, max_network_retries=0
        )
        v1 = client.v1
        customer = v1.customers.create({"name": "Globex", "metadata": {"crm": "1"}})
        v1.products.create({"id": "gtx", "name": "GTX"})
        price = v1.prices.create({
            "product": "gtx", "currency": "usd", "unit_amount": 9900, "lookup_key": "gtx-m",
            "recurring": {"interval": "month"},
        })  # fmt: skip
        assert v1.prices.list({"lookup_keys": ["gtx-m"]}).data[0].id == price.id
        subscription = v1.subscriptions.create(
            {"customer": customer.id, "items": [{"price": price.id, "quantity": 2}],
             "collection_method": "send_invoice", "days_until_due": 30,
             "expand": ["latest_invoice"]},
            {"idempotency_key": "order-1"},
        )  # fmt: skip
        assert subscription["items"].data[0].current_period_end > subscription.created
        invoice = subscription.latest_invoice
        assert isinstance(invoice, stripe.Invoice) and invoice.total == 19800
        for number in range(5):
            v1.customers.create({"name": f"Customer {number}"})
        pages = v1.customers.list({"limit": 2})
        assert sum(1 for _ in pages.auto_paging_iter()) == 6
        found = v1.customers.search({"query": "metadata['crm']:'1'"})
        assert [c.id for c in found.data] == [customer.id]
        assert v1.subscriptions.cancel(subscription.id).status == "canceled"
        with pytest.raises(stripe.InvalidRequestError) as missing:
            v1.subscriptions.retrieve("sub_none")
        assert missing.value.code == "resource_missing"
        account.faults.arm(kind="reject", code="card_declined")
        with pytest.raises(stripe.CardError):
            v1.customers.create({"name": "Globex"})
        with pytest.raises(stripe.IdempotencyError):
            v1.customers.create({"name": "Else"}, {"idempotency_key": "order-1"})
        account.faults.arm(kind="throttle")
        with pytest.raises(stripe.RateLimitError):
            v1.customers.list()
        with pytest.raises(stripe.AuthenticationError):
            stripe.StripeClient("sk_test_x", base_addresses={"api": url}).v1.customers.list()

    async with serving({"stripe": account}) as urls:
        await asyncio.to_thread(work, urls["stripe"])
