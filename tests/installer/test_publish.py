"""scripts/publish, with a program of the tests in place of gh."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "keymint-1.2.3-x86_64-unknown-linux-musl.tar.gz",
    "keymint-linux-x64-1.2.3.tgz",
    "keymint-1.2.3-x86_64-pc-windows-gnu.zip",
    "keymint-win32-x64-1.2.3.tgz",
    "keymint-1.2.3.tgz",
    "keymint-client-1.2.3.tgz",
    "keymint_cli-1.2.3.whl",
    "keymint_1.2.3_amd64.deb",
    "keymint-1.2.3.x86_64.rpm",
    "install.sh",
]
MANIFEST = """[workspace.package]
version = "1.2.3"
repository = "https://example.com/keymint"
[workspace.dependencies]
version = "9"
"""
COMMAND = 'maintainer = "maintainers <maintainers@example.com>"\n'


class Publishes(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.files = self.root / "target/release-files"
        for directory in ("scripts", "packaging", "bin", "crates/cli", "target/release-files/manifests"):
            (self.root / directory).mkdir(parents=True)
        shutil.copy(ROOT / "scripts/publish", self.root / "scripts")
        (self.root / "Cargo.toml").write_text(MANIFEST)
        (self.root / "crates/cli/Cargo.toml").write_text(COMMAND)
        targets = "# A comment.\nx86_64-unknown-linux-musl linux x64\nx86_64-pc-windows-gnu win32 x64\n"
        (self.root / "packaging/targets").write_text(targets)
        for name in (*PACKAGES, "manifests/keymint.rb"):
            (self.files / name).touch()
        self.sum(*PACKAGES)
        (self.root / "bin/gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (self.root / "bin/gh").chmod(0o755)

    def sum(self, *names):
        nothing = hashlib.sha256(b"").hexdigest()
        (self.files / "SHA256SUMS").write_text("".join(f"{nothing}  {name}\n" for name in names))

    def publish(self, *args):
        environment = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        run = subprocess.run([self.root / "scripts/publish", *args], env=environment, capture_output=True, text=True)
        return run.returncode, run.stdout.splitlines(), run.stderr

    def assert_refuses(self, message, *args):
        code, arguments, err = self.publish(*args)
        self.assertEqual((code, arguments), (1, []))
        self.assertIn(message, err)

    def test_drafts_a_release_of_all_files(self):
        code, arguments, err = self.publish("v1.2.3")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(arguments[:5], ["release", "create", "v1.2.3", "--draft", "--verify-tag"])
        uploaded = [Path(each).name for each in arguments if each.startswith("target/")]
        self.assertEqual(sorted(uploaded), sorted([*PACKAGES, "SHA256SUMS"]))

    def test_refuses_another_version(self):
        self.assert_refuses("The tag is v1.2.4, and the version in Cargo.toml is 1.2.3.", "v1.2.4")

    def test_refuses_a_release_without_one_of_its_files(self):
        for name in (*PACKAGES, "SHA256SUMS"):
            (self.files / name).rename(self.root / name)
            self.assert_refuses(" is missing: see", "v1.2.3")
            (self.root / name).rename(self.files / name)

    def test_refuses_files_that_are_not_those_of_the_checksums(self):
        (self.files / "keymint-1.2.2.tgz").touch()
        self.assert_refuses("SHA256SUMS is not that", "v1.2.3")
        (self.files / "keymint-1.2.2.tgz").unlink()
        self.sum(*PACKAGES[1:])
        self.assert_refuses("SHA256SUMS is not that", "v1.2.3")
        self.sum(*PACKAGES)
        (self.files / PACKAGES[0]).write_text("changed")
        self.assert_refuses("SHA256SUMS is not that", "v1.2.3")

    def test_refuses_placeholders(self):
        for path, manifest in (("Cargo.toml", MANIFEST), ("crates/cli/Cargo.toml", COMMAND)):
            (self.root / path).write_text(manifest.replace("example.com", "keymint.invalid"))
            self.assert_refuses("placeholder", "v1.2.3")
            (self.root / path).write_text(manifest)

    def test_refuses_a_call_without_a_tag(self):
        self.assert_refuses("for which tag?")


if __name__ == "__main__":
    unittest.main()
