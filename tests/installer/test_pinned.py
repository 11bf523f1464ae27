"""scripts/pinned, with programs of the tests in place of npm and of Python."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = """#!/bin/sh
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho pip "$@" >>%s\\n' "$LOG" >"$3/bin/pip"
chmod +x "$3/bin/pip"
"""


class Pinned(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.log = self.root / "log"
        self.program("python3", PYTHON)
        self.program("npm", '#!/bin/sh\necho npm "$@" >>"$LOG"\n')

    def program(self, name, text):
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def pinned(self, *packages):
        """Returns the exit code, the output and the commands that were run."""
        self.log.write_text("")
        environment = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(self.root), "LOG": str(self.log)}
        words = [ROOT / "scripts/pinned", "tools", *packages]
        run = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        commands = [(line.split()[0], line.split()[-1]) for line in self.log.read_text().splitlines()]
        return run.returncode, run.stdout, commands

    def test_installs_a_list_of_versions_once(self):
        directory = f"{self.root}/keymint/tools\n"
        both = ("some==1", "@scope/other@2")
        self.assertEqual(self.pinned(*both), (0, directory, [("pip", "some==1"), ("npm", "@scope/other@2")]))
        self.assertEqual(self.pinned(*both), (0, directory, []))
        self.assertEqual(self.pinned("some==2"), (0, directory, [("pip", "some==2")]))

    def test_installs_again_after_a_failure(self):
        npm = (self.root / "bin/npm").read_text()
        self.program("npm", npm + "exit 1\n")
        self.assertEqual(self.pinned("other@2"), (1, "", [("npm", "other@2")]))
        self.program("npm", npm)
        self.assertEqual(self.pinned("other@2")[0::2], (0, [("npm", "other@2")]))


if __name__ == "__main__":
    unittest.main()
