"""install.sh, with archives from a server on this machine."""

import hashlib
import http.server
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "install.sh"
VERSION = "1.2.3"
TARGETS = {
    "Linux x86_64": "x86_64-unknown-linux-musl",
    "Linux aarch64": "aarch64-unknown-linux-musl",
    "Darwin x86_64": "x86_64-apple-darwin",
    "Darwin arm64": "aarch64-apple-darwin",
}
# What the script needs of a system, apart from what the tests choose.
TOOLS = ["chmod", "cp", "gzip", "mkdir", "mktemp", "mv", "rm", "sh", "tar"]
SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]
ROOT_USER = os.geteuid() == 0


def archive(name, program=None):
    """An archive in the layout of scripts/release."""
    program = program or f"#!/bin/sh\necho keymint {VERSION}\n".encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, data, mode in [("README.md", b"read me", 0o644), ("keymint", program, 0o755)]:
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mode = len(data), mode
            tar.addfile(entry, io.BytesIO(data))
    return content.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves the files of a release, and remembers what was requested."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.stalls, self.stalled = {}, [], None, threading.Event()
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/release"

    def release(self, *targets, version=VERSION, program=None):
        for target in targets or TARGETS.values():
            name = f"keymint-{version}-{target}"
            self.files[f"{name}.tar.gz"] = archive(name, program)
        self.sum()

    def sum(self):
        archives = {name: data for name, data in self.files.items() if name.endswith(".tar.gz")}
        lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in archives.items()]
        self.files["SHA256SUMS"] = "".join(lines).encode()

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        name = self.path.removeprefix("/release/")
        server.requests.append(name)
        if name not in server.files:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(server.files[name])))
        self.end_headers()
        if name == server.stalls:
            self.wfile.write(server.files[name][:10])
            self.wfile.flush()
            server.stalled.set()
            server.released.wait()
            return
        self.wfile.write(server.files[name])

    def log_message(self, *_):
        pass


class Case(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.root.chmod(0o755)
        self.home, self.tmp = self.root / "home", self.root / "tmp"
        for directory in (self.home, self.tmp):
            directory.mkdir()
            directory.chmod(0o777)
        self.program = self.home / ".local/bin/keymint"
        self.server = Server()
        self.addCleanup(self.server.close)
        self.server.release()

    def environment(self, path=None, **more):
        path = path or os.environ["PATH"]
        own = {"HOME": str(self.home), "TMPDIR": str(self.tmp), "PATH": path, "KEYMINT_DOWNLOAD_URL": self.server.url}
        return {**own, **more}

    def path_of(self, *tools):
        """A directory with these programs alone."""
        directory = Path(tempfile.mkdtemp(dir=self.root))
        directory.chmod(0o755)
        self.uname(directory, "Linux", "x86_64")
        for tool in [*TOOLS, *tools]:
            (directory / tool).symlink_to(shutil.which(tool))
        return directory

    def uname(self, directory, system, machine):
        (directory / "uname").write_text(f'#!/bin/sh\ncase $1 in -s) echo {system} ;; -m) echo {machine} ;; esac\n')
        (directory / "uname").chmod(0o755)

    def install(self, *args, shell=("sh",), script=None, environment=None, **more):
        run = subprocess.run(
            [shutil.which(shell[0]), *shell[1:], "-s", "--", *args],
            input=SCRIPT.read_bytes() if script is None else script,
            env=environment or self.environment(),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
            **more,
        )
        self.assertEqual(list(self.tmp.iterdir()), [], "a temporary file is left")
        return run.returncode, run.stdout.decode(), run.stderr.decode()

    def assert_installs(self, *args, program=None, **more):
        program = program or self.program
        code, out, err = self.install(*args, **more)
        self.assertEqual((code, err), (0, ""), out)
        self.assertIn(f"Installed keymint {VERSION} as {program}\n", out)
        self.assertEqual(os.listdir(program.parent), ["keymint"])
        self.assertEqual(subprocess.check_output([program, "--version"]), f"keymint {VERSION}\n".encode())
        return out

    def assert_fails(self, message, *args, **more):
        """Fails with this message, an advice, and without a change of what was there."""
        before = sorted(self.home.rglob("*"))
        code, out, err = self.install(*args, **more)
        self.assertEqual((code, out), (1, ""), err)
        self.assertIn(message, err)
        self.assertTrue(err.endswith(" Nothing was installed.\n"), err)
        self.assertEqual(sorted(self.home.rglob("*")), before)
        return err


class Installs(Case):
    def test_in_each_shell(self):
        for shell in SHELLS:
            with self.subTest(shell):
                shutil.rmtree(self.home / ".local", ignore_errors=True)
                self.assert_installs(shell=shell)
        self.assertEqual(os.listdir(self.home), [".local"], "nothing else is written into the home directory")

    def test_with_each_downloader_and_each_digest(self):
        for downloader in ("curl", "wget"):
            for digest in ("sha256sum", "shasum", "openssl"):
                with self.subTest(downloader=downloader, digest=digest):
                    path = self.path_of(downloader, digest, *(["perl", "env"] if digest == "shasum" else []))
                    self.assert_installs(shell=["dash"], environment=self.environment(path=str(path)))

    def test_with_busybox_alone(self):
        path = Path(tempfile.mkdtemp(dir=self.root))
        for tool in [*TOOLS, "sha256sum", "wget"]:
            (path / tool).symlink_to(shutil.which("busybox"))
        self.uname(path, "Linux", "x86_64")
        self.assert_installs(shell=[str(path / "sh")], environment=self.environment(path=str(path)))

    def test_into_the_chosen_directory(self):
        for name in ("other", "with spaces and 'quotes'", "-leading", "a/b/c", "ü 日本"):
            with self.subTest(name):
                self.assert_installs("--to", name, program=self.root / name / "keymint")
                self.assert_installs("--to", str(self.root / name), program=self.root / name / "keymint")
        self.assertEqual(list(self.home.iterdir()), [])

    def test_from_a_file_as_well_as_from_a_pipe(self):
        run = subprocess.run(["sh", SCRIPT, "--to", self.home], env=self.environment(), capture_output=True)
        self.assertEqual((run.returncode, run.stderr), (0, b""))

    def test_the_archive_of_the_system(self):
        for system, target in TARGETS.items():
            with self.subTest(system):
                path = self.path_of("curl", "sha256sum")
                self.uname(path, *system.split())
                self.assert_installs(environment=self.environment(path=str(path)))
                self.assertEqual(self.server.requests[-1], f"keymint-{VERSION}-{target}.tar.gz")

    def test_the_chosen_version_of_several(self):
        self.server.release(version="1.2.2")
        self.server.release(version="1.2.3-rc.1")
        self.assert_fails("several versions")
        for version in ("1.2.2", "v1.2.2", "1.2.3-rc.1"):
            self.assert_installs("--version", version)
            self.assertIn(f"keymint-{version.lstrip('v')}-", self.server.requests[-1])

    def test_says_if_the_directory_is_not_in_the_path(self):
        self.assertIn(f'export PATH="{self.program.parent}:$PATH"', self.assert_installs())
        path = f"{os.environ['PATH']}:{self.program.parent}"
        self.assertNotIn("PATH", self.assert_installs(environment=self.environment(path=path)))

    def test_replaces_a_program_that_runs(self):
        self.program.parent.mkdir(parents=True)
        shutil.copy(shutil.which("sleep"), self.program)
        running = subprocess.Popen([self.program, "600"])
        try:
            with self.assertRaises(OSError, msg="this system lets a running program be overwritten"):
                self.program.open("r+b").close()
            self.assert_installs()
            self.assertIsNone(running.poll())
        finally:
            running.kill()
            running.wait()

    def test_quotes_a_directory_as_it_is(self):
        name = r"a\nb\c"
        out = self.assert_installs("--to", name, program=self.root / name / "keymint", shell=["dash"])
        self.assertTrue(out.endswith('$PATH"\n'), out)

    def test_replaces_a_link_and_not_what_it_leads_to(self):
        other = self.home / "other"
        other.write_text("other")
        self.program.parent.mkdir(parents=True)
        self.program.symlink_to(other)
        self.assert_installs()
        self.assertEqual(other.read_text(), "other")

    def test_takes_both_forms_of_an_option(self):
        for words in (["--to=other", "--version=1.2.3"], ["--version", "v1.2.3", "--to", "other"]):
            self.assert_installs(*words, program=self.root / "other/keymint")

    def test_into_a_directory_although_its_messages_have_no_reader(self):
        with open("/dev/full", "wb") as full:
            run = subprocess.run(["sh", SCRIPT], env=self.environment(), stdout=full, stderr=subprocess.DEVNULL)
        self.assertEqual((run.returncode, os.listdir(self.program.parent)), (0, ["keymint"]))

    def test_takes_a_checksum_file_without_a_last_line_end(self):
        self.server.files["SHA256SUMS"] = self.server.files["SHA256SUMS"].rstrip()
        self.assert_installs()

    def test_takes_both_forms_of_a_checksum_line(self):
        self.server.files["SHA256SUMS"] = self.server.files["SHA256SUMS"].replace(b"  ", b" *")
        self.assert_installs()


class Refuses(Case):
    def setUp(self):
        super().setUp()
        self.program.parent.mkdir(parents=True)
        self.program.write_text("the old program")
        self.program.parent.chmod(0o755)
        self.plain = self.environment(path=str(self.path_of("curl", "sha256sum")))
        self.archive = f"keymint-{VERSION}-{TARGETS['Linux x86_64']}.tar.gz"

    def tearDown(self):
        self.assertEqual(self.program.read_text(), "the old program")

    def test_a_tampered_archive(self):
        self.server.files[self.archive] = archive(self.archive[:-7], b"#!/bin/sh\necho stranger\n")
        self.assert_fails("the checksum of", environment=self.plain)

    def test_a_cut_archive(self):
        self.server.files[self.archive] = self.server.files[self.archive][:-20]
        self.assert_fails("the checksum of", environment=self.plain)

    def test_a_missing_archive(self):
        del self.server.files[self.archive]
        for downloader in ("curl", "wget"):
            environment = self.environment(path=str(self.path_of(downloader, "sha256sum")))
            self.assert_fails(f"cannot download {self.server.url}/{self.archive}", environment=environment)

    def test_a_missing_checksum_file(self):
        del self.server.files["SHA256SUMS"]
        self.assert_fails(f"cannot download {self.server.url}/SHA256SUMS", environment=self.plain)
        self.assertEqual(self.server.requests, ["SHA256SUMS"])

    def test_a_checksum_file_without_the_archive(self):
        for content in (b"", b"\n", b"<html>Sign in</html>\n", b"0" * 64 + b"  other.tar.gz\n"):
            self.server.files["SHA256SUMS"] = content
            self.assert_fails("has no archive of keymint for x86_64-unknown-linux-musl", environment=self.plain)
        self.assertNotIn(self.archive, self.server.requests)

    def test_a_checksum_file_without_the_checksum(self):
        for checksum in (b"", b"0" * 64, b"-"):
            self.server.files["SHA256SUMS"] = checksum + b"  " + self.archive.encode() + b"\n"
            code, out, err = self.install(environment=self.plain)
            self.assertEqual((code, out), (1, ""), err)

    def test_a_name_that_leads_elsewhere(self):
        self.server.files["SHA256SUMS"] = b"0" * 64 + f"  keymint-1/../../{self.archive}\n".encode()
        self.assert_fails("has no archive", environment=self.plain)

    def test_an_archive_without_the_program(self):
        self.server.files[self.archive] = archive("keymint-other")
        self.server.sum()
        self.assert_fails("has no program", environment=self.plain)

    def test_a_program_that_does_not_run(self):
        self.server.release(program=b"#!/bin/sh\nexit 1\n")
        self.assert_fails("the program does not run", environment=self.plain)
        self.server.release(program=b"\x7fELF of another system")
        self.assert_fails("the program does not run", environment=self.plain)

    def test_a_version_that_does_not_exist(self):
        for words in (["--version", "9.9.9"], ["--version=9.9.9"]):
            self.assert_fails("no archive of keymint 9.9.9 for", *words, environment=self.plain)

    def test_a_download_by_a_program_that_checks_no_certificates(self):
        path = self.path_of("sha256sum")
        (path / "wget").symlink_to(shutil.which("busybox"))
        environment = self.environment(path=str(path), KEYMINT_DOWNLOAD_URL="https://127.0.0.1:1")
        self.assert_fails("does not check certificates", environment=environment)

    def test_without_a_tool(self):
        path = self.path_of("curl", "sha256sum")
        (path / "tar").unlink()
        self.assert_fails("tar was not found", shell=["dash"], environment=self.environment(path=str(path)))

    def test_without_a_downloader(self):
        environment = self.environment(path=str(self.path_of("sha256sum")))
        self.assert_fails("neither curl nor wget", shell=["dash"], environment=environment)

    def test_without_a_digest(self):
        environment = self.environment(path=str(self.path_of("curl")))
        self.assert_fails("cannot be checked", shell=["dash"], environment=environment)

    def test_an_unsupported_system(self):
        path = self.path_of("curl", "sha256sum")
        for system in ("FreeBSD amd64", "Linux riscv64", "Linux i686"):
            self.uname(path, *system.split())
            self.assert_fails("keymint has no archive for", environment=self.environment(path=str(path)))
        self.uname(path, "MINGW64_NT-10.0", "x86_64")
        self.assert_fails("Use pip install keymint-cli, npm install -g keymint, or the zip of the release.", environment=self.environment(path=str(path)))
        self.assertEqual(self.server.requests, [])

    def test_what_is_no_option(self):
        for word in ("--unknown", "more", "--tom=x"):
            self.assert_fails(f"{word.split('=')[0]} is no option\nUse: sh", word, environment=self.plain)
        for words in (["--to"], ["--to", ""], ["--to="], ["--to", "--version", "1.2.3"], ["--to=--to"]):
            self.assert_fails("--to has no value", *words, environment=self.plain)
        for words in (["--version", "../1"], ["--version=v"]):
            self.assert_fails("is no version", *words, environment=self.plain)
        for word in ("-h", "--help"):
            code, out, err = self.install(word, environment=self.plain)
            self.assertEqual((code, err), (0, ""))
            self.assertIn("Use: sh install.sh [--to DIR] [--version VERSION].\nWithout options", out)
            for shell in SHELLS:
                words = [shutil.which(shell[0]), *shell[1:], str(SCRIPT), word]
                with open("/dev/full", "wb") as full:
                    run = subprocess.run(words, env=self.plain, stdout=full, stderr=subprocess.DEVNULL)
                self.assertNotEqual(run.returncode, 0, shell)
        self.assertEqual(self.server.requests, [])

    def test_a_download_without_encryption(self):
        urls = ["http://keymint.invalid/release", "ftp://127.0.0.1:1/release", "file:///tmp", "release"]
        for url in [*urls, "http://127.0.0.1:80@keymint.invalid/release"]:
            self.assert_fails("is no https URL", environment={**self.plain, "KEYMINT_DOWNLOAD_URL": url})

    def test_a_copy_that_is_not_of_a_release(self):
        environment = {**self.plain, "KEYMINT_DOWNLOAD_URL": ""}
        self.assert_fails("is not from a release", environment=environment)

    def test_a_temporary_directory_that_cannot_be_written_to(self):
        environment = {**self.plain, "TMPDIR": str(self.root / "missing")}
        self.assert_fails("missing cannot be written to", environment=environment)

    def test_a_home_that_is_not_known(self):
        environment = {name: value for name, value in self.plain.items() if name != "HOME"}
        self.assert_fails("HOME is not set", environment=environment)

    def test_a_directory_that_cannot_be_made(self):
        self.assert_fails("cannot be made", "--to", str(self.program / "below"), environment=self.plain)

    def test_a_directory_at_the_place_of_the_program(self):
        (self.home / "taken/keymint").mkdir(parents=True)
        self.assert_fails("is a directory", "--to", str(self.home / "taken"), environment=self.plain)

    def test_a_directory_that_is_read_only(self):
        self.program.parent.chmod(0o555)
        unprivileged = {"user": 65534, "group": 65534, "extra_groups": []} if ROOT_USER else {}
        self.assert_fails("cannot be written to", environment=self.plain, **unprivileged)

    def test_a_script_that_was_cut_off(self):
        """After any line, and after any byte of the end."""
        script = SCRIPT.read_bytes().rstrip(b"\n")
        line_ends = [found.end() for found in re.finditer(rb"\n", script)]
        for end in [*line_ends, *range(script.rindex(b"}\n\n"), len(script))]:
            for shell in (["dash"], ["bash"]):
                self.install(shell=shell, script=script[:end], environment=self.plain)
        self.assertEqual(self.server.requests, [])

    def test_a_signal(self):
        for shell in SHELLS:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                with self.subTest(shell=shell, signal=number):
                    self.server.stalls, self.server.stalled = self.archive, threading.Event()
                    program = [shutil.which(shell[0]), *shell[1:], str(SCRIPT)]
                    run = subprocess.Popen(
                        program,
                        env=self.plain,
                        stdin=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        start_new_session=True,
                        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (1, 2, 15)],
                    )
                    self.assertTrue(self.server.stalled.wait(60))
                    self.assertNotEqual(list(self.tmp.iterdir()), [])
                    os.killpg(run.pid, number)
                    run.communicate(timeout=60)
                    self.assertIn(run.returncode, (128 + number, -number))
                    self.assertEqual(list(self.tmp.iterdir()), [])


class Agrees(unittest.TestCase):
    def test_with_the_release_on_the_names(self):
        release = (ROOT / "scripts/release").read_text(encoding="utf-8")
        self.assertIn("name=keymint-$version-$1", release)
        self.assertIn("SHA256SUMS", release)
        lines = (ROOT / "packaging/targets").read_text(encoding="utf-8").splitlines()
        targets = [line.split()[0] for line in lines if not line.startswith("#") and "windows" not in line]
        self.assertEqual(sorted(targets), sorted(TARGETS.values()))


if __name__ == "__main__":
    unittest.main()
