"""scripts/publish, with a program of the tests in place of gh."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = "keymint-1.2.3-x86_64-unknown-linux-musl.tar.gz"


class Publishes(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.files = self.root / "target/release-files"
        for directory in ("scripts", "bin", "target/release-files/manifests"):
            (self.root / directory).mkdir(parents=True)
        shutil.copy(ROOT / "scripts/publish", self.root / "scripts")
        (self.root / "Cargo.toml").write_text('[workspace.package]\nversion = "1.2.3"\n[workspace.dependencies]\nversion = "9"\n')
        (self.root / "install.sh").write_text("repository=https://example.com/keymint\n")
        for name in (ARCHIVE, "keymint-1.2.3.tgz", "install.sh", "SHA256SUMS", "manifests/keymint.rb"):
            (self.files / name).touch()
        (self.root / "bin/gh").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (self.root / "bin/gh").chmod(0o755)

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
        self.assertEqual(sorted(uploaded), sorted([ARCHIVE, "keymint-1.2.3.tgz", "install.sh", "SHA256SUMS"]))

    def test_refuses_another_version(self):
        self.assert_refuses("The tag is v1.2.4, and the version in Cargo.toml is 1.2.3.", "v1.2.4")

    def test_refuses_a_release_without_the_static_program(self):
        (self.files / ARCHIVE).unlink()
        self.assert_refuses("The static program", "v1.2.3")

    def test_refuses_the_placeholder_of_the_repository(self):
        (self.root / "install.sh").write_text("repository=https://keymint.invalid/keymint\n")
        self.assert_refuses("placeholder", "v1.2.3")

    def test_refuses_a_call_without_a_tag(self):
        self.assert_refuses("for which tag?")


if __name__ == "__main__":
    unittest.main()
