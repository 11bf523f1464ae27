"""The search of tests/artifacts/run finds what names the machine that built, also in archives within archives."""

import gzip
import io
import sys
import tarfile
import tempfile
import unittest
import zipfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def load(path):
    """The script as a module, without leaving a compiled file beside it."""
    sys.dont_write_bytecode = True
    loader = SourceFileLoader("artifacts", str(path))
    module = module_from_spec(spec_from_loader("artifacts", loader))
    loader.exec_module(module)
    return module


RUN = load(ROOT / "tests/artifacts/run")


def tar(content, name="file"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def wheel(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("file", content)
    return packed.getvalue()


class Searches(unittest.TestCase):
    def search(self, name, content):
        with tempfile.TemporaryDirectory() as directory:
            files = Path(directory, "release-files")
            files.mkdir()
            (files / name).write_bytes(content)
            return RUN.search(RUN.Release(files), Path(directory, "work"))

    def test_finds_the_directories_of_the_builder_in_each_archive(self):
        for traced in (str(Path.home() / "x"), str(ROOT / "crates/cli"), RUN.sysroot()):
            text = b"\0at " + traced.encode() + b"\0"
            packed = {"install.sh": text, "a.tar.gz": tar(text), "a.tgz": tar(text), "a.whl": wheel(text)}
            for name, content in {**packed, "b.tar.gz": tar(gzip.compress(text), "page.1.gz")}.items():
                with self.subTest(name=name, traced=traced), self.assertRaises(RUN.Failed):
                    self.search(name, content)

    def test_finds_nothing_else(self):
        self.assertEqual(self.search("a.tar.gz", tar(b"at keymint/crates/cli")), 2)


if __name__ == "__main__":
    unittest.main()
