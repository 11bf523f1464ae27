"""Prints what python-dotenv or python-decouple sees: python.py READER LIST NAME"""

import logging
import sys

reader, files, name = sys.argv[1:]
logging.disable()


def value(file):
    if reader == "dotenv":
        import dotenv

        return dotenv.dotenv_values(file).get(name)
    import decouple

    return decouple.RepositoryEnv(file).data.get(name)


with open(files) as paths:
    for path in paths.read().splitlines():
        try:
            found = value(path)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        sys.stdout.buffer.write((found or "").encode("utf-8", "surrogateescape") + b"\0")
