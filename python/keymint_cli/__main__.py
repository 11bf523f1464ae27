"""Runs the program: `python -m keymint_cli demo`."""

import os
import subprocess
import sys

from keymint_cli import KeymintError, find_program


def main() -> int:
    try:
        program = os.fspath(find_program())
    except KeymintError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if os.name != "nt":
        os.execv(program, [program, *sys.argv[1:]])
    child = subprocess.Popen([program, *sys.argv[1:]])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The console signals the program as well, which ends by itself.
            continue


if __name__ == "__main__":
    sys.exit(main())
