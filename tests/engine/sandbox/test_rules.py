"""Every rule of the lock is seen failing in the self-test when it is taken out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.sandbox import attempts, seccomp
from holdfast.sandbox.kernel import MACHINE, NUMBERS

# One interpreter; each rule is taken out in a fork of its own, which locks itself and tries.
DRIVER = """
import io, json, os, resource, signal, sys, traceback
from holdfast.sandbox import attempts, landlock, lock, seccomp, selftest
LANDLOCK = ("_WRITE_FILE", "_READ_FILE", "_READ_DIR", "_TRUNCATE")
NOTHING = lambda *_, **__: None

def without(name):
    seccomp.DENIED.remove(name)

def not_handled(*bits):
    handled = landlock._handled
    landlock._handled = lambda version: handled(version) & ~sum(bits)

def no_limit(which):
    set_limit = resource.setrlimit
    def some(number, pair):
        if number != which:
            set_limit(number, pair)
    resource.setrlimit = some

def change(module, name, value):
    setattr(module, name, value)

def drop(marker):
    program = seccomp._program
    numbers = seccomp.NUMBERS[seccomp.MACHINE]
    def without_it(gpu):
        made, at = program(gpu=gpu), 0
        while at < len(made):
            kind, true, false, value = made[at]
            if kind == seccomp._JUMP_EQUAL and value == numbers[marker] and true == 0:
                yield (kind, 0, false, 0xFFFFFFFE)  # a number that no call has
            else:
                yield made[at]
            at += 1
    seccomp._program = lambda gpu: list(without_it(gpu))

def granted(folder, bits=landlock.READ):
    grants = lock._grants
    lock._grants = lambda gpu: grants(gpu=gpu) | {folder: bits}

def kept_capabilities():
    lock._drop_capabilities = NOTHING

def run(folder, code):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 1)
        sys.stdout = os.fdopen(1, "w")
        try:
            exec(code)
            selftest._probe(folder, gpu=sys.argv[2] == "gpu")
        except BaseException:
            sys.stdout.write(traceback.format_exc())
        sys.stdout.flush()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        text = told.read()
    os.waitpid(child, 0)
    return text

orders = json.load(sys.stdin)
answers = {}
for name, code in orders.items():
    folder = os.path.join(sys.argv[1], name.replace("/", "_"))
    os.makedirs(folder)
    with open(os.path.join(folder, attempts.SECRET), "w") as file:
        file.write("nobody reads this")
    answers[name] = run(folder, code)
json.dump(answers, sys.stdout)
"""
SAID = {
    "files may be read": ("granted('/etc')", "reading /etc/passwd"),
    "the temporary folder may be read": ("granted(folder)", "reading a user's file"),
    "Landlock forgets to read": ("not_handled(4)", "reading a user's file"),
    "Landlock forgets folders": ("not_handled(8)", "listing a folder"),
    "Landlock forgets to write": ("not_handled(2)", "changing a file"),
    "Landlock forgets new files": ("not_handled(1 << 8, 2)", "writing a file"),
    "Landlock forgets new folders": ("not_handled(1 << 7)", "making a folder"),
    "Landlock forgets to remove": ("not_handled(1 << 5)", "removing a file"),
    "cutting": ("not_handled(1 << 14); without('truncate')", "cutting a file"),
    "Landlock forgets to move": ("not_handled(1 << 5, 1 << 8, 1 << 13)", "moving a file"),
    "no Landlock": ("landlock.restrict = lambda grants: 7", "reading a user's file"),
    "no filter": ("seccomp.install = NOTHING", "starting a process"),
    "files of the parent's process": (
        "granted('/proc', landlock.READ_WRITE_DEVICE)",
        "changing a setting of the parent",
    ),
    "clone without threads": ("drop('clone')", "starting a process"),
    "clone3": ("drop('clone3')", "the system call clone3"),
    "prctl": ("drop('prctl')", "outliving the parent"),
    "signals": (
        "drop('kill'); landlock._ABSTRACT_SOCKETS_AND_SIGNALS = 1",
        "a signal to the parent",
    ),
    "programs": (
        "without('execve'); not_handled(1)",
        "started",
    ),
    "capabilities": ("lock._drop_capabilities = NOTHING", "keeping capabilities"),
    "no_new_privs": (
        "lock._no_new_privs = NOTHING; lock._drop_capabilities = NOTHING",
        "gaining privileges",
    ),
    "file size": ("no_limit(resource.RLIMIT_FSIZE)", "a longer file than the limit"),
    "open files": ("no_limit(resource.RLIMIT_NOFILE)", "more open files than the limit"),
    "processor time": ("no_limit(resource.RLIMIT_CPU)", "more processor time than the limit"),
    "core dumps for programs": ("lock._leave_no_core = NOTHING", "a core dump for a program"),
    "core dumps": ("no_limit(resource.RLIMIT_CORE)", "a core dump"),
    "pairs of sockets": ("without('socketpair')", "a pair of datagram sockets"),
}
ON_CPU = {
    "memory": ("no_limit(resource.RLIMIT_AS)", "more memory than the limit"),
    "sockets": ("without('socket')", "an internet socket"),
    "unix sockets": ("without('socket')", "a unix socket"),
}
ON_GPU = {
    "sockets": ("drop('socket')", "an internet socket"),
    "unix sockets": ("drop('socket')", "a unix socket"),
    "names of sockets": ("seccomp._pretend = lambda number: []", "a local socket with a name"),
    "sockets of another kind": ("change(seccomp, '_SEQUENCED', 2)", "a datagram socket"),
    "sockets of another family": (
        "change(seccomp, '_UNIX', 2)",
        "a packet socket of the internet",
    ),
    "the kernel's choice": (
        "lock._first_to_go = NOTHING",
        "outlasting others when memory runs out",
    ),
}
RULES = {"cpu": SAID | ON_CPU, "gpu": SAID | ON_GPU}
TAKEN_OUT = [(rules, name) for rules, those in RULES.items() for name in those]
_ALL_CALLS = [name for name in attempts.CALLS if name in NUMBERS[MACHINE]]
TRIED_AS_A_WHOLE = {"fork", "vfork"}


@pytest.fixture(scope="module")
def cpu(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _answers("cpu", tmp_path_factory.mktemp("cpu"))


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return _answers("gpu", tmp_path_factory.mktemp("gpu"))


@pytest.fixture
def answers(request: pytest.FixtureRequest, rules: str) -> dict[str, str]:
    found: dict[str, str] = request.getfixturevalue(rules)
    return found


def _answers(rules: str, folder: Path) -> dict[str, str]:
    orders = {
        "nothing": "",
        **{name: code for name, (code, _) in RULES[rules].items()},
        **{f"call {name}": f"without({name!r})" for name in _ALL_CALLS},
    }
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", DRIVER, str(folder), rules],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _allowed(answer: str) -> list[str]:
    first, *rest = answer.splitlines()
    return [*json.loads(first)["allowed"], *rest]


@pytest.mark.parametrize("rules", RULES)
def test_with_all_rules_nothing_is_possible_and_what_is_needed_works(
    answers: dict[str, str],
) -> None:
    assert _allowed(answers["nothing"]) == []
    assert json.loads(answers["nothing"])["broken"] == []


@pytest.mark.parametrize(("rules", "name"), TAKEN_OUT)
def test_a_rule_that_is_taken_out_is_seen(answers: dict[str, str], rules: str, name: str) -> None:
    assert RULES[rules][name][1] in _allowed(answers[name])


def test_every_denied_call_is_tried() -> None:
    assert {*attempts.CALLS} == {*seccomp.DENIED} - TRIED_AS_A_WHOLE
    assert len(attempts.CALLS) == len(set(attempts.CALLS))


@pytest.mark.parametrize("rules", RULES)
def test_a_call_that_is_no_longer_denied_is_seen(answers: dict[str, str]) -> None:
    """Some calls the kernel itself refuses to a process without capabilities, as ours is."""
    visible = {name for name in _ALL_CALLS if _said(name) in _allowed(answers["no filter"])}
    assert {"connect", "execve", "ptrace", "symlink", "chmod", "setns"} <= visible
    seen = {name for name in _ALL_CALLS if _said(name) in _allowed(answers[f"call {name}"])}
    assert seen == visible


def _said(name: str) -> str:
    return f"the system call {name}"
