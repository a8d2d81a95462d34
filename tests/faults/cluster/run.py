"""A cluster of two nodes, and the faults that it must survive."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environment import Environment, to_variables
from tests.faults.cluster import network
from tests.faults.cluster.fast_node import LEASE_SECONDS
from tests.faults.cluster.servers import BROKERS, LOCAL, PostgreSQL
from tests.faults.cluster.songs import Songs
from tests.faults.kills import command_of, is_alive
from tests.hostile.side_effects import descendants
from tests.sources import ROOT

FILES_AT_ONCE, UPLOAD_SECONDS = 12, 0.4
PAUSE_SECONDS = 1.5 * LEASE_SECONDS
"""How long a process is paused, or its cable cut: longer than its lease."""
DELIVERIES = 5
SLOW = ("kill consumer", "kill consumer and workers", "kill maintenance", "kill node")
"""A killed node takes long to start again: most faults are others."""
_START_SECONDS, _DIE_SECONDS = 60.0, 30.0
_LEAST = {"node": 2, "consumer": 3, "worker": 3, "maintenance": 1}


@dataclass
class ClusterRun:
    """Two nodes in front of servers of their own. Where it can be, the second is behind a cable that can be cut."""

    folder: Path
    broker_kind: str = "amqp"
    seed: int = 0
    show: Callable[[str], None] = print
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds from the end of a fault to that of the last song, at most, by fault."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._started = time.monotonic()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        with ExitStack() as stack:
            self.cable = network.Cable() if network.is_possible() else None
            if self.cable is not None:
                stack.callback(self.cable.close)
            address = self.cable.address if self.cable else LOCAL
            self.postgresql = PostgreSQL(self.folder, address)
            stack.callback(self.postgresql.close)
            self.broker = BROKERS[self.broker_kind](self.folder, address)
            stack.callback(self.broker.close)
            self.environment = self._environment(LOCAL)
            self.songs = Songs(self.environment, self.folder / "music")
            stack.callback(self.songs.close)
            commands = [[], self.cable.enter] if self.cable else [[], []]
            self.nodes = [self._node(enter, where) for enter, where in zip(commands, (LOCAL, address), strict=True)]
            for node in self.nodes:
                node.start()
                stack.callback(node.end)
            self.wait_for_workers()
            self._stack = stack.pop_all()

    def _environment(self, address: str) -> Environment:
        return Environment(
            home=self.folder / "home",
            database_url=self.postgresql.url(address),
            broker_url=self.broker.url(address),
            quorum_queues=False,  # the RabbitMQ of Debian 12 may not start one again after a kill
            worker_port=0,
            workers=1,
        )

    def _node(self, enter: list[str], address: str) -> Node:
        return Node(enter, self._environment(address), self.folder / f"node-{address}.log")

    def close(self) -> None:
        self._stack.close()

    def wait_for_workers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_complete():
            if time.monotonic() > deadline:
                raise TimeoutError("a node does not start")
            time.sleep(0.1)

    def _is_complete(self) -> bool:
        """Whether each node runs, and each kind of process at least once: the others may be starting again."""
        found = [node.processes() for node in self.nodes]
        return all(sum(len(one[role]) for one in found) >= count for role, count in _LEAST.items())

    def kinds(self) -> dict[str, Callable[[], None]]:
        faults: dict[str, Callable[[], None]] = {
            "kill worker": lambda: self.kill("worker"),
            "kill consumer": lambda: self.kill("consumer"),
            "kill consumer and workers": lambda: self.kill("consumer", "worker"),
            "kill maintenance": lambda: self.kill("maintenance"),
            "kill node": lambda: self.kill("node", "consumer", "worker", "maintenance"),
            "pause worker": lambda: self.pause("worker"),
            "pause consumer": lambda: self.pause("consumer"),
            "deliver five times": self.deliver_again,
            "restart database": lambda: self.postgresql.restart(self.rng.uniform(0.0, LEASE_SECONDS)),
            "restart broker": self.restart_broker,
            "upload without broker": self.upload_without_broker,
            "delete during analysis": self.delete,
        }
        if self.cable is not None:
            faults["cut cable"] = lambda: self.cut_cable()
        return faults

    def disturb(self, count: int, at_once: int = 1) -> None:
        """So many faults, some of which meet the same songs."""
        kinds = self.kinds()
        often = [*kinds, *(kind for kind in kinds if kind not in SLOW)]
        names = [often[number % len(often)] for number in range(count)]
        self.rng.shuffle(names)
        for first in range(0, count, at_once):
            self.disturb_once(names[first : first + at_once])
            self.show(
                f"{time.monotonic() - self._started:.0f} s: {self.faults.total()} faults, {len(self.songs.uploaded)} "
                f"uploads, {len(self.songs.lost_tries)} lost three workers, {len(self.problems)} problems"
            )

    def disturb_once(self, names: Sequence[str]) -> None:
        """Give the nodes work, disturb them while they do it, and check what became of it."""
        self.wait_for_workers()
        kinds = self.kinds()
        with self.working(), ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self._one_of_kind(name, kinds[name]), names))
        ended, about = time.monotonic(), ", ".join(names)
        if not self.songs.wait():
            self.problems.append(f"{about}: songs have not ended: {Counter(self.songs.states().values())}")
        self.slowest[names[-1]] = max(self.slowest.get(names[-1], 0.0), time.monotonic() - ended)
        found = [f"{about}: {problem}" for problem in self.songs.problems()]
        for problem in found:
            self.show(f"  PROBLEM {problem}")
        self.problems += found

    def _one_of_kind(self, name: str, fault: Callable[[], None]) -> None:
        time.sleep(self.rng.uniform(0.0, self.rng.choice((0.1, 1.0, 3.0))))
        server = next((word for word in ("broker", "database", "cable") if word in name), name)
        with self._locks[server]:  # a server is not started twice at the same time
            fault()
        self.faults[name] += 1

    @contextmanager
    def working(self) -> Iterator[None]:
        """Upload some songs, two of them with the same bytes, and scan some new files, beside the block."""

        ended = threading.Event()

        def upload() -> None:
            while True:
                content = self.songs.content() if self.rng.random() < 0.4 else None
                for _ in range(2 if content else 1):
                    self.songs.upload(self.rng.choice(("song", "slow")), content=content)
                if ended.wait(UPLOAD_SECONDS):
                    return

        self.songs.add_files(FILES_AT_ONCE)
        self.songs.scan()
        thread = threading.Thread(target=upload)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _choose(self, role: str) -> tuple[Node, dict[str, list[int]]]:
        """One of the nodes that have such a process, and all of its processes."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            found = [(node, pids) for node in self.nodes if (pids := node.processes())[role]]
            if found:
                return self.rng.choice(found)
            time.sleep(0.1)
        raise TimeoutError(f"no node has a {role}")

    def kill(self, *roles: str) -> None:
        node, found = self._choose(roles[0])
        pids = [pid for role in roles for pid in found[role]]
        if len(roles) == 1 and pids:  # one of them
            pids = [self.rng.choice(pids)]
        # The workers of a dead consumer must not outlive it for longer than their song.
        children = [child for pid in pids for child in descendants(pid)] if roles == ("consumer",) else []
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if "node" in roles:
            node.start()
        deadline = time.monotonic() + _DIE_SECONDS
        while (alive := [pid for pid in children if is_alive(pid)]) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.problems += [f"outlived its parent: {command_of(pid)[-80:]}" for pid in alive]
        for pid in alive:
            os.kill(pid, signal.SIGKILL)

    def pause(self, role: str) -> None:
        pid = self.rng.choice(self._choose(role)[1][role])
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(PAUSE_SECONDS)
            finally:
                os.kill(pid, signal.SIGCONT)

    def deliver_again(self) -> None:
        for analysis_id in list(self.songs.uploaded)[-4:]:
            for _ in range(DELIVERIES - 1):
                self.songs.messages.notify_uploads([analysis_id])
        ids = self.songs.waiting_files()
        for _ in range(DELIVERIES - 1):
            self.songs.messages.notify_files(ids)

    def restart_broker(self) -> None:
        self.broker.kill()
        time.sleep(self.rng.uniform(0.0, LEASE_SECONDS))
        self.broker.start()

    def upload_without_broker(self) -> None:
        """An upload is accepted at once, and analysed when the broker is back."""
        self.broker.kill()
        started = time.monotonic()
        self.songs.upload("song")
        if (seconds := time.monotonic() - started) > 10.0:
            self.problems.append(f"an upload without a broker took {seconds:.1f} s")
        self.broker.start()

    def delete(self) -> None:
        analysis_id = self.songs.upload("slow")
        time.sleep(self.rng.uniform(0.0, 0.8))
        self.songs.delete(analysis_id)

    def cut_cable(self) -> None:
        assert self.cable is not None
        self.cable.cut(PAUSE_SECONDS)


class Node:
    """One `work` with its children, which are started again by it, as it is by a test that has killed it."""

    def __init__(self, enter: list[str], environment: Environment, log: Path) -> None:
        self._command = [*enter, sys.executable, "-m", "tests.faults.cluster.fast_node", "work"]
        self._variables = {**os.environ, **to_variables(environment)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.end()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._variables, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def processes(self) -> dict[str, list[int]]:
        """The pids by role. `ip netns exec` becomes its command."""
        assert self._process is not None
        found: dict[str, list[int]] = {"node": [self._process.pid], "consumer": [], "worker": [], "maintenance": []}
        for pid in descendants(self._process.pid):
            command = command_of(pid).split("fast_node", 1)
            if len(command) < 2 or not is_alive(pid):
                continue
            role = "maintenance" if not command[1].strip() else "consumer"
            if role == "consumer" and "fast_node" in command_of(_parent(pid)) and _parent(pid) != self._process.pid:
                role = "worker"
            found[role].append(pid)
        return found

    def end(self) -> None:
        if self._process is None:
            return
        pids = [*descendants(self._process.pid), self._process.pid]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


@contextmanager
def cluster(kind: str, **options: Any) -> Iterator[ClusterRun]:
    """A run in a temporary folder, which other users may enter: the servers run as such."""
    with tempfile.TemporaryDirectory(prefix="sori-cluster-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        run = ClusterRun(Path(folder), kind, **options)
        try:
            yield run
        finally:
            run.close()
