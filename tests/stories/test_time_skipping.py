"""Days and weeks of waiting, on a real server whose workflows have clocks of their own."""

from datetime import timedelta

from temporalio.testing import TimeSkipper

from tests.world import eventually, world


async def test_probe(tmp_path, client, server, credentials):
    skipper = TimeSkipper(client)
    async with world(tmp_path, client, credentials, temporal_address=server) as w:
        w.success.faults.arm(kind="outage", seconds=3600)
        deal = w.deal("Globex")
        await w.start(deal)
        await eventually(lambda: w.opportunity(deal)["Activation_Status__c"] == "Active")
        import time

        t = time.time()
        print(await skipper.fast_forward(w.process(deal), timedelta(days=3)), time.time() - t)
        print(await skipper.get_time_skipping_info(w.process(deal)))
        print(len(w.success.log))
        p = await w.progress(deal)
        print(p)
        w.success.faults.clear()
        t = time.time()
        print(await skipper.fast_forward(w.process(deal)), time.time() - t)
        print(await w.result(deal))
        h = await w.process(deal).fetch_history()
        for e in h.events:
            print(e.event_id, e.event_time.ToDatetime(), e.WhichOneof("attributes"))
        assert 0
