#!/usr/bin/env python3
"""Makes packages from built programs, without compiling anything.

    packaging/package.py zip    STAGE NAME OUT
    packaging/package.py wheel  STAGE TARGET OUT
    packaging/package.py npm    STAGE SYSTEM PROCESSOR OUT
    packaging/package.py launcher OUT SYSTEM-PROCESSOR...
    packaging/package.py manifests OUT

STAGE is the directory with the program and its documents. The packages go to OUT. They depend only on the files and on
SOURCE_DATE_EPOCH.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
CRATE = tomllib.loads((ROOT / "crates/cli/Cargo.toml").read_text())["package"]
VERSION, REPOSITORY = PACKAGE["version"], PACKAGE["repository"]
PROGRAMS = ("keymint", "keymint.exe", "keymint.js")
WHEEL_TAGS = {
    "x86_64-unknown-linux-musl": ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"],
    "aarch64-unknown-linux-musl": ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "musllinux_1_1_aarch64"],
    "x86_64-pc-windows-gnu": ["win_amd64"],
    "aarch64-apple-darwin": ["macosx_11_0_arm64"],
    "x86_64-apple-darwin": ["macosx_11_0_x86_64"],
}


def program(stage):
    """Returns the path of the program in this directory."""
    return next(path for path in (stage / "keymint", stage / "keymint.exe") if path.exists())


def write_zip(path, files):
    """Writes a zip archive of these files: the content and the mode of each, by its name."""
    moment = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, (0o100000 | mode) << 16
            archive.writestr(entry, data)


def make_zip(stage, name, out):
    paths = sorted(path for path in stage.rglob("*") if path.is_file())
    files = {f"{name}/{path.relative_to(stage).as_posix()}": (path.read_bytes(), 0o644) for path in paths}
    write_zip(out / f"{name}.zip", files)


def make_wheel(stage, target, out):
    """Makes a wheel. A static program runs with glibc and with musl, so its wheel has the tags of both."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name = f"{project['name'].replace('-', '_')}-{VERSION}"
    metadata = {
        "Metadata-Version": "2.4",
        "Name": project["name"],
        "Version": VERSION,
        "Summary": project["description"],
        "License-Expression": project["license"],
        "License-File": "LICENSE",
        "Project-URL": f"Repository, {REPOSITORY}",
        "Requires-Python": project["requires-python"],
        "Description-Content-Type": "text/markdown",
    }
    lines = [f"{key}: {value}" for key, value in metadata.items()]
    lines += ["License-File: LICENSES.txt", *(f"Classifier: {each}" for each in project["classifiers"])]
    tags = [f"Tag: py3-none-{tag}" for tag in WHEEL_TAGS[target]]
    wheel = ["Wheel-Version: 1.0", "Generator: keymint", "Root-Is-Purelib: false", *tags]
    info = f"{name}.dist-info"
    module = sorted(path for path in (ROOT / "python/keymint_cli").iterdir() if path.suffix in (".py", ".typed"))
    files = {f"keymint_cli/{path.name}": (path.read_bytes(), 0o644) for path in module}
    files[f"{name}.data/scripts/{program(stage).name}"] = (program(stage).read_bytes(), 0o755)
    files[f"{info}/METADATA"] = ("\n".join(lines).encode() + b"\n\n" + (ROOT / project["readme"]).read_bytes(), 0o644)
    files[f"{info}/WHEEL"] = ("\n".join(wheel).encode() + b"\n", 0o644)
    for each in ("LICENSE", "LICENSES.txt"):
        files[f"{info}/licenses/{each}"] = ((stage / each).read_bytes(), 0o644)
    files[f"{info}/sboms/keymint.cdx.json"] = ((stage / "keymint.cdx.json").read_bytes(), 0o644)
    record = [f"{path},sha256={digest(data)},{len(data)}" for path, (data, _) in files.items()]
    files[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]).encode() + b"\n", 0o644)
    write_zip(out / f"{name}-py3-none-{'.'.join(WHEEL_TAGS[target])}.whl", files)


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def pack(manifest, files, out):
    """Packs an npm package of this manifest and these files, a dict from names to paths."""
    common = {
        "version": VERSION,
        "description": CRATE["description"],
        "license": PACKAGE["license"],
        "homepage": PACKAGE["homepage"],
        "repository": {"type": "git", "url": f"git+{REPOSITORY}.git"},
    }
    with tempfile.TemporaryDirectory() as directory:
        package = Path(directory, "package")
        package.mkdir()
        for name, path in files.items():
            shutil.copyfile(path, package / name)
            (package / name).chmod(0o755 if name in PROGRAMS else 0o644)
        (package / "package.json").write_text(json.dumps({**common, **manifest}, indent=2) + "\n")
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"--pack-destination={out.resolve()}", f"--cache={directory}/cache"]
        subprocess.run(command, cwd=package, check=True, stdout=subprocess.DEVNULL)


def make_npm(stage, system, processor, out):
    """Makes the npm package for one system: the program, without an install script."""
    files = {path.name: path for path in (program(stage), stage / "LICENSE", stage / "LICENSES.txt", stage / "keymint.cdx.json")}
    manifest = {"name": f"@keymint/{system}-{processor}", "os": [system], "cpu": [processor], "files": list(files)}
    pack(manifest, files, out)


def make_launcher(out, *platforms):
    """Makes the npm package `keymint`. Its optional dependencies are the packages of all systems. npm installs one."""
    files = {"keymint.js": ROOT / "packaging/npm/keymint.js", "README.md": ROOT / "packaging/npm/README.md", "LICENSE": ROOT / "LICENSE"}
    manifest = {
        "name": "keymint",
        "bin": {"keymint": "keymint.js"},
        "engines": {"node": ">=18"},
        "optionalDependencies": {f"@keymint/{platform}": VERSION for platform in platforms},
    }
    pack(manifest, files, out)


def make_manifests(out):
    """Makes the manifests of Homebrew, Scoop and winget for the archives that were made."""
    target_of = {path.name.removeprefix(f"keymint-{VERSION}-").removesuffix(".tar.gz").removesuffix(".zip"): path
                 for path in sorted(out.glob(f"keymint-{VERSION}-*")) if path.suffix in (".gz", ".zip")}
    url = {target: f"{REPOSITORY}/releases/download/v{VERSION}/{path.name}" for target, path in target_of.items()}
    sha256 = {target: hashlib.sha256(path.read_bytes()).hexdigest() for target, path in target_of.items()}
    manifests = out / "manifests"
    manifests.mkdir(exist_ok=True)
    (manifests / "keymint.rb").write_text(homebrew(url, sha256))
    windows = "x86_64-pc-windows-gnu"
    if windows in target_of:
        scoop = {
            "version": VERSION,
            "description": CRATE["description"],
            "homepage": PACKAGE["homepage"],
            "license": PACKAGE["license"],
            "architecture": {"64bit": {"url": url[windows], "hash": sha256[windows], "extract_dir": f"keymint-{VERSION}-{windows}"}},
            "bin": "keymint.exe",
        }
        (manifests / "keymint.json").write_text(json.dumps(scoop, indent=4) + "\n")
        for name, text in winget(url[windows], sha256[windows]).items():
            (manifests / name).write_text(text)


def homebrew(url, sha256):
    def source(target):
        return f'      url "{url[target]}"\n      sha256 "{sha256[target]}"\n'

    systems = {"macos": {"arm": "aarch64-apple-darwin", "intel": "x86_64-apple-darwin"},
               "linux": {"arm": "aarch64-unknown-linux-musl", "intel": "x86_64-unknown-linux-musl"}}
    blocks = []
    for system, processors in systems.items():
        made = {processor: target for processor, target in processors.items() if target in url}
        inner = "".join(f"    on_{processor} do\n{source(target)}    end\n" for processor, target in made.items())
        blocks.append(f"  on_{system} do\n{inner}  end\n\n" if made else "")
    return f'''class Keymint < Formula
  desc "{CRATE["description"]}"
  homepage "{PACKAGE["homepage"]}"
  version "{VERSION}"
  license "{PACKAGE["license"]}"

{"".join(blocks)}  def install
    bin.install "keymint"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/keymint.bash" => "keymint"
    zsh_completion.install "completions/_keymint"
    fish_completion.install "completions/keymint.fish"
  end

  test do
    assert_match "sk-", shell_output("#{{bin}}/keymint demo")
  end
end
'''


def winget(url, sha256):
    schema = "1.12.0"
    head = f"PackageIdentifier: Keymint.Keymint\nPackageVersion: {VERSION}\n"
    tail = {kind: f"ManifestType: {kind}\nManifestVersion: {schema}\n" for kind in ("version", "installer", "defaultLocale")}
    installer = f'''{head}InstallerType: zip
NestedInstallerType: portable
NestedInstallerFiles:
  - RelativeFilePath: keymint-{VERSION}-x86_64-pc-windows-gnu\\keymint.exe
    PortableCommandAlias: keymint
Installers:
  - Architecture: x64
    InstallerUrl: {url}
    InstallerSha256: {sha256.upper()}
'''
    locale = f'''{head}PackageLocale: en-US
Publisher: keymint
PackageName: keymint
PackageUrl: {PACKAGE["homepage"]}
License: {PACKAGE["license"]}
ShortDescription: {CRATE["description"]}
'''
    return {
        "Keymint.Keymint.yaml": f"{head}DefaultLocale: en-US\n{tail['version']}",
        "Keymint.Keymint.installer.yaml": installer + tail["installer"],
        "Keymint.Keymint.locale.en-US.yaml": locale + tail["defaultLocale"],
    }


COMMANDS = {
    "zip": lambda stage, name, out: make_zip(Path(stage), name, Path(out)),
    "wheel": lambda stage, target, out: make_wheel(Path(stage), target, Path(out)),
    "npm": lambda stage, system, processor, out: make_npm(Path(stage), system, processor, Path(out)),
    "launcher": lambda out, *platforms: make_launcher(Path(out), *platforms),
    "manifests": lambda out: make_manifests(Path(out)),
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
