"""The module, with the real program and its sandbox.

PROGRAM names the program, by default that of `cargo build`; with PROGRAM=installed it is that of the wheel.
"""

import copy
import errno
import os
import pickle
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = os.environ.get("PROGRAM") == "installed"
if not INSTALLED:
    sys.path.insert(0, str(ROOT / "python"))

import keymint_cli  # noqa: E402
from keymint_cli import Event, Key, KeymintError  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from browser import sign_in  # noqa: E402

PROGRAM = keymint_cli.find_program() if INSTALLED else Path(os.environ.get("PROGRAM", ROOT / "target/debug/keymint"))
BROWSER = shlex.join([sys.executable, str(Path(__file__).with_name("browser.py")), "%s"])


def free_port():
    """A port that is free on both loopback addresses."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
            try:
                socket.create_server(("::1", port), family=socket.AF_INET6).close()
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
            return port


class Case(unittest.TestCase):
    scenario = ()

    def setUp(self):
        self.home = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.home)
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SystemRoot", "LD_LIBRARY_PATH")}
        self.env = {**kept, "HOME": str(self.home)}
        for name in [name for name in os.environ if name not in self.env]:
            saved = os.environ.pop(name)
            self.addCleanup(os.environ.__setitem__, name, saved)
        self.sandbox = subprocess.Popen(
            [PROGRAM, "sandbox", *self.scenario],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.env,
            text=True,
        )
        self.addCleanup(self.sandbox.stdout.close)
        self.addCleanup(self.sandbox.wait)
        self.addCleanup(self.sandbox.kill)
        variables = self.sandbox.stdout.readline().split()
        self.env.update(variable.split("=", 1) for variable in variables)
        self.env["KEYMINT_CALLBACK_PORT"] = str(free_port())
        self.env["KEYMINT_BROWSER"] = BROWSER
        self.events = []

    def create(self, *options, on_event=None, **more):
        def note(event):
            self.events.append(event.name)
            if on_event is not None:
                on_event(event)

        return keymint_cli.create(*options, program=PROGRAM, env=self.env, on_event=note, **more)

    def script(self, text):
        """A process of Python that has the module."""
        environment = {**self.env, "PYTHONPATH": "" if INSTALLED else str(ROOT / "python")}
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(text), str(PROGRAM)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (1, 2, 15)],
        )


class Creates(Case):
    def test_a_key_by_the_browser(self):
        key = self.create(name="from Python")
        self.assertRegex(key.value, "^sk-")
        self.assertEqual((key.name, key.last4), ("from Python", key.value[-4:]))
        self.assertEqual(key.project["title"], "Default project")
        self.assertEqual(key.delivered_to, ({"kind": "stdout"},))
        self.assertEqual(self.events[:4], ["warning", "listening", "authorize_url", "browser_tried"])
        self.assertEqual(self.events[-3:], ["creation_requested", "key_created", "delivered"])

    def test_a_key_by_a_pasted_url(self):
        answers = []

        def ask(url):
            answers.append(sign_in(url))
            # A terminal wraps it, and a user copies blanks.
            return f"  {answers[-1][:40]}\n{answers[-1][40:]}\n"

        self.assertRegex(self.create(ask=ask).value, "^sk-")
        self.assertEqual(len(answers), 1)
        self.assertNotIn("browser_tried", self.events)

    def test_a_key_although_ctrl_c_comes_at_the_end(self):
        interrupted = mock.patch.object(keymint_cli._Run, "result", side_effect=KeyboardInterrupt)
        with interrupted, self.assertRaises(KeyboardInterrupt) as caught:
            self.create(ask=sign_in)
        self.assertRegex(caught.exception.keymint_key.value, "^sk-")

    def test_a_key_after_a_wrong_paste(self):
        answers = ["", "https://example.com/"]
        key = self.create(ask=lambda url: answers.pop(0) if answers else sign_in(url))
        self.assertRegex(key.value, "^sk-")

    def test_a_key_that_goes_into_a_file_alone(self):
        path = self.home / "with spaces.env"
        key = self.create(env_file=path)
        self.assertIsNone(key.value)
        self.assertEqual(key.delivered_to[0]["path"], str(path))
        self.assertIn(key.last4, path.read_text())

    def test_a_key_that_goes_into_a_file_and_is_returned(self):
        key = self.create("--print", env_file=self.home / ".env")
        self.assertIn(key.value, (self.home / ".env").read_text())

    def test_a_key_under_a_coding_agent(self):
        self.env["CLAUDECODE"] = "1"
        self.assertRegex(self.create().value, "^sk-")

    def test_a_key_in_another_thread(self):
        keys = []
        thread = threading.Thread(target=lambda: keys.append(self.create()))
        thread.start()
        thread.join()
        self.assertRegex(keys[0].value, "^sk-")

    def test_no_output_of_the_key(self):
        run = self.script(
            """
            import sys, keymint_cli
            key = keymint_cli.create(program=sys.argv[1])
            print(repr(key), str(key), f"{key}", [key])
            print(key.value[-4:], file=sys.stderr)
            raise Exception(key)
            """
        )
        out, err = run.communicate()
        self.assertNotIn("sk-", out + err)
        self.assertIn("Open this URL to sign in:\nhttp://127.0.0.1:", err)
        self.assertIn("last4=", out)


class Hides(unittest.TestCase):
    def test_its_messages_without_a_standard_error(self):
        script = "import sys; sys.stderr = None; import keymint_cli as it; it.show(it.Event('warning', {'message': 'x'}))"
        path = {} if INSTALLED else {"PYTHONPATH": str(ROOT / "python")}
        self.assertEqual(subprocess.check_output([sys.executable, "-c", script], env={**os.environ, **path}), b"")

    key = Key("sk-secret", "name", "cret", None, None, None, {}, {}, ())

    def test_the_value_in_each_text(self):
        for text in (repr(self.key), str(self.key), f"{self.key}", repr([self.key]), repr({"key": self.key})):
            self.assertNotIn("sk-secret", text)
        error = KeymintError("failed", key=self.key)
        self.assertNotIn("sk-secret", repr(error) + str(error))

    def test_the_value_from_pickles_and_copies(self):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.assertRaises(TypeError):
                attempt(self.key)

    def test_nothing_of_an_event(self):
        self.assertEqual(Event("signed_in", {"a": 1})["a"], 1)


class Fails(Case):
    def test_after_three_wrong_pastes(self):
        asked = []
        with self.assertRaises(KeymintError) as caught:
            self.create(ask=lambda url: asked.append(url) or "https://example.com/")
        self.assertEqual((caught.exception.kind, caught.exception.exit_code, len(asked)), ("usage", 2, 3))

    def test_with_a_paste_that_only_looks_right(self):
        def ask(url):
            return sign_in(url).replace("/auth/callback", "/elsewhere").replace("code=", "other=")

        with self.assertRaises(KeymintError) as caught:
            self.create(ask=ask)
        self.assertIn(caught.exception.exit_code, (2, 4))

    def test_without_an_answer(self):
        with self.assertRaises(KeymintError) as caught:
            self.create(ask=lambda url: None)
        self.assertEqual((caught.exception.kind, caught.exception.exit_code), ("usage", 2))

    def test_with_a_refused_sign_in(self):
        with self.assertRaises(KeymintError) as caught:
            self.create(ask=lambda url: sign_in(url, decision="refuse"))
        self.assertEqual((caught.exception.kind, caught.exception.exit_code), ("sign_in_refused", 4))
        self.assertTrue(caught.exception.hint)

    def test_with_an_unknown_project(self):
        with self.assertRaises(KeymintError) as caught:
            self.create(project="Mobile")
        error = caught.exception
        self.assertEqual((error.kind, error.exit_code), ("no_project", 8))
        self.assertTrue(error.choices[0]["project"]["id"])

    def test_with_a_wrong_option(self):
        with self.assertRaises(KeymintError) as caught:
            self.create("--unknown")
        self.assertEqual(caught.exception.exit_code, 2)
        self.assertIn("--unknown", caught.exception.message)

    def test_with_a_destination_that_is_unusable(self):
        with self.assertRaises(KeymintError) as caught:
            self.create(env_file=self.home / "absent/.env")
        self.assertEqual((caught.exception.kind, caught.exception.exit_code), ("destination_unusable", 11))

    def test_with_a_destination_that_fails_and_keeps_the_key(self):
        with self.assertRaises(KeymintError) as caught:
            self.create("--pipe-to=false", "--print")
        error = caught.exception
        self.assertEqual((error.kind, error.exit_code), ("delivery_failed", 9))
        self.assertRegex(error.key.value, "^sk-")

    def test_without_the_program(self):
        with self.assertRaises(FileNotFoundError):
            keymint_cli.create(program=self.home / "absent")

    def test_if_a_callback_fails(self):
        def fail(event):
            if event.name == "authorize_url":
                raise LookupError("of the caller")

        with self.assertRaisesRegex(LookupError, "of the caller") as caught:
            self.create("--browser=true", on_event=fail)
        self.assertFalse(hasattr(caught.exception, "keymint_key"))

    def test_if_a_callback_fails_once_the_key_exists(self):
        def fail(event):
            if event.name == "delivered":
                raise LookupError("of the caller")

        with self.assertRaises(LookupError) as caught:
            self.create(on_event=fail)
        self.assertRegex(caught.exception.keymint_key.value, "^sk-")


class Refuses(Case):
    scenario = ("--scenario", "country")

    def test_with_the_reason_of_the_server(self):
        with self.assertRaises(KeymintError) as caught:
            self.create()
        self.assertEqual((caught.exception.kind, caught.exception.reason), ("server", "country"))


class IsSlow(Case):
    scenario = ("--latency", "300ms")

    def test_so_that_ctrl_c_comes_while_the_key_is_created(self):
        def interrupt(event):
            if event.name == "creation_requested":
                signal.raise_signal(signal.SIGINT)

        saved = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, saved)
        with self.assertRaises(KeyboardInterrupt) as caught:
            self.create(on_event=interrupt)
        self.assertRegex(caught.exception.keymint_key.value, "^sk-")


class Ends(Case):
    def end(self, create, number=signal.SIGINT):
        """Sends a signal to the process alone, or to its group as a terminal does, once the program waits."""
        script = f"""
            import signal, subprocess, sys, time, keymint_cli
            class Popen(subprocess.Popen):
                def __init__(self, *words, **options):
                    super().__init__(*words, **options)
                    global program
                    program = self.pid
            subprocess.Popen = Popen
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            def note(event):
                if event.name == "browser_tried":
                    print(program, flush=True)
            def ask(url):
                print(program, flush=True)
                while True:
                    time.sleep(60)
            try:
                keymint_cli.create(program=sys.argv[1], {create})
            except (KeyboardInterrupt, SystemExit) as error:
                print("interrupted", getattr(error, "keymint_key", ""), sep="")
            """
        for send in (os.kill, os.killpg):
            run = self.script(script)
            program = int(run.stdout.readline())
            send(run.pid, number)
            out, err = run.communicate(timeout=60)
            self.assertEqual(out, "interrupted\n", err)
            with self.assertRaises(ProcessLookupError):
                os.kill(program, 0)

    waits_for_browser = "env={'KEYMINT_BROWSER': 'true'}, on_event=note"

    def test_with_ctrl_c(self):
        self.end(self.waits_for_browser)

    def test_with_ctrl_c_in_the_question(self):
        self.end("ask=ask")

    def test_with_a_signal_that_the_user_made_an_exception(self):
        self.end(self.waits_for_browser, signal.SIGTERM)


class Runs(Case):
    @unittest.skipUnless(INSTALLED, "the wheel is not installed")
    def test_the_program_by_the_name_of_the_module(self):
        run = subprocess.run([sys.executable, "-m", "keymint_cli", "demo"], env=self.env, capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, "^sk-")

    @unittest.skipIf(INSTALLED, "the wheel is installed")
    def test_nothing_without_the_program(self):
        environment = {**self.env, "PYTHONPATH": str(ROOT / "python")}
        run = subprocess.run([sys.executable, "-m", "keymint_cli"], env=environment, capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("Install keymint-cli again.", run.stderr)


class Finds(unittest.TestCase):
    """The program of the installation that the module belongs to."""

    def setUp(self):
        self.root = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.root)
        self.packages = self.root / "own/lib/python/packages"
        shutil.copytree(ROOT / "python/keymint_cli", self.packages / "keymint_cli")
        self.program = self.install(self.packages, "../../../bin/keymint")

    def install(self, packages, listed):
        metadata = packages / "keymint_cli-0.1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.4\nName: keymint-cli\nVersion: 0.1.0\n")
        (metadata / "RECORD").write_text(f"{listed},,\n")
        program = (packages / listed).resolve()
        program.parent.mkdir(exist_ok=True)
        program.touch()
        return program

    def assert_finds(self, program, *packages):
        path = os.pathsep.join(map(str, packages))
        script = "import keymint_cli; print(keymint_cli.find_program())"
        run = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
        self.assertEqual((run.stdout, run.stderr), (f"{program}\n", ""))

    def test_by_the_files_of_the_installation(self):
        self.assert_finds(self.program, self.packages)

    def test_from_a_directory_that_is_a_link(self):
        (self.root / "linked").symlink_to(self.packages)
        self.assert_finds(self.program, self.root / "linked")

    def test_and_none_of_another_installation(self):
        self.install(self.root / "other/packages", "../bin/keymint")
        self.assert_finds(self.program, self.root / "other/packages", self.packages)

    def test_where_pip_moves_it_for_a_target(self):
        self.program.unlink()
        (self.packages / "bin").mkdir()
        (self.packages / "bin/keymint").touch()
        self.assert_finds(self.packages / "bin/keymint", self.packages)


class Documents(unittest.TestCase):
    def test_never_name_the_product_that_has_the_name_on_pypi(self):
        text = ["*.md", "*.txt", "*.toml", "*.py", "*.js", "*.json", "*.yml", "*.rs", "*.snap", "install.sh", "scripts"]
        tracked = subprocess.check_output(["git", "ls-files", *text], cwd=ROOT, text=True).split()
        self.assertIn("README.md", tracked)
        wrong = re.compile(r"(uvx|pipx? (install|run)|uv (tool install|add|pip install|run --with))( -\S+)* keymint(?![-_\w])")
        self.assertIsNotNone(wrong.search("pip install -U keymint"))
        for name in set(tracked) - {Path(__file__).relative_to(ROOT).as_posix()}:
            self.assertIsNone(wrong.search((ROOT / name).read_text(encoding="utf-8")), name)


class Jupyter(Case):
    def setUp(self):
        super().setUp()
        try:
            import ipykernel  # noqa: F401
            import nbformat
            from nbclient import NotebookClient
        except ImportError:
            self.skipTest("nbclient or ipykernel is not installed")
        self.nbformat, self.client = nbformat, NotebookClient

    def cells(self, *sources):
        cells = [self.nbformat.v4.new_code_cell(textwrap.dedent(source)) for source in sources]
        notebook = self.nbformat.v4.new_notebook(cells=cells)
        paths = [str(Path(__file__).parent), *([] if INSTALLED else [str(ROOT / "python")])]
        environment = {**self.env, "PYTHONPATH": os.pathsep.join(paths)}
        self.client(notebook, timeout=120, kernel_name="python3").execute(env=environment)
        return ["".join(str(each.get("text", each.get("data", ""))) for each in cell.outputs) for cell in cells]

    def test_a_kernel_creates_keys(self):
        start = f"""
            import asyncio, keymint_cli
            from browser import sign_in
            assert asyncio.get_running_loop().is_running()
            arguments = dict(program={str(PROGRAM)!r})
            key = keymint_cli.create(**arguments)
            """
        paste = "pasted = keymint_cli.create(ask=sign_in, **arguments)"
        outputs = self.cells(start, "key", paste, "print(pasted); assert key.value != pasted.value")
        self.assertIn("Open this URL to sign in:", outputs[0])
        self.assertIn("last4=", outputs[1])
        self.assertIn("last4=", outputs[3])
        self.assertNotIn("sk-", "".join(outputs))

    def test_an_interrupted_cell_ends_the_program(self):
        interrupted = f"""
            import os, signal, keymint_cli
            def interrupt(event):
                if event.name == "browser_tried":
                    # The signal of `Interrupt` in the menu of the kernel.
                    os.kill(os.getpid(), signal.SIGINT)
            try:
                keymint_cli.create("--browser=true", program={str(PROGRAM)!r}, on_event=interrupt)
            except KeyboardInterrupt:
                print("interrupted")
            """
        self.assertIn("interrupted", self.cells(interrupted)[0])


if __name__ == "__main__":
    unittest.main()
