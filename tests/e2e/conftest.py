"""One suite, two targets: every story runs on the embedded and on a real control plane."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.contract import Api, Server, embedded_server
from tests.support.controlplane import ControlPlane, Unavailable, find_binaries, running_control_plane
from tests.support.helm import Helm, find_helm
from tests.support.operator import ClusterUnderTest, cluster_under_test, install_crds


def _missing(err: Unavailable) -> None:
    if os.environ.get("CI") == "true":
        raise err
    pytest.skip(f"not on this machine: {err}")


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A real control plane; skips with the reason where there is none, fails instead with CI=true."""
    try:
        with running_control_plane() as plane:
            yield plane
    except Unavailable as err:
        _missing(err)


@pytest.fixture(scope="session")
def binaries() -> Path | None:
    """Where kubectl is; None on a machine without one."""
    try:
        return find_binaries()
    except Unavailable:
        return None


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The real helm; skips with the reason where there is none, fails instead with CI=true."""
    try:
        return Helm(find_helm(), tmp_path_factory.mktemp("helm"))
    except Unavailable as err:
        _missing(err)
        raise


@pytest.fixture(scope="session")
def real_server(control_plane: ControlPlane) -> Server:
    """The real API server, with the operator's definitions."""
    server = Server(control_plane.url, control_plane.token, ca_file=str(control_plane.ca_file))
    install_crds(Api(server))
    return server


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """The embedded API server, with the operator's definitions."""
    with embedded_server() as server:
        install_crds(Api(server))
        yield server


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.controlplane)])
def cluster(request: pytest.FixtureRequest, binaries: Path | None) -> Iterator[ClusterUnderTest]:
    """A cluster with the definitions installed and a namespace for this test."""
    server: Server = request.getfixturevalue("embedded" if request.param == "embedded" else "real_server")
    with cluster_under_test(request.param, server, binaries) as under_test:
        yield under_test
