"""The first signal drains, the second interrupts, and the driver as a whole obeys while Ray runs."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cluster.stop import Stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        time.sleep(0.01)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stop() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            assert not stop.requested
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_no_handler_is_touched() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def other() -> None:
        with Stop() as stop:
            seen.append(signal.getsignal(signal.SIGTERM))
            stop.request()
            seen.append(stop.requested)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before, True]


DRIVER = """
import sys
from pathlib import Path
from cluster.resources import Resources
from cluster.scheduler import Stop, run_units
from tests.cluster.faults import Faulty

if __name__ == "__main__":
    with Stop() as stop:
        factory = Faulty(Path(sys.argv[1]), unit_s=0.4)
        done = run_units(factory, range(500), Resources(workers=2, device="cpu"), on_done=lambda *_: None, stop=stop)
    print("drained", done.drained, *sorted(done.done), flush=True)
    sys.exit(75)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_driver_drains_while_its_ray_runs(number: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    root = Path(__file__).parents[2]
    driver = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
        cwd=root,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.done"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        # A terminal sends Ctrl-C to the whole group, Ray's processes included; SIGTERM goes to the driver.
        (os.killpg if number == signal.SIGINT else os.kill)(driver.pid, number)
        printed, _ = driver.communicate(timeout=30)
    finally:
        driver.kill()
        driver.wait()
    done = sorted(int(path.stem) for path in tmp_path.glob("*.done"))
    begun = sorted(int(path.stem) for path in tmp_path.glob("*.begun"))
    assert driver.returncode == 75
    assert printed.split() == ["drained", "True", *map(str, done)]
    assert begun == done
    assert 3 <= len(done) < 500
