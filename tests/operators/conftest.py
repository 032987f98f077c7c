"""Fixtures of the operators' tier: the programs (a skip that says how to get what is missing), and the workload played once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .programs import find_collector, find_prometheus
from .workload import play

if TYPE_CHECKING:
    from .workload import Truth

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Another tier does not even import these modules: they need packages that only this one installs."""
    return True if "not operators" in config.getoption("markexpr") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is the operators'."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.operators)


@pytest.fixture(scope="session")
def collector_binary() -> Path:
    """The collector of `collector-config/builder-config.yaml`."""
    return find_collector()


@pytest.fixture(scope="session")
def prometheus_2() -> Path:
    """The folder of Prometheus 2.42 or newer and its promtool."""
    return find_prometheus("2")


@pytest.fixture(scope="session")
def prometheus_3() -> Path:
    """The folder of Prometheus 3 and its promtool: for tests that are `slow` as well, since it takes long to build."""
    return find_prometheus("3")


@pytest.fixture(scope="session", params=["2", pytest.param("3", marks=pytest.mark.slow)])
def prometheus_programs(request: pytest.FixtureRequest) -> Path:
    """Prometheus 2, and in the slow tier Prometheus 3 as well."""
    return find_prometheus(request.param)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """The workload, played once a session into the local store alone."""
    return play(tmp_path_factory.mktemp("played"))
