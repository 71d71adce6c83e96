"""Options and fixtures of every test: --slow, the research data sets, one Ray and one S3 server for the session.

Shapes in the signatures of `analysis` are checked while tests run, where beartype is installed.
"""

import importlib.util
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

if importlib.util.find_spec("beartype"):
    import tests.shapes  # noqa: F401 (the hook looks it up as an attribute of its package)

    install_import_hook("analysis", "tests.shapes.checked")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job, whose children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests that take more than ten seconds too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of research data sets: cifar10.npz, mnist.npz, imagenet/val, nets, svcca."""
    folder = Path(os.environ.get("VITRINE_DATA", ""))
    if not os.environ.get("VITRINE_DATA") or not folder.is_dir():
        pytest.skip("VITRINE_DATA names no folder with the research data sets")
    return folder


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One local Ray for the session, two CPUs: starting it takes ten seconds."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def bucket_url() -> Iterator[str]:
    """The address of an empty bucket; the server's own is in the environment, as on any machine that uses S3."""
    server_module = pytest.importorskip("moto.server")
    pytest.importorskip("obstore")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/vitrine", method="PUT")).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "reader")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "never-pickled")
        yield "s3://vitrine"
    server.stop()
