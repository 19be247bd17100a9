"""Every suite in the folder keeps the contract; and how a suite is found."""

from __future__ import annotations

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

import envs
from tests.conformance import UNBOUNDED, FrameTests, SuiteTests
from tests.traces import SMALL_PX

VARIANTS = {"piper_ee", "calvin_absolute", "calvin_pinned"}  # draw what the suite that they vary draws
every_suite = pytest.mark.parametrize("suite", envs.names())


@pytest.mark.simulator
@every_suite
class TestEverySuite(SuiteTests):
    pass


@pytest.mark.parametrize("suite", ["tests.line"])
class TestTheLine(SuiteTests, FrameTests):
    """The suite of the harness's tests keeps the contract too, and needs no simulator."""


@pytest.mark.simulator
@pytest.mark.gl
@pytest.mark.parametrize("suite", [name for name in envs.names() if name not in VARIANTS])
class TestFramesOfEverySuite(FrameTests):
    pass


@pytest.mark.simulator
@pytest.mark.gl
@pytest.mark.filterwarnings(UNBOUNDED)
@every_suite
def test_gymnasium_makes_it_by_name(suite: str) -> None:
    env = gymnasium.make(f"envs:headway/{suite}", image_size_px=SMALL_PX, render="fast")
    check_env(env.unwrapped)
    env.close()


def test_an_unknown_suite_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(LookupError, match="no suite named 'metawrld'; did you mean 'metaworld'"):
        envs.load("metawrld")


def test_what_suites_share_is_no_suite() -> None:
    assert not {"asset_files", "episodes", "gl", "rendering"} & set(envs.names())
