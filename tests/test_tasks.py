import asyncio

from proxy import tasks


async def test_a_task_is_kept_until_it_ends():
    go_on = asyncio.Event()
    done = []

    async def work():
        await go_on.wait()
        done.append(1)

    task = tasks.spawn(asyncio.get_running_loop(), work())
    assert task in tasks._running
    go_on.set()
    await task
    await asyncio.sleep(0)
    assert done == [1]
    assert task not in tasks._running


async def test_a_task_that_fails_is_logged(caplog):
    async def work():
        raise ValueError("why")

    task = tasks.spawn(asyncio.get_running_loop(), work())
    await asyncio.wait([task])
    await asyncio.sleep(0)
    record, = caplog.records
    assert record.message == "a task failed"
    assert record.exc_info[1].args == ("why",)


async def test_a_task_that_is_cancelled_is_no_failure(caplog):
    task = tasks.spawn(asyncio.get_running_loop(), asyncio.Event().wait())
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert caplog.records == []
    assert task not in tasks._running
