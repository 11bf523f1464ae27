"""Creates an OpenAI project API key with the `keymint` program of this package.

    import keymint_cli

    key = keymint_cli.create()
    client = openai.OpenAI(api_key=key.value)

The program creates every key, so the records, recovery files and exit codes are those of the command line.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import queue
import subprocess
import sys
import sysconfig
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, IO, List, Mapping, NoReturn, Optional, Tuple, Union
from urllib.parse import parse_qs, urlsplit

__all__ = ["Event", "Key", "KeymintError", "create", "find_program", "show"]

_DESTINATIONS = ("--copy", "--env-file", "--keyring", "--pipe-to", "--print")
_MOST_ANSWERS = 3
# On Windows, Ctrl-C does not interrupt a wait without a time limit. The limit is in seconds.
_LONGEST_WAIT = 0.1 if os.name == "nt" else None


@dataclass(frozen=True, eq=False)
class Key:
    """A new API key. Its representation hides the value."""

    value: Optional[str] = field(repr=False)
    """The key, or `None` if only other destinations got it."""
    name: str
    last4: str
    id: Optional[str]
    created_at: Optional[str]
    expires_at: Optional[str]
    organization: Mapping[str, Optional[str]]
    project: Mapping[str, Optional[str]]
    delivered_to: Tuple[Mapping[str, str], ...]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key cannot be pickled or copied")


@dataclass(frozen=True)
class Event:
    """A step of a sign-in: a line of `--events`. It has no secret."""

    name: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


class KeymintError(Exception):
    """An error of the program, with the members of `keymint.error/1`.

    `key` is the key that exists if a destination failed (exit code 9).
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str = "internal",
        exit_code: int = 1,
        hint: Optional[str] = None,
        reason: Optional[str] = None,
        choices: Tuple[Mapping[str, Any], ...] = (),
        key: Optional[Key] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.exit_code = exit_code
        self.hint = hint
        self.reason = reason
        self.choices = choices
        self.key = key

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def show(event: Event) -> None:
    """Prints the URL to open and the warnings on standard error."""
    if sys.stderr is None:
        return  # `print` would take standard output instead.
    if event.name == "authorize_url":
        print(f"Open this URL to sign in:\n{event['url']}", file=sys.stderr, flush=True)
    elif event.name == "warning":
        print(f"warning: {event['message']}", file=sys.stderr, flush=True)


def create(
    *options: str,
    organization: Optional[str] = None,
    project: Optional[str] = None,
    name: Optional[str] = None,
    env_file: Union[str, "os.PathLike[str]", None] = None,
    keyring: bool = False,
    ask: Optional[Callable[[str], Optional[str]]] = None,
    on_event: Optional[Callable[[Event], None]] = show,
    env: Optional[Mapping[str, str]] = None,
    program: Union[str, "os.PathLike[str]", None] = None,
) -> Key:
    """Signs in with the browser, creates one project API key, and returns it.

    `options` are further options of `keymint create`, except `--dry-run`. If they, `env_file` or `keyring` name a
    destination, the key goes there, and `value` of the result is `None` unless `--print` is one of them.

    With `ask`, the browser may be on another machine: `ask` gets the URL to open, and returns the URL of the browser's
    last page. If that URL does not belong to this sign-in, `ask` is called again, three times in total; `None` ends the
    sign-in. `on_event` gets each event. Both are called in the thread of the caller. The program gets the variables of
    `env` in addition to those of this process.

    An exception in a callback, such as Ctrl-C, ends the program, and is raised once it has ended. If the key was
    requested by then, the program waits for the answer first; a key that exists is `keymint_key` of the exception. A
    second Ctrl-C ends that wait. On Windows the program does not wait, and its next run warns that a key may exist.

    A signal that ends Python without an exception, as SIGTERM and SIGHUP do by default, does not end the program unless
    there is `ask`: it waits for the browser until its time limit. The key of a completed sign-in goes to its
    destinations; `keymint recover` has one that only Python was to get.

    Raises `KeymintError` if the program fails.
    """
    words = [os.fspath(program or find_program()), "create", "--json", "--events", "--no-input"]
    named = {"--organization": organization, "--project": project, "--name": name}
    words += [f"{option}={value}" for option, value in named.items() if value is not None]
    if env_file is not None:
        words.append(f"--env-file={os.fspath(env_file)}")
    if keyring:
        words.append("--keyring")
    words += options
    if not any(word.split("=")[0] in _DESTINATIONS for word in words):
        # Under a coding agent, the program prints no key unless told to. Only this process reads its output.
        words.append("--print")
    if ask is not None:
        words += ["--no-listen", "--no-browser"]
    run = None
    try:
        run = _Run(words, {**os.environ, **(env or {})}, listens=ask is None)
        for event in run:
            if on_event is not None:
                on_event(event)
            if ask is not None and event.name == "authorize_url":
                run.paste(_answer(ask, event["url"]))
        return run.result()
    except BaseException as error:
        if run is not None:
            run.end()
            key = run.key()
            if key is not None:
                error.keymint_key = key  # type: ignore[attr-defined]
        raise


def find_program() -> Path:
    """Returns the path of the program that was installed with this package."""
    program = "keymint" + (sysconfig.get_config_var("EXE") or "")
    packages = Path(__file__).resolve().parents[1]
    # Only this directory: others may have another installation.
    installed = importlib.metadata.distributions(name="keymint-cli", path=[str(packages)])
    files = [file for distribution in installed for file in distribution.files or ()]
    paths = [os.path.normpath(str(file.locate())) for file in files if file.name == program]
    # `pip install --target` moves the program.
    paths.append(str(packages / "bin" / program))
    for path in paths:
        if os.path.isfile(path):
            return Path(path)
    raise KeymintError(f"the program was not found at {' or '.join(paths)}", hint="Install keymint-cli again.")


def _answer(ask: Callable[[str], Optional[str]], url: str) -> Optional[str]:
    """Asks until the answer has the state of the sign-in."""
    state = parse_qs(urlsplit(url).query)["state"][0]
    for _ in range(_MOST_ANSWERS):
        answer = ask(url)
        if answer is None:
            return None
        answer = "".join(answer.split())
        if state in answer:
            return answer
    return None


class _Run:
    """The program while it runs, as an iterator over its events."""

    def __init__(self, words: List[str], env: Mapping[str, str], listens: bool) -> None:
        # A session of its own: Ctrl-C on a terminal would signal the program a second time.
        self._process = subprocess.Popen(
            words,
            env=env,
            stdin=subprocess.DEVNULL if listens else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name != "nt",
        )
        self._lines: "queue.SimpleQueue[Optional[bytes]]" = queue.SimpleQueue()
        self._output: List[bytes] = []
        self._texts: List[str] = []
        self._error: Optional[Dict[str, Any]] = None
        self._readers = [
            threading.Thread(target=self._read_events, args=[self._process.stderr], daemon=True),
            threading.Thread(target=self._read_output, args=[self._process.stdout], daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_events(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def _read_output(self, stream: IO[bytes]) -> None:
        self._output.append(stream.read())

    def __iter__(self) -> "_Run":
        return self

    def __next__(self) -> Event:
        while True:
            try:
                line = self._lines.get(timeout=_LONGEST_WAIT)
            except queue.Empty:
                continue
            if line is None:
                raise StopIteration
            fields = _object(line)
            if fields is None or not isinstance(fields.get("event"), str):
                self._texts.append(line.decode(errors="replace").rstrip())
                continue
            name = fields.pop("event")
            if name == "error":
                self._error = fields
            return Event(name, fields)

    def paste(self, answer: Optional[str]) -> None:
        """Writes the answer and closes standard input, so that the program does not wait for another answer."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            if answer is not None:
                stdin.write(answer.encode() + b"\n")
            stdin.close()
        except OSError:
            pass  # The program has ended. Its output has the reason.

    def end(self) -> None:
        """Ends the program, which first completes a creation that was requested."""
        while self._process.poll() is None:
            try:
                self._process.terminate()
                self._process.wait()
            except KeyboardInterrupt:
                continue

    def key(self) -> Optional[Key]:
        """Waits for the end of the program. Returns the key if the program printed one."""
        self._process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None and not stream.closed:
                stream.close()
        return _key(_object(b"".join(self._output)))

    def result(self) -> Key:
        key = self.key()
        code = self._process.returncode
        if code == 0 and key is not None:
            return key
        failure = {**self._printed_error(), **(self._error or {})}
        raise KeymintError(
            failure.get("message") or "\n".join(self._texts) or f"keymint ended with {code}",
            kind=failure.get("kind", "internal"),
            exit_code=code,
            hint=failure.get("hint"),
            reason=failure.get("reason"),
            choices=tuple(failure.get("choices", ())),
            key=key,
        )

    def _printed_error(self) -> Dict[str, Any]:
        printed = _object(b"".join(self._output)) or {}
        return printed if printed.get("schema") == "keymint.error/1" else {}


def _object(line: bytes) -> Optional[Dict[str, Any]]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else None


def _key(document: Optional[Dict[str, Any]]) -> Optional[Key]:
    if document is None or not str(document.get("schema")).startswith("keymint.created/"):
        return None
    key = document["key"]
    return Key(
        value=key.get("value"),
        name=key["name"],
        last4=key["last4"],
        id=key.get("id"),
        created_at=key.get("created_at"),
        expires_at=key.get("expires_at"),
        organization=document["organization"],
        project=document["project"],
        delivered_to=tuple(document["delivered_to"]),
    )
