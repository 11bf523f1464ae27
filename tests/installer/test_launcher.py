"""The launcher of the npm packages, with a program of its own."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Reports what it gets.
PROGRAM = """#!/bin/sh
case $1 in
    echo) shift; cat; printf '%s,' "$@"; exit 7 ;;
    die) kill -"$2" $$ ;;
    wait)
        trap 'echo got INT >&3' INT
        trap 'echo got USR1 >&3' USR1
        trap 'echo got USR2 >&3' USR2
        trap 'echo got TERM >&3; exit 40' TERM
        echo ready >&3
        while :; do sleep 0.05; done
        ;;
esac
"""


class Launcher(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.launcher = self.root / "node_modules/keymint/keymint.js"
        self.launcher.parent.mkdir(parents=True)
        shutil.copy(ROOT / "packaging/npm/keymint.js", self.launcher)
        platform = subprocess.check_output(["node", "-p", "process.platform + '-' + process.arch"], text=True).strip()
        self.package = self.root / f"node_modules/@keymint/{platform}"
        self.package.mkdir(parents=True)
        (self.package / "keymint").write_text(PROGRAM)
        (self.package / "keymint").chmod(0o755)

    def run_launcher(self, *args, **more):
        return subprocess.run(["node", self.launcher, *args], capture_output=True, timeout=60, **more)

    def start(self, **more):
        """Starts the launcher with a program that waits, and returns it with the pipe of its reports."""
        ours, its = os.pipe()
        self.addCleanup(os.close, ours)
        # Node closes other descriptors than the standard ones for its children, so that the program opens it by its path.
        script = (self.package / "keymint").read_text().replace("case", f"exec 3>/proc/{os.getpid()}/fd/{its}\ncase", 1)
        (self.package / "keymint").write_text(script)
        run = subprocess.Popen(
            ["node", self.launcher, "wait"],
            preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (1, 2, 3, 15)],
            start_new_session=True,
            **more,
        )
        self.addCleanup(self.end, run)
        reports = os.fdopen(os.dup(ours))
        self.addCleanup(reports.close)
        self.addCleanup(os.close, its)
        self.assertEqual(reports.readline(), "ready\n")
        return run, reports

    def end(self, run):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()

    def test_passes_arguments_input_output_and_the_exit_code(self):
        run = self.run_launcher("echo", "a b", "", "--c", input=b"input ")
        self.assertEqual((run.returncode, run.stdout), (7, b"input a b,,--c,"))

    def test_ends_by_the_signal_of_the_program(self):
        self.assertEqual(self.run_launcher("die", "KILL").returncode, -signal.SIGKILL)

    def test_fails_by_a_signal_of_the_program_that_node_does_not_end_by(self):
        for name, number in {"PIPE": signal.SIGPIPE, "XFSZ": signal.SIGXFSZ, "USR1": signal.SIGUSR1}.items():
            self.assertEqual(self.run_launcher("die", name).returncode, 128 + number, name)

    def test_names_the_missing_package(self):
        shutil.rmtree(self.package)
        run = self.run_launcher("demo")
        self.assertEqual((run.returncode, run.stdout), (1, b""))
        self.assertIn(f"@keymint/{self.package.name} is not installed", run.stderr.decode())
        self.assertIn("--omit=optional", run.stderr.decode())

    def test_a_program_that_does_not_start(self):
        (self.package / "keymint").chmod(0o644)
        run = self.run_launcher("demo")
        self.assertEqual(run.returncode, 1)
        self.assertIn("the program does not start", run.stderr.decode())

    def test_a_signal_to_the_launcher_alone_reaches_the_program(self):
        streams = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
        run, reports = self.start(**streams)
        for name in ("INT", "USR1", "USR2", "TERM"):
            run.send_signal(signal.Signals[f"SIG{name}"])
            self.assertEqual(reports.readline(), f"got {name}\n")
        self.assertEqual(run.wait(60), 40)

    def test_ctrl_c_on_a_terminal_reaches_the_program_once(self):
        terminal, its = pty.openpty()
        self.addCleanup(os.close, terminal)
        run, reports = self.start(stdin=its, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(its)
        os.killpg(run.pid, signal.SIGINT)
        self.assertEqual(reports.readline(), "got INT\n")
        # The launcher handles its signals in order: after this one, the first one was handled.
        run.send_signal(signal.SIGTERM)
        self.assertEqual(reports.readline(), "got TERM\n")
        self.assertEqual(run.wait(60), 40)


if __name__ == "__main__":
    unittest.main()
