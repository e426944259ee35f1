"""Where jobs are done: in this process, in several of this machine, or on many by ray.

Every engine takes the same jobs and gives the same outcomes, in any order.
"""

import importlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from forensics.benchmark.work import Bench, FactsOf, Job, Outcome, Plan
from forensics.errors import InvalidOption

ENGINES = ("local", "ray")
_AHEAD = 4
"""Jobs a worker that wait for it, so that a set of a million files is not queued at once."""
_DIED = "the process that worked on this file died (out of memory, or a crash in a library)"
Outcomes = list[Outcome | FactsOf]


def run_jobs(
    plan: Plan, jobs: Sequence[Job], *, engine: str = "local", workers: int = 1
) -> Iterator[Outcomes]:
    """Do all jobs and yield the outcomes of each as it is done.

    Args:
        plan: what the workers need to know.
        jobs: any number.
        engine: one of `ENGINES`.
        workers: processes, or with ray actors.

    Raises:
        InvalidOption: no such engine, or ray is not installed.
    """
    if engine not in ENGINES:
        raise InvalidOption(f"no engine is called {engine!r}; there are {', '.join(ENGINES)}")
    if engine == "ray":
        return _by_ray(plan, jobs, workers)
    if workers <= 1 or len(jobs) <= 1:
        bench = Bench(plan)
        return (bench.work(job) for job in jobs)
    return _by_processes(plan, jobs, workers)


def _by_processes(plan: Plan, jobs: Sequence[Job], workers: int) -> Iterator[Outcomes]:
    waiting = list(reversed(jobs))
    while waiting:
        lost: list[Job] = []
        with _pool(plan, min(workers, len(waiting))) as pool:
            yield from _drained(pool, waiting, lost, _AHEAD * workers)
        for job in lost:
            # One of them killed its process; alone, it can harm no other.
            with _pool(plan, 1) as pool:
                yield _alone(pool, job)


def _drained(
    pool: ProcessPoolExecutor, waiting: list[Job], lost: list[Job], ahead: int
) -> Iterator[Outcomes]:
    """Yield outcomes until all is done or the pool breaks; what was under way then is `lost`."""
    running: dict[Future[Outcomes], Job] = {}
    while waiting or running:
        try:
            while waiting and len(running) < ahead:
                running[pool.submit(_work, waiting[-1])] = waiting[-1]
                waiting.pop()
        except BrokenProcessPool:
            lost += running.values()
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            job = running.pop(future)
            try:
                outcomes = future.result()
            except BrokenProcessPool:
                lost += [job, *running.values()]
                return
            yield outcomes


def _alone(pool: ProcessPoolExecutor, job: Job) -> Outcomes:
    try:
        return pool.submit(_work, job).result()
    except BrokenProcessPool:
        return failed(job, _DIED)


def failed(job: Job, message: str) -> Outcomes:
    """The outcomes of a job of which nothing came back."""
    path = job.sample.path
    return [
        *(FactsOf(path, want.pixels, None) for want in job.wants if want.facts),
        *(
            Outcome(path, name, want.pixels, want.degradation, None, 0.0, message)
            for want in job.wants
            for name in want.names
        ),
    ]


_bench: list[Bench] = []


def _pool(plan: Plan, workers: int) -> ProcessPoolExecutor:
    # Forked children would inherit the locks of the parent's threads, and hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_start, initargs=(plan,))


def _start(plan: Plan) -> None:
    _one_thread()
    _bench[:] = [Bench(plan)]


def _work(job: Job) -> Outcomes:
    return _bench[0].work(job)


def _one_thread() -> None:
    """Workers share the cores: each takes one thread."""
    import cv2

    os.environ["FORENSICS_THREADS"] = "1"
    cv2.setNumThreads(1)


class _Actor:
    """A bench on some machine of a ray cluster."""

    def __init__(self, plan: Plan) -> None:
        _one_thread()
        self.bench = Bench(plan)

    def work(self, job: Job) -> Outcomes:
        return self.bench.work(job)


def _by_ray(plan: Plan, jobs: Sequence[Job], workers: int) -> Iterator[Outcomes]:
    """Use the cluster at `$RAY_ADDRESS`, else start one here; files lie at the same path on all."""
    try:
        ray: Any = importlib.import_module("ray")
        pools: Any = importlib.import_module("ray.util")
    except ImportError as error:
        raise InvalidOption(
            "the engine ray needs ray: pip install 'deepfake-forensics[ray]'"
        ) from error
    here: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers}
    try:
        ray.init(ignore_reinit_error=True, include_dashboard=False, log_to_driver=False, **here)
    except Exception as error:
        # Ray raises bare exceptions, for example where a busy machine starts its parts too late.
        raise InvalidOption(f"ray did not start: {error}; try again, or --engine local") from error
    actor = ray.remote(num_cpus=1)(_Actor)
    pool = pools.ActorPool([actor.remote(plan) for _ in range(max(1, workers))])
    try:
        yield from pool.map_unordered(lambda one, job: one.work.remote(job), jobs)
    finally:
        ray.shutdown()
