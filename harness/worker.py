"""An environment in its own process: one request, one reply, images through shared memory.

The worker does one thing at a time and knows nothing of policies, stores or other workers. Whatever goes wrong in the
environment becomes a `Failed` reply; the parent decides what that means. When the parent dies, the worker is killed.
"""

from __future__ import annotations

import ctypes
import math
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import envs
from harness.assets import Used, make_options
from policies.expert import Manner, Noise
from protocols.contracts import ActionError, Advanced, BrokenFileError, Episode, Event, FloatArray, ImageArray
from protocols.demonstrations import layout_of

if TYPE_CHECKING:
    from harness.driver import Driver
    from harness.recorder import Recorder

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Setup:
    """What a worker runs: the suite's environment with these cameras and asset files, and where its images go.

    With `record` K, it keeps every step of an episode as a demonstration, with images of every K-th step, see
    `harness.recorder`.
    """

    suite: str
    cameras: tuple[str, ...]
    image_size_px: int
    render: str
    shared_memory: str | None
    assets: Used | None
    record: int = 0


class Reset(NamedTuple):
    """Reach the start of the episode; answered by `Started`."""

    episode: Episode


class Advance(NamedTuple):
    """Execute (T, A) actions; answered by `Stepped`."""

    actions: FloatArray


class ActAsExpert(NamedTuple):
    """Let the suite's expert act for that many steps, in that manner; answered by `Stepped`."""

    steps: int
    manner: Manner = Manner()


class Ready(NamedTuple):
    """The environment is there; sent once, before any request."""


class Started(NamedTuple):
    """The start is reached. The observation's images lie in shared memory."""

    fingerprint: str
    state: FloatArray
    instruction: str
    renderer: str
    cpu_s: float


class Stepped(NamedTuple):
    """What t control steps did; `state` is None when the episode has ended."""

    progress: FloatArray  # (t,)
    actions: FloatArray  # (t, A), as executed
    events: tuple[Event, ...]
    success: bool
    failure: str
    ended: bool
    renders: int  # since the start of the episode
    state: FloatArray | None
    instruction: str
    cpu_s: float
    recording: bytes = b""  # the demonstration, of an ended episode where one is kept


class Failed(NamedTuple):
    """Why there is no other reply."""

    error: str
    trace: str
    policy_at_fault: bool
    broken_file: bool = False


Request = Reset | Advance | ActAsExpert
Reply = Ready | Started | Stepped | Failed


Shapes = dict[str, tuple[int, int, int]]  # (H, W, 3) by camera


def image_shapes(suite: str, cameras: tuple[str, ...], image_size_px: int) -> Shapes:
    """The shape of each camera's images."""
    sizes = envs.load(suite).spec(image_size_px).observation.cameras
    return {camera: (*sizes[camera], 3) for camera in cameras}


def image_views(memory: SharedMemory, shapes: Shapes) -> dict[str, ImageArray]:
    """(H, W, 3) views of the shared block, one camera after another."""
    starts = np.cumsum([0, *map(math.prod, shapes.values())])
    return {
        camera: np.ndarray(shape, np.uint8, memory.buf, int(start))
        for (camera, shape), start in zip(shapes.items(), starts, strict=False)
    }


class Server:
    """Answers requests with one environment."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.memory = SharedMemory(setup.shared_memory) if setup.shared_memory else None
        shapes = image_shapes(setup.suite, setup.cameras, setup.image_size_px)
        self.views = image_views(self.memory, shapes) if self.memory and not setup.record else {}
        suite = envs.load(setup.suite)
        self.action = suite.spec().action
        self.noise: Noise | None = None
        self.driver: Driver | None = None
        self.simulation: envs.SuiteEnv = suite.make(
            cameras=setup.cameras,
            image_size_px=setup.image_size_px,
            render=setup.render,
            **make_options(setup.assets),
        )
        self.env = self.simulation
        self.recorder: Recorder | None = None
        if setup.record:
            from harness.recorder import Recorder

            self.env = self.recorder = Recorder(self.simulation, layout_of(suite.spec().observation), setup.record)

    def answer(self, request: Request) -> Reply:
        """Do what is asked."""
        before = time.process_time()
        if isinstance(request, Reset):
            self.episode, self.noise = request.episode, None
            observation, info = self.env.reset(options={"episode": request.episode})
            self._share(observation)
            self.seen, self.steps = (observation["state"], observation["instruction"]), 0
            cpu_s = time.process_time() - before
            return Started(
                info["fingerprint"], observation["state"], observation["instruction"], info["renderer"], cpu_s
            )
        if isinstance(request, ActAsExpert):
            return self._act_as_expert(request, before)
        done = self.env.advance(request.actions)
        return self._stepped([done], request.actions[: len(done.progress)], before)

    def _act_as_expert(self, request: ActAsExpert, before: float) -> Stepped:
        self.simulation.steady = request.manner.steady
        if request.manner.disturbed and self.noise is None:
            self.noise = Noise(self.action, self.episode, request.manner, self._drive(request.manner.driver))
        actions: list[FloatArray] = []
        parts: list[Advanced] = []
        while len(parts) < request.steps and not (parts and parts[-1].observation is None):
            wanted = self.env.expert_action()
            actions.append(self.noise.disturbed(wanted) if self.noise else wanted)
            if self.recorder and self.noise:
                self.recorder.pushed = self.noise.pushed
            parts.append(self.env.advance(actions[-1][None]))
            if (seen := parts[-1].observation) is not None:
                self.seen, self.steps = (seen["state"], seen["instruction"]), self.steps + 1
        return self._stepped(parts, np.stack(actions), before)

    def _drive(self, checkpoint: str) -> Callable[[], FloatArray] | None:
        """What plans from where the episode is, where a learned policy drives."""
        if not checkpoint:
            return None
        if not self.setup.cameras:
            raise ValueError("a driver looks through cameras, and there are none: collect demonstrations with images")
        if self.driver is None:
            from harness.driver import Driver

            self.driver = Driver(checkpoint, envs.load(self.setup.suite).spec(self.setup.image_size_px))
        driver = self.driver
        return lambda: driver.plan(self.simulation, self.episode, *self.seen, self.steps)

    def _stepped(self, parts: list[Advanced], actions: FloatArray, before: float) -> Stepped:
        last = parts[-1]
        ended = last.terminated or last.truncated
        if last.observation is not None:
            self._share(last.observation)
        return Stepped(
            progress=np.concatenate([part.progress for part in parts]),
            actions=actions,
            events=tuple(event for part in parts for event in part.events),
            success=last.success,
            failure=last.failure,
            ended=ended,
            renders=self.env.renders,
            state=None if last.observation is None else last.observation["state"],
            instruction="" if last.observation is None else last.observation["instruction"],
            cpu_s=time.process_time() - before,
            recording=self.recorder.part if self.recorder else b"",
        )

    def _share(self, observation: dict[str, Any]) -> None:
        for camera, view in self.views.items():
            view[:] = observation["images"][camera]


def serve(connection: Connection, setup: Setup) -> None:
    """The worker process: answer until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # even a hung worker ends with its parent
    try:
        server = Server(setup)
        connection.send(Ready())
        while True:
            request = connection.recv()
            try:
                reply = server.answer(request)
            except Exception as error:  # noqa: BLE001, the parent decides what it means
                reply = failure(error)
            connection.send(reply)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except Exception as error:  # noqa: BLE001, it cannot even start; the parent says so
        connection.send(failure(error))


def failure(error: Exception) -> Failed:
    """An exception as a reply."""
    return Failed(
        f"{type(error).__name__}: {error}",
        traceback.format_exc(),
        isinstance(error, ActionError),
        isinstance(error, BrokenFileError),
    )
