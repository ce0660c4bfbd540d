"""Escapes: what each mechanism holds, and, where it does not, that it does not (docs/sandbox.md is this, in words).

Run as root, programs become nobody, and the last mechanism holds more than it does for others; such checks are skipped.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from primer.core.errors import ConfigError
from primer.engine.sandbox import (
    MECHANISMS,
    Mechanism,
    SandboxError,
    SandboxLimits,
    SandboxResult,
    best_mechanism,
    cut,
    describe_mechanism,
    run_python,
)

LIMITS = SandboxLimits(seconds=20, cpu_seconds=10)
SHORT = replace(LIMITS, seconds=1.0)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the mechanisms are Linux's")


@pytest.fixture(params=MECHANISMS)
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    """Each that works here."""
    if problem := why_not(request.param):
        pytest.skip(problem)
    return request.param


@cache
def why_not(mechanism: Mechanism) -> str:
    """Why a mechanism does not work here; empty if it does."""
    try:
        run_python("", LIMITS, mechanism)
    except SandboxError as error:
        return str(error)
    return ""


@pytest.fixture
def mark() -> str:
    """A name that a program gives itself and its children, to be found by."""
    return uuid.uuid4().hex[:12]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that its owner alone can read."""
    path = tmp_path / "secret.txt"
    path.write_text("hunter2")
    path.chmod(0o600)
    for folder in tmp_path.parents[:3]:
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    return path


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    """Another process of this user, with a secret in its environment."""
    with subprocess.Popen(["/bin/sleep", "60"], env={"SECRET": "hunter2"}) as process:
        yield process
        process.kill()


def run(code: str, mechanism: Mechanism, limits: SandboxLimits = LIMITS) -> SandboxResult:
    return run_python(code, limits, mechanism)


def named(mark: str) -> str:
    """Code by which a program takes a name, which its children inherit."""
    return f"import ctypes; ctypes.CDLL(None).prctl(15, b'{mark}')\n"


def alive(mark: str) -> list[str]:
    """Processes of that name, once those that have been killed had time to die."""
    deadline = time.monotonic() + 10
    while True:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "comm").read_text().strip() == mark:
                    found.append(process.name)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def weak(mechanism: Mechanism) -> bool:
    """Nothing but limits, and the program is who we are."""
    return mechanism == "limits" and os.geteuid() != 0


# --- programs that mean no harm ---


def test_a_program_runs(mechanism: Mechanism) -> None:
    result = run("import json, math\nprint(json.dumps([math.factorial(20), 'é']))", mechanism)
    assert result.ok
    assert result.output == '[2432902008176640000, "\\u00e9"]\n'
    assert result.mechanism == mechanism
    assert result.text() == '[2432902008176640000, "\\u00e9"]'


def test_errors_name_their_line_and_code(mechanism: Mechanism) -> None:
    result = run("x = 1\nprint('so far')\nx / 0", mechanism)
    assert not result.ok
    assert result.exit_code == 1
    assert "line 3" in result.error
    assert result.text() == "so far\nerror: ZeroDivisionError: division by zero"
    assert run("import sys; sys.exit(7)", mechanism).text() == "error: the program ended with code 7"
    assert run("pass", mechanism).text() == "(no output)"
    assert "SyntaxError" in run("def f(:", mechanism).text()
    assert "null bytes" in run("x\0y", mechanism).error
    assert run("print('\ud800')", mechanism).output == "?\n"


def test_its_folder_is_empty_and_its_own(mechanism: Mechanism) -> None:
    code = """
import os, tempfile
print(os.listdir(), os.getcwd() == os.environ["HOME"] == tempfile.gettempdir(), sorted(os.environ))
open("note", "w").write("x")
print(os.listdir())
"""
    for _ in range(2):  # the second finds nothing of the first
        output = run(code, mechanism).output
        assert output == "[] True ['HOME', 'LANG', 'PATH', 'TMPDIR']\n['note']\n"


def test_it_can_have_threads_and_children_and_reads_nothing(mechanism: Mechanism) -> None:
    code = """
import subprocess, threading
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
print(subprocess.run(["/bin/echo", "child"], capture_output=True, text=True).stdout, end="")
input()
"""
    result = run(code, mechanism)
    assert result.output == "thread\nchild\n"
    assert result.text().endswith("error: EOFError: EOF when reading a line")


# --- bounds ---


def test_time(mechanism: Mechanism) -> None:
    for code in ("import time; time.sleep(60)", "while True: pass"):
        result = run("print('begun', flush=True)\n" + code, mechanism, SHORT)
        assert result.stopped == "time"
        assert result.text() == "begun\nerror: the program took too long"


def test_processor_time(mechanism: Mechanism) -> None:
    result = run("while True: pass", mechanism, replace(LIMITS, cpu_seconds=1))
    assert result.exit_code in (-signal.SIGXCPU, -signal.SIGKILL)


def test_signals_that_it_ignores_do_not_save_it(mechanism: Mechanism, mark: str) -> None:
    code = """
import signal, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
time.sleep(60)"""
    assert run(named(mark) + code, mechanism, SHORT).stopped == "time"
    assert not alive(mark)


def test_memory_of_a_process(mechanism: Mechanism) -> None:
    assert run("bytearray(10**10)", mechanism).text() == "error: MemoryError"


def test_memory_of_all_processes(mechanism: Mechanism, mark: str) -> None:
    code = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(b"x") * (80 << 20)
        time.sleep(60)
time.sleep(60)"""
    result = run(named(mark) + code, mechanism, replace(LIMITS, memory_mb=200))
    assert result.stopped == "memory"
    assert not alive(mark)


def test_fork_bomb(mechanism: Mechanism, mark: str) -> None:
    code = """
import os
while True:
    try: os.fork()
    except OSError: print("held", flush=True)"""
    result = run(named(mark) + code, mechanism, SHORT)
    assert "held" in result.output
    assert result.stopped == "time"
    assert not alive(mark)


def test_a_file_too_large(mechanism: Mechanism) -> None:
    result = run("open('f', 'wb').write(bytes(50 << 20))", mechanism)
    assert "OSError" in result.error
    assert not result.ok


def test_many_files(mechanism: Mechanism) -> None:
    code = """
for i in range(6):
    open(str(i), "wb").write(bytes(4 << 20))
print("written")"""
    result = run(code, mechanism)
    assert ("written" in result.output) == (mechanism != "namespaces")  # only there the bound is on all of them


def test_endless_output(mechanism: Mechanism) -> None:
    result = run("while True: print('x' * 1000)", mechanism, SHORT)
    assert result.stopped == "time"
    assert result.output == "x" * 1000 + "\n" + "x" * 999 + "\n… (more was printed)"
    assert run("print('é' * 2000, end='')", mechanism).output == "é" * 2000


def test_bounds_cannot_be_raised(mechanism: Mechanism) -> None:
    code = """
import resource
for limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    try: resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); print("raised")
    except ValueError: print("held")"""
    assert run(code, mechanism).output == "held\n" * 4


# --- leaving something behind ---


def test_background_processes_are_ended(mechanism: Mechanism, mark: str) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
print("gone")"""
    assert run(named(mark) + code, mechanism).output == "gone\n"
    assert not alive(mark)


def test_nothing_is_left_after_ctrl_c(mechanism: Mechanism, mark: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(named(mark) + "import os, time; os.fork(); time.sleep(60)", mechanism)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not alive(mark)


# --- files ---


def test_files_outside(mechanism: Mechanism, secret: Path) -> None:
    if mechanism == "limits" and not weak(mechanism):
        pytest.skip("nobody cannot read root's files")
    result = run(f"print(open({str(secret)!r}).read())", mechanism)
    assert ("hunter2" in result.output) == weak(mechanism)
    run(f"open({str(secret)!r}, 'w').write('changed')", mechanism)
    assert (secret.read_text() == "changed") == weak(mechanism)


def test_symlinks_lead_nowhere_and_are_not_followed_when_cleaning_up(mechanism: Mechanism, secret: Path) -> None:
    code = f"""
import os
os.symlink({str(secret.parent)!r}, "folder")
os.symlink({str(secret)!r}, "file")
for path in ("file", "folder/{secret.name}", "/proc/self/root{secret}", "../../../../../../..{secret}"):
    try: print(open(path).read())
    except OSError: print("held")"""
    result = run(code, mechanism)
    if not weak(mechanism):
        assert result.output == "held\n" * 4
    assert secret.read_text() == "hunter2"


def test_modes_of_files_outside(mechanism: Mechanism, secret: Path) -> None:
    run(f"import os; os.chmod({str(secret)!r}, 0o644)", mechanism)
    changed = secret.stat().st_mode & 0o777 == 0o644
    assert changed == (mechanism != "namespaces" and os.geteuid() != 0)  # Landlock does not know this call


def test_the_system_is_read_only(mechanism: Mechanism) -> None:
    code = f"""
import os
for folder in ("/", "/usr", "/etc", "/dev", {str(Path(sys.base_prefix).resolve())!r}):
    try: open(os.path.join(folder, "primer_was_here"), "w"); print("written", folder)
    except OSError: pass"""
    output = run(code, mechanism).output
    assert output == "" or weak(mechanism)
    if output:  # a Python of our own may be ours to change
        (Path(sys.base_prefix).resolve() / "primer_was_here").unlink(missing_ok=True)


# --- other processes ---


def test_environment_and_memory_of_other_processes(mechanism: Mechanism, victim: subprocess.Popen[bytes]) -> None:
    code = f"""
for name in ("environ", "mem", "cmdline"):
    try: print(open("/proc/{victim.pid}/" + name, "rb").read(20))
    except OSError: print("held")"""
    output = run(code, mechanism).output
    if mechanism != "limits":
        assert output == "held\n" * 3
    assert ("hunter2" in output) == weak(mechanism)


def test_signals_to_other_processes(mechanism: Mechanism, victim: subprocess.Popen[bytes]) -> None:
    result = run(f"import os; os.kill({victim.pid}, 9); print('killed')", mechanism)
    assert ("killed" in result.output) == weak(mechanism)
    if not weak(mechanism):
        assert victim.poll() is None


def test_signals_to_its_keeper(mechanism: Mechanism, mark: str) -> None:
    code = named(mark) + "import os\ntry: os.kill(os.getppid(), 9)\nexcept OSError: pass\nprint('alive')"
    result = run(code, mechanism)
    assert result.ok == (not weak(mechanism))
    assert result.stopped == ("killed" if weak(mechanism) else "")
    assert not alive(mark)


def test_signals_to_everybody_end_itself_alone(mechanism: Mechanism, victim: subprocess.Popen[bytes]) -> None:
    if weak(mechanism):
        pytest.skip("it would end everything that this user runs, pytest too")
    run("import os; os.kill(0, 9)", mechanism)
    run("import os; os.kill(-1, 9)", mechanism)
    assert victim.poll() is None


def test_it_inherits_no_descriptors(mechanism: Mechanism) -> None:
    code = """
import os
for descriptor in range(3, 64):
    try: os.fstat(descriptor); print(descriptor, "is open")
    except OSError: pass"""
    assert run(code, mechanism).output == ""


# --- the system ---


def test_ctypes_gives_no_rights(mechanism: Mechanism) -> None:
    code = """
import ctypes
libc = ctypes.CDLL(None)
print(libc.setuid(0), libc.mount(b"none", b"/", None, 4096 | 32, None), libc.chroot(b"."), libc.ptrace(16, 1, 0, 0))"""
    assert run(code, mechanism).output == "-1 -1 -1 -1\n"


def test_it_makes_no_namespaces_within_its_own(mechanism: Mechanism) -> None:
    result = run("import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))", mechanism)
    assert (result.output == "-1\n") == (mechanism == "namespaces")


# --- the network ---


def test_tcp_to_this_machine(mechanism: Mechanism) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('in')", mechanism)
    assert ("in" in result.output) == (mechanism == "limits")


def test_udp_to_this_machine(mechanism: Mechanism) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        address = receiver.getsockname()
        run(f"import socket; socket.socket(2, 2).sendto(b'out', {address!r})", mechanism)
        try:
            received = receiver.recv(10)
        except TimeoutError:
            received = b""
    assert (received == b"out") == (mechanism != "namespaces")  # Landlock knows TCP alone


def test_unix_sockets(mechanism: Mechanism, tmp_path: Path) -> None:
    name = f"\0primer-test-{os.getpid()}-{mechanism}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        result = run(f"import socket; socket.socket(socket.AF_UNIX).connect({name!r}); print('in')", mechanism)
    assert ("in" in result.output) == (mechanism == "limits")


# --- the sandbox itself ---


def test_the_best_mechanism_is_found_and_described() -> None:
    assert best_mechanism() in MECHANISMS
    assert "Python programs" in describe_mechanism()
    assert run_python("print(1)").mechanism == best_mechanism()


def test_a_mechanism_that_does_not_work_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.base_prefix", str(tmp_path / "missing"))
    broken = tmp_path / "python"
    broken.symlink_to("/bin/false")
    monkeypatch.setattr("sys.executable", str(broken))
    with pytest.raises(SandboxError, match="cannot be set up here: it ended with code 1"):
        run_python("", LIMITS, "limits")


def test_limits_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="seconds is 0"):
        SandboxLimits(seconds=0)


def test_long_text_is_cut() -> None:
    assert cut(b"abc", 3) == "abc"
    assert cut(b"abcd", 3) == "abc\n… (more was printed)"
    assert cut("é".encode()[:1], 3) == "\ufffd"
