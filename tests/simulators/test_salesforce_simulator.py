"""The Salesforce simulator keeps the vendor's contract, for raw HTTP and for simple-salesforce."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import RSAKey
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.salesforce import SalesforceSimulator
from simulators.salesforce.ids import canonical_id
from simulators.sending import WebhookSender
from simulators.serve import serving

DATA = "/services/data/v67.0"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture
def org(key: RSAKey) -> SalesforceSimulator:
    app = {
        "secret": "s3cret",
        "public_key_pem": key.as_pem(private=False).decode(),
        "username": "integration@acme.test",
    }
    return SalesforceSimulator(connected_apps={"3MVG9": app}, clock=lambda: NOW)


@pytest.fixture
async def http(org: SalesforceSimulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {org.issue_token()}"}
    transport = httpx.ASGITransport(app=org.app())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://acme.my.salesforce.com", headers=headers
    ) as client:
        yield client


def deal(org: SalesforceSimulator, **fields: Any) -> str:
    """Globex buys support for a year."""
    account = org.add("Account", Name="Globex")
    given = {"Name": "Globex - Support", "StageName": "Prospecting", "CloseDate": "2026-11-30"}
    return org.add("Opportunity", **{**given, "AccountId": account, **fields})


async def soql(http: httpx.AsyncClient, query: str) -> dict[str, Any]:
    answer = await http.get(f"{DATA}/query", params={"q": query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refused(http: httpx.AsyncClient, query: str) -> tuple[int, str]:
    answer = await http.get(f"{DATA}/query", params={"q": query})
    return answer.status_code, answer.json()[0]["errorCode"]


def assertion(key: RSAKey, **claims: Any) -> dict[str, str]:
    given = {"iss": "3MVG9", "sub": "integration@acme.test", "exp": NOW + 180,
             "aud": "https://test.salesforce.com", **claims}  # fmt: skip
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return {"grant_type": grant, "assertion": jwt.encode({"alg": "RS256"}, given, key)}


def test_ids_carry_the_case_checksum_of_the_vendor() -> None:
    """The 15-character form and the 18-character form are the same id; a wrong suffix is none."""
    assert canonical_id("0015g000hWAWYfg") == "0015g000hWAWYfgAQH"
    assert canonical_id("0015g000hWAWYfgAQH") == "0015g000hWAWYfgAQH"
    assert canonical_id("0015g000hWAWYfgAAA") is None


async def test_a_signed_assertion_buys_a_token_that_opens_the_api(
    http: httpx.AsyncClient, key: RSAKey
) -> None:
    """The JWT bearer grant answers an opaque token and the host it was asked on."""
    answer = await http.post("/services/oauth2/token", data=assertion(key))
    assert answer.status_code == 200
    assert answer.json()["instance_url"] == "http://acme.my.salesforce.com"
    assert set(answer.json()) == {"access_token", "instance_url", "id", "token_type", "scope"}
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await http.get(f"{DATA}/limits", headers=bearer)).status_code == 200


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "someone"}, "invalid_client"),
        ({"sub": "mallory@acme.test"}, "invalid_grant"),
        ({"aud": "https://elsewhere.test"}, "invalid_grant"),
        ({"exp": NOW - 1}, "invalid_grant"),
    ],
)
async def test_an_assertion_with_a_wrong_claim_is_refused(
    http: httpx.AsyncClient, key: RSAKey, claims: dict[str, Any], error: str
) -> None:
    """Issuer, subject, audience and expiry are each checked."""
    answer = await http.post("/services/oauth2/token", data=assertion(key, **claims))
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_an_assertion_signed_by_another_key_is_refused(http: httpx.AsyncClient) -> None:
    """Only the registered public key is believed."""
    forged = assertion(RSAKey.generate_key(2048))
    answer = await http.post("/services/oauth2/token", data=forged)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_client_credentials_come_in_the_body_or_as_basic(http: httpx.AsyncClient) -> None:
    """Both forms buy a token; a wrong secret is invalid_client."""
    form = {"grant_type": "client_credentials"}
    in_body = {**form, "client_id": "3MVG9", "client_secret": "s3cret"}
    wrong = {**in_body, "client_secret": "guess"}
    url = "/services/oauth2/token"
    assert (await http.post(url, data=in_body)).status_code == 200
    assert (await http.post(url, data=form, auth=("3MVG9", "s3cret"))).status_code == 200
    assert (await http.post(url, data=wrong)).json()["error"] == "invalid_client"


async def test_expired_tokens_answer_invalid_session(http: httpx.AsyncClient) -> None:
    """The control route ends every session at once."""
    await http.post("/_sim/expire-tokens")
    answer = await http.get(f"{DATA}/limits")
    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


async def test_a_query_follows_parents_and_children(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """Dotted parents nest, missing parents are null, lines come as a sub-result, values typed."""
    top = org.add("Account", Name="Globex Holding")
    middle = org.add("Account", Name="Globex EMEA", ParentId=top)
    account = org.add("Account", Name="Globex O'Neil", ParentId=middle)
    opportunity = deal(org, AccountId=account, Amount=1200.0)
    product = org.add("Product2", Name="GTX", ProductCode="GTX-PRO")
    entry = org.add("PricebookEntry", Product2Id=product, UnitPrice=99.5)
    org.add("OpportunityLineItem", OpportunityId=opportunity, PricebookEntryId=entry,
            Product2Id=product, Quantity=2.0, UnitPrice=90.0)  # fmt: skip
    org.add("OpportunityLineItem", OpportunityId=opportunity, ProductCode="GTXPRO", Quantity=1.0)

    found = await soql(
        http,
        "SELECT Id, Amount, IsWon, Account.Name, Account.Parent.Parent.Name, Account.Parent.Id, "
        "(SELECT Quantity, Product2.ProductCode, PricebookEntry.UnitPrice FROM OpportunityLineItems"
        " ORDER BY Quantity DESC) FROM Opportunity WHERE Account.Name = 'Globex O\\'Neil'",
    )

    assert found["totalSize"] == 1 and found["done"] is True
    (row,) = found["records"]
    url = f"{DATA}/sobjects/Opportunity/{opportunity}"
    assert row["attributes"] == {"type": "Opportunity", "url": url}
    assert (row["Amount"], row["IsWon"]) == (1200.0, False)
    assert row["Account"]["Parent"]["Parent"]["Name"] == "Globex Holding"
    assert row["Account"]["Parent"]["Id"] == middle
    first, second = row["OpportunityLineItems"]["records"]
    assert (first["Product2"]["ProductCode"], first["PricebookEntry"]["UnitPrice"]) == (
        "GTX-PRO", 99.5,
    )  # fmt: skip
    assert second["Product2"] is None


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("Amount > 100 AND Amount <= 300", "bc"),
        ("(Amount = 100 OR Amount = 400) AND IsWon = true", "d"),
        ("Name IN ('A', 'c') AND Name != 'c'", "a"),
        ("NOT Name LIKE '%c%' AND Name NOT IN ('a')", "bde"),
        ("Amount = null", "e"),
        ("Amount != null AND Name LIKE '_'", "abcd"),
        ("CloseDate >= 2026-03-01", "cde"),
        ("SystemModstamp > 2026-01-01T00:00:00Z AND Amount < 200", "a"),
        ("SystemModstamp > 2026-12-31T00:00:00.000+00:00", ""),
        ("StageName = 'Closed Won'", "d"),
    ],
)
async def test_conditions_select_rows(
    org: SalesforceSimulator, http: httpx.AsyncClient, where: str, names: str
) -> None:
    """Comparisons, lists, patterns, null, dates and moments mean what SOQL says."""
    for number, name in enumerate("abcde", 1):
        amount = number * 100.0 if name != "e" else None
        stage = "Closed Won" if name == "d" else "Prospecting"
        deal(org, Name=name, Amount=amount, CloseDate=f"2026-0{number}-01", StageName=stage)
    found = await soql(http, f"SELECT Name FROM Opportunity WHERE {where} ORDER BY Name")
    assert "".join(row["Name"] for row in found["records"]) == names


async def test_order_limit_offset_and_count(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """Nulls come first unless asked last; COUNT() answers a number and no rows."""
    for amount in (3.0, None, 1.0, 2.0):
        deal(org, Amount=amount)
    query = "SELECT Amount FROM Opportunity ORDER BY Amount"
    rows = (await soql(http, query))["records"]
    assert [row["Amount"] for row in rows] == [None, 1.0, 2.0, 3.0]
    rows = (await soql(http, f"{query} DESC NULLS LAST LIMIT 2 OFFSET 1"))["records"]
    assert [row["Amount"] for row in rows] == [2.0, 1.0]
    counted = await soql(http, "select count() from Opportunity where Amount > 1")
    assert counted == {"totalSize": 2, "done": True, "records": []}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE Amount ! 3", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE Name = 'open", "MALFORMED_QUERY"),
        ("SELECT Nope__c FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Amount = '3'", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("SELECT Id FROM Opportunity WHERE Id = 'short'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
async def test_a_bad_query_is_refused(http: httpx.AsyncClient, query: str, code: str) -> None:
    """Each mistake has the vendor's own error code."""
    assert await refused(http, query) == (400, code)


async def test_pages_follow_the_servers_locator(key: RSAKey) -> None:
    """A long answer is cut into pages that each name the next."""
    org = SalesforceSimulator(query_page_size=2)
    ids = [deal(org) for _ in range(5)]
    bearer = {"Authorization": f"Bearer {org.issue_token()}"}
    transport = httpx.ASGITransport(app=org.app())
    async with httpx.AsyncClient(
        transport=transport, base_url="http://o", headers=bearer
    ) as client:
        page = await soql(client, "SELECT Id FROM Opportunity")
        seen = [row["Id"] for row in page["records"]]
        while not page["done"]:
            page = (await client.get(page["nextRecordsUrl"])).json()
            seen += [row["Id"] for row in page["records"]]
        gone = await client.get(f"{DATA}/query/01g000000000000AAA-2")
    assert seen == ids and page["totalSize"] == 5
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


async def test_an_upsert_creates_once_and_then_updates(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """201, then 200 on the same record, even when the key holds a slash and a space."""
    url = f"{DATA}/sobjects/Opportunity/Tieline_Key__c/acme%2F006%20x"
    body = {"Name": "Globex", "StageName": "Prospecting", "CloseDate": "2026-11-30"}
    first = await http.patch(url, json=body)
    again = await http.patch(url, json={"Amount": 5})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"] and again.json()["created"] is False
    assert org.record("Opportunity", first.json()["id"])["Tieline_Key__c"] == "acme/006 x"
    old = await http.patch(url.replace("67.0", "45.0"), json={"Amount": 6})
    assert (old.status_code, old.content) == (204, b"")


async def test_update_only_never_creates(http: httpx.AsyncClient) -> None:
    """An upsert told not to insert answers 404 for an unknown key."""
    url = f"{DATA}/sobjects/Opportunity/Tieline_Key__c/none?updateOnly=true"
    assert (await http.patch(url, json={"Amount": 1})).status_code == 404


async def test_a_key_that_matches_several_records_answers_300_and_writes_nothing(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """An external id that is not unique can be ambiguous, and then nobody is touched."""
    ids = [deal(org, ERP_Order_Id__c="SO-1", Amount=1.0) for _ in range(2)]
    url = f"{DATA}/sobjects/Opportunity/ERP_Order_Id__c/SO-1"
    answer = await http.patch(url, json={"Amount": 9})
    assert (answer.status_code, len(answer.json())) == (300, 2)
    assert [org.record("Opportunity", i)["Amount"] for i in ids] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Nope__c": 1}, "INVALID_FIELD"),
        ({"Id": "006000000000000AAA"}, "INVALID_FIELD"),
        ({"IsWon": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Amount": "a lot"}, "JSON_PARSER_ERROR"),
        ({"AccountId": "001000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"StageName": None}, "REQUIRED_FIELD_MISSING"),
        ({"PO_Number__c": "x" * 256}, "STRING_TOO_LONG"),
    ],
)
async def test_a_bad_body_is_refused_and_changes_nothing(
    org: SalesforceSimulator, http: httpx.AsyncClient, body: dict[str, Any], code: str
) -> None:
    """Field mistakes are 400 with their own codes."""
    opportunity = deal(org)
    before = org.record("Opportunity", opportunity)
    answer = await http.patch(f"{DATA}/sobjects/Opportunity/{opportunity}", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert org.record("Opportunity", opportunity) == before


async def test_a_record_is_read_changed_and_deleted_by_either_form_of_its_id(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """Every write bumps the stamps; a deleted record is 404 and only queryAll still shows it."""
    opportunity = deal(org)
    before = org.record("Opportunity", opportunity)["SystemModstamp"]
    url = f"{DATA}/sobjects/Opportunity/{opportunity[:15]}"
    assert (await http.patch(url, json={"StageName": "Closed Won"})).status_code == 204
    read = (await http.get(url, params={"fields": "IsWon,IsClosed,SystemModstamp"})).json()
    assert (read["IsWon"], read["IsClosed"], read["Id"]) == (True, True, opportunity)
    assert read["SystemModstamp"] > before
    assert (await http.delete(url)).status_code == 204
    assert (await http.get(url)).json()[0]["errorCode"] == "ENTITY_IS_DELETED"
    assert (await soql(http, "SELECT Id FROM Opportunity"))["totalSize"] == 0
    everything = await http.get(
        f"{DATA}/queryAll", params={"q": "SELECT Id, IsDeleted FROM Opportunity"}
    )
    assert everything.json()["records"][0]["IsDeleted"] is True


async def test_a_unique_external_id_cannot_be_taken_twice(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """The second holder of a unique key is a duplicate value."""
    deal(org, Tieline_Key__c="k-1")
    body = {"Tieline_Key__c": "K-1"}
    answer = await http.patch(f"{DATA}/sobjects/Opportunity/{deal(org)}", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "DUPLICATE_VALUE")


def create_account(reference: str, **body: Any) -> dict[str, Any]:
    url = f"{DATA}/sobjects/Account"
    return {"method": "POST", "url": url, "referenceId": reference, "body": body}


async def test_a_composite_passes_answers_on(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """A later subrequest may use the id an earlier one answered."""
    requests = [
        create_account("parent", Name="Holding"),
        create_account("child", Name="Globex", ParentId="@{parent.id}"),
    ]
    answer = await http.post(f"{DATA}/composite", json={"compositeRequest": requests})
    parent, child = answer.json()["compositeResponse"]
    assert (parent["httpStatusCode"], child["httpStatusCode"]) == (201, 201)
    assert org.record("Account", child["body"]["id"])["ParentId"] == parent["body"]["id"]


async def test_all_or_none_rolls_the_siblings_back(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """One failure inside a 200 undoes the rest and marks it PROCESSING_HALTED."""
    requests = [create_account("good", Name="Globex"), create_account("bad", Nope__c=1)]
    body = {"allOrNone": True, "compositeRequest": requests}
    answer = await http.post(f"{DATA}/composite", json=body)
    assert answer.status_code == 200
    good, bad = answer.json()["compositeResponse"]
    assert good["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert bad["body"][0]["errorCode"] == "INVALID_FIELD"
    assert org.state()["records"]["Account"] == []


@pytest.mark.parametrize(("all_or_none", "kept"), [(False, 1), (True, 0)])
async def test_a_collection_upsert_answers_row_by_row(
    org: SalesforceSimulator, http: httpx.AsyncClient, all_or_none: bool, kept: int
) -> None:
    """Good rows stay unless the call is all or none; results keep the order of the rows."""
    row = {"attributes": {"type": "Opportunity"}, "Name": "G", "CloseDate": "2026-11-30"}
    rows = [{**row, "Tieline_Key__c": "1", "StageName": "P"}, {**row, "Tieline_Key__c": "2"}]
    body = {"allOrNone": all_or_none, "records": rows}
    answer = await http.patch(f"{DATA}/composite/sobjects/Opportunity/Tieline_Key__c", json=body)
    assert [result["success"] for result in answer.json()] == [not all_or_none, False]
    assert answer.json()[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert len(org.state()["records"]["Opportunity"]) == kept


async def test_the_daily_allowance_is_counted_and_ends(http: httpx.AsyncClient) -> None:
    """Each answer says how much is used; after the last call the org refuses with 403."""
    answer = await http.get(f"{DATA}/limits")
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/15000"
    assert answer.json()["DailyApiRequests"] == {"Max": 15000, "Remaining": 14999}
    await http.post("/_sim/api-requests", json={"used": 15000})
    refusal = await http.get(f"{DATA}/limits")
    assert (refusal.status_code, refusal.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


async def test_a_business_refusal_has_the_armed_code(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """A fault of kind reject is told in the vendor's list of errors."""
    org.faults.arm(kind="reject", code="DUPLICATES_DETECTED")
    answer = await http.post(f"{DATA}/sobjects/Account", json={"Name": "Globex"})
    assert answer.status_code == 400
    assert answer.json()[0] == {
        "message": "Use one of these records?", "errorCode": "DUPLICATES_DETECTED", "fields": [],
    }  # fmt: skip


def test_winning_a_deal_twice_is_the_same_event(org: SalesforceSimulator) -> None:
    """The callout's id and body belong to the version of the deal; a later change makes another."""
    opportunity = deal(org)
    event = org.close_won(opportunity)
    changed = org.record("Opportunity", opportunity)["SystemModstamp"]
    assert event.id == f"sf:{opportunity}:{changed}"
    assert org.close_won(opportunity[:15]) == event
    org.store.update("Opportunity", opportunity, {"Amount": 7.0})
    assert org.close_won(opportunity).id != event.id


async def test_callouts_are_signed_and_survive_a_lost_connection() -> None:
    """The receiver can verify what is sent; a connection error is tried again."""
    received: list[Any] = []
    failures = iter([httpx.ConnectError("refused")])

    def receive(request: httpx.Request) -> httpx.Response:
        for failure in failures:
            raise failure
        received.append(Webhook(SECRET).verify(request.content, dict(request.headers)))
        return httpx.Response(202)

    org = SalesforceSimulator()
    ids = [deal(org) for _ in range(3)]
    client = httpx.AsyncClient(transport=httpx.MockTransport(receive))
    callouts = [org.close_won(each).message(SECRET) for each in ids]
    async with WebhookSender("http://in", pause_seconds=0, client=client) as sender:
        assert await sender.send(callouts) == [202, 202, 202]
    assert sorted(body["data"]["opportunity_id"] for body in received) == ids
    assert {body["type"] for body in received} == {"opportunity.closed_won"}
    assert received[0]["data"]["environment"] == "test"


async def test_the_close_route_sends_every_won_deal(tmp_path: Path) -> None:
    """`all_won` announces what is already won, over a real socket."""
    seen: list[str] = []

    async def receive(request: Request) -> Response:
        seen.append(request.headers["webhook-id"])
        return Response(status_code=202)

    org = SalesforceSimulator(callout_secret=SECRET)
    won = org.close_won(deal(org))
    deal(org)
    inbox = SalesforceSimulator()
    inbox.app = lambda: Starlette(routes=[Route("/in", receive, methods=["POST"])])  # type: ignore[method-assign]
    async with serving({"org": org, "inbox": inbox}) as urls, httpx.AsyncClient() as client:
        org.callout_url = f"{urls['inbox']}/in"
        answer = await client.post(f"{urls['org']}/_sim/close", json={"opportunity_ids": "all_won"})
    assert answer.json() == {"sent": 1, "accepted": 1, "statuses": [202]}
    assert seen == [won.id]


async def test_the_close_route_sends_with_the_mishaps_that_are_asked_for() -> None:
    """Duplicated and late, or lost; the statuses are those of the sendings."""
    seen: list[str] = []

    async def receive(request: Request) -> Response:
        seen.append(request.headers["webhook-id"])
        return Response(status_code=202)

    org = SalesforceSimulator(callout_secret=SECRET)
    ids = [deal(org) for _ in range(4)]
    inbox = SalesforceSimulator()
    inbox.app = lambda: Starlette(routes=[Route("/in", receive, methods=["POST"])])  # type: ignore[method-assign]
    async with serving({"org": org, "inbox": inbox}) as urls, httpx.AsyncClient() as client:
        org.callout_url = f"{urls['inbox']}/in"
        path = f"{urls['org']}/_sim/close"
        lost = await client.post(path, json={"opportunity_ids": ids, "mishaps": {"lose": 1.0}})
        twice = await client.post(
            path, json={"opportunity_ids": ids, "mishaps": {"duplicate": 1.0, "reorder": 0.5}}
        )
        unknown = await client.post(path, json={"mishaps": {"eat": 1.0}})
    assert lost.json() == {"sent": 0, "accepted": 0, "statuses": []}
    assert twice.json() == {"sent": 8, "accepted": 8, "statuses": [202] * 8}
    assert sorted(seen) == sorted(2 * [org.close_won(i).id for i in ids])
    assert unknown.status_code == 400


async def test_ids_are_compared_and_sorted_in_one_order(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """Two ids may differ by case alone, so paging by id asks for what is really behind it."""
    ids = sorted(deal(org) for _ in range(70))
    query = f"SELECT Id FROM Opportunity WHERE Id > '{ids[30]}' ORDER BY Id LIMIT 50"
    answer = await http.get(f"{DATA}/query", params={"q": query})
    assert [row["Id"] for row in answer.json()["records"]] == ids[31:]


async def test_the_official_style_client_works_against_the_org(tmp_path: Path) -> None:
    """simple-salesforce creates, upserts, pages through queries and maps the errors."""
    ca = trustme.CA()
    ca_file, cert_file, key_file = (tmp_path / name for name in ("ca.pem", "c.pem", "k.pem"))
    certificate = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(str(ca_file))
    certificate.cert_chain_pems[0].write_to_path(str(cert_file))
    certificate.private_key_pem.write_to_path(str(key_file))
    org = SalesforceSimulator(query_page_size=2)

    def work(url: str) -> None:
        client = Salesforce(session_id=org.issue_token(), instance_url=url, version="67.0")
        client.session.verify = str(ca_file)
        # A CA bundle named in the environment would win over this one.
        client.session.trust_env = False
        account = client.Account.create({"Name": "Globex"})["id"]
        body = {"Name": "G", "StageName": "P", "CloseDate": "2026-11-30", "AccountId": account}
        for number in range(5):
            assert client.Opportunity.upsert(f"Tieline_Key__c/k%2F{number}", body) == 201
        assert client.Opportunity.upsert("Tieline_Key__c/k%2F0", {"Amount": 10}) == 200
        assert client.Opportunity.get_by_custom_id("Tieline_Key__c", "k/0")["Amount"] == 10
        rows = client.query_all("SELECT Id, Account.Name FROM Opportunity")["records"]
        assert [row["Account"]["Name"] for row in rows] == ["Globex"] * 5
        assert client.Opportunity.update(rows[0]["Id"], {"Amount": 3}) == 204
        names = {f["name"] for f in client.Opportunity.describe()["fields"]}
        assert "Tieline_Key__c" in names
        assert client.Opportunity.delete(rows[0]["Id"]) == 204
        assert client.limits()["DailyApiRequests"]["Max"] == 15000
        with pytest.raises(SalesforceResourceNotFound):
            client.Opportunity.get(rows[0]["Id"])
        with pytest.raises(SalesforceMalformedRequest):
            client.query("SELECT Nope FROM Account")
        org.expire_tokens()
        with pytest.raises(SalesforceExpiredSession):
            client.query("SELECT Id FROM Account")

    tls = {"ssl_certfile": str(cert_file), "ssl_keyfile": str(key_file)}
    async with serving({"salesforce": org}, **tls) as urls:
        await asyncio.to_thread(work, urls["salesforce"])


def test_stamps_are_the_clocks_moment_and_never_repeat(org: SalesforceSimulator) -> None:
    """Two writes at the same instant still tell two versions apart."""
    first, second = deal(org), deal(org)
    stamps = [org.record("Opportunity", i)["SystemModstamp"] for i in (first, second)]
    assert stamps[0] < stamps[1]
    assert stamps[0].startswith(f"{datetime.fromtimestamp(NOW, UTC):%Y-%m-%dT%H:%M:%S}.")


async def test_a_long_text_holds_much_and_is_no_condition(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """Reasons of a renewal may be long, and no query filters by them; a short text is short."""
    deal = org.add("Opportunity", Name="Globex", StageName="Negotiation", CloseDate="2027-12-01")
    path, long = f"{DATA}/sobjects/Opportunity/{deal}", "INV-1 is late; " * 300

    kept = await http.patch(path, json={"Renewal_Reasons__c": long})
    refused = await http.patch(path, json={"Renewal_Readiness__c": long})
    soql = "SELECT Id FROM Opportunity WHERE Renewal_Reasons__c = 'late'"
    filtered = await http.get(f"{DATA}/query", params={"q": soql})

    assert kept.status_code == 204
    assert refused.json()[0]["errorCode"] == "STRING_TOO_LONG"
    assert filtered.json()[0]["errorCode"] == "INVALID_FIELD"


async def test_a_deal_has_a_record_type_and_names_the_one_it_renews(
    org: SalesforceSimulator, http: httpx.AsyncClient
) -> None:
    """Both can be asked for and filtered by; what is not there cannot be named."""
    kind = org.add("RecordType", Name="Renewal", DeveloperName="Renewal_Deal")
    first = org.add("Opportunity", Name="Globex", StageName="Closed Won", CloseDate="2026-12-01")
    org.add(
        "Opportunity", Name="Globex again", StageName="Negotiation", CloseDate="2027-12-01",
        Renews_Opportunity__c=first, RecordTypeId=kind,
    )  # fmt: skip
    soql = (
        "SELECT Name, Renews_Opportunity__r.Name FROM Opportunity "
        f"WHERE RecordType.DeveloperName = 'Renewal_Deal' AND Renews_Opportunity__c = '{first}'"
    )

    (found,) = (await http.get(f"{DATA}/query", params={"q": soql})).json()["records"]
    unknown = await http.patch(
        f"{DATA}/sobjects/Opportunity/{first}", json={"Renews_Opportunity__c": "006000000000000AAA"}
    )

    assert found["Renews_Opportunity__r"]["Name"] == "Globex"
    assert unknown.json()[0]["errorCode"] == "INVALID_CROSS_REFERENCE_KEY"
