"""scripts/emulated, with a program of the tests in place of the executable of cargo."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ["memory::a", "memory::b", "secrets_in_memory::a", "signals::a", "signals::a_second"]
# Runs no test, and reports those that it would have run, as libtest does.
PROGRAM = """#!/usr/bin/env python3
import sys
tests = %r
words = sys.argv[1:]
if words == ["--list"]:
    sys.exit(print(*(f"{name}: test" for name in tests), sep="\\n"))
left_out = [word for before, word in zip(words, words[1:]) if before == "--skip"]
assert words[0] == "--exact" and len(words) == 1 + 2 * len(left_out)
ran = [name for name in tests if name not in left_out]
print(f"test result: ok. {len(ran)} passed; 0 failed; 0 ignored; 0 measured; {len(tests) - len(ran)} filtered out")
""" % TESTS


class Emulated(unittest.TestCase):
    def run_with(self, skips):
        with tempfile.TemporaryDirectory() as directory:
            program, lines = Path(directory, "program"), Path(directory, "skips")
            program.write_text(PROGRAM)
            program.chmod(0o755)
            lines.write_text(f"# A comment.\n{skips}")
            message = {"executable": str(program), "profile": {"test": True}, "target": {"name": "e2e"}}
            message["manifest_path"] = f"{directory}/Cargo.toml"
            words = [ROOT / "scripts/emulated", lines]
            return subprocess.run(words, input=json.dumps(message), capture_output=True, text=True)

    def assert_runs(self, number, skips):
        run = self.run_with(skips)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn(f"== {number} tests passed, {len(TESTS) - number} were skipped:\n", run.stdout)

    def test_skips_the_tests_of_the_list_alone(self):
        self.assert_runs(5, "")
        self.assert_runs(3, "e2e memory:: A reason.\n")
        self.assert_runs(4, "e2e signals::a A reason.\n")

    def test_runs_nothing_only_with_a_failure(self):
        run = self.run_with("e2e * A reason.\n")
        self.assertEqual(run.returncode, 1)
        self.assertIn("== 0 tests passed, 5 were skipped:", run.stdout)

    def test_refuses_a_line_that_names_no_test(self):
        for name in ("other::", "memory", "signals::a_third"):
            run = self.run_with(f"e2e {name} A reason.\n")
            self.assertEqual(run.returncode, 1)
            self.assertIn(f"names no test: e2e {name}", run.stderr)


if __name__ == "__main__":
    unittest.main()
