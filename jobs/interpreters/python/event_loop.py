# The event loop of `asyncio`: CPython's own base, with a selector that can only sleep.
#
# CPython's default loop wakes itself through a pair of sockets, which WASI lacks. Nothing outside can wake a job
# anyway: no threads, no sockets, no signals. So the loop sleeps until its next timer, and where none is left it says
# so, since it would wait for ever.

import asyncio
import asyncio.base_events
import asyncio.events
from time import sleep


class SleepingSelector:
    """Waits for time to pass, which is all there is to wait for."""

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("every task of the event loop waits for another: nothing is left that could wake one")
        if timeout > 0:
            sleep(timeout)
        return ()


class JobEventLoop(asyncio.base_events.BaseEventLoop):
    """Tasks, timers, queues and locks; no threads, no sockets, no processes."""

    def __init__(self):
        super().__init__()
        self._selector = SleepingSelector()

    def run_in_executor(self, executor, func, *args):
        raise RuntimeError("a job has one thread: run_in_executor and to_thread have none to run on")

    async def getaddrinfo(self, *args, **options):
        raise OSError("a job has no sockets")

    async def _make_subprocess_transport(self, *args, **options):
        raise OSError("a job has no processes")

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass


class JobEventLoopPolicy(asyncio.events._BaseDefaultEventLoopPolicy):
    _loop_factory = JobEventLoop


def install():
    """Makes it the loop of `asyncio.run` and of everything else that asks for one."""
    asyncio.EventLoop = asyncio.SelectorEventLoop = JobEventLoop
    asyncio.DefaultEventLoopPolicy = JobEventLoopPolicy
    asyncio.events._set_event_loop_policy(JobEventLoopPolicy())
