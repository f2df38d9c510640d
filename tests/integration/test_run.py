"""./run as one uses it: what it prints works when pasted, it stops when told to, and it copes."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import usher
from usher_testing import SOURCE, Http, free_port, wait_until
from usher_testing.process import run
from usher_testing.system import Cluster

UP = "Ctrl-C stops it."


class Run:
    """One start of ./run, in a process group of its own as a terminal gives it."""

    def __init__(self, data: pathlib.Path, *words: str, http: int = 0, rpc: int = 0):
        self.data = data
        self.http_port = http or free_port()
        self.rpc = f"tcp://127.0.0.1:{rpc or free_port()}"
        self.lines: list[str] = []
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["./run", "--data", data, "--http", f"127.0.0.1:{self.http_port}", "--rpc", self.rpc, *words],
            cwd=SOURCE,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def wait_up(self, timeout_s: float = 300) -> Run:
        """The first one of a tree builds first."""
        wait_until(
            lambda: UP in self.lines or self.process.poll() is not None, "./run says it is up", timeout_s
        )
        assert self.process.poll() is None, self.text
        return self

    def answers(self) -> bool:
        try:
            return Http(self.http_port).get("/health").status == 200
        except OSError:
            return False

    @property
    def demo(self) -> dict[str, str]:
        return json.loads((self.data / "demo.json").read_text())

    @property
    def http(self) -> Http:
        return Http(self.http_port)

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """How long it took. SIGINT goes to the group, as Ctrl-C does."""
        began = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait(60)
        took = time.monotonic() - began
        self._reader.join(5)
        return took

    def end(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)


def processes_of(data: pathlib.Path) -> list[str]:
    """Processes whose words, settings or folder name the data folder."""
    found = []
    home = (data / "postgres").resolve() if (data / "postgres").exists() else data
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            settings = (entry / "environ").read_bytes()
            folder = os.readlink(entry / "cwd")
        except OSError:
            continue
        named = (str(data).encode(), str(home).encode())
        if any(n in words or n in settings for n in named) or folder.startswith((str(data), str(home))):
            found.append(f"{entry.name}: {words.decode(errors='replace')}")
    return found


def check_gone(data: pathlib.Path) -> None:
    assert processes_of(data) == []


def remove_cluster(data: pathlib.Path) -> None:
    """Its files stand elsewhere when its user may not enter the folder, as for root here."""
    done = run([SOURCE / "tests/lib/cluster", "remove", data])
    assert done.returncode == 0, done.stderr


@pytest.fixture()
def data(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Iterator[pathlib.Path]:
    """Of another name where a test gives one."""
    folder = tmp_path / getattr(request, "param", "data")
    yield folder
    for line in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(line.split(":")[0]), signal.SIGKILL)
    remove_cluster(folder)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    made = Run(tmp_path_factory.mktemp("run") / "data")
    try:
        yield made.wait_up()
    finally:
        made.end()
        remove_cluster(made.data)


@pytest.mark.timeout(420)  # ./run makes a build of its own first
def test_it_says_what_is_where(first: Run):
    for wanted in (
        f"http://127.0.0.1:{first.http_port}", first.rpc, "usher.conf", "usherd.log", "bridge.log",
        "demo.json", "socket",
    ):  # fmt: skip
        assert wanted in first.text, first.text


def test_demo_json_has_all_and_is_closed_to_others(first: Run):
    assert stat.S_IMODE((first.data / "demo.json").stat().st_mode) == 0o600
    demo = first.demo
    assert set(demo) == {"orgId", "chatbotId", "userId", "email", "password", "apiKey", "http", "rpc"}
    assert all(demo.values())
    assert demo["rpc"] == first.rpc
    assert demo["http"].endswith(f"127.0.0.1:{first.http_port}")
    with usher.Client(demo["rpc"], credential=demo["apiKey"]) as client:
        reply = client.context.resolve(message="Hello")
    assert reply.user.user_id == demo["userId"]
    assert reply.chatbot.chatbot_id == demo["chatbotId"]
    assert sorted(reply.caller.scopes) == ["context.read", "context.write"]


def test_nobody_else_may_read_what_it_writes(first: Run):
    assert stat.S_IMODE(first.data.stat().st_mode) == 0o711
    for name in ("usher.conf", "master.key", "bridge.key", "usherd.log", "bridge.log", "usherd.pid"):
        assert stat.S_IMODE((first.data / name).stat().st_mode) & 0o077 == 0, name


def test_a_folder_of_somebody_else_is_left_alone(data: pathlib.Path, first: Run):
    data.mkdir(0o755)
    (data / "other").touch()
    done = run(["./run", "--data", data], cwd=SOURCE)
    assert done.returncode == 1 and str(data) in done.stderr
    assert len(done.stderr.splitlines()) == 1 and "--data" in done.stderr
    assert stat.S_IMODE(data.stat().st_mode) == 0o755 and os.listdir(data) == ["other"]


def test_the_three_commands_work_when_pasted(first: Run):
    at = next(i for i, line in enumerate(first.lines) if line.startswith("Try"))
    commands = [line.strip() for line in first.lines[at + 1 : at + 4]]
    assert len(commands) == 3 and all(commands)
    replies = []
    for command in commands:
        done = run(["bash", "-c", command], cwd=SOURCE)
        assert done.returncode == 0, (command, done.stderr)
        replies.append(json.loads(done.stdout))
    assert replies[0]["user"]["userId"] == first.demo["userId"]
    assert replies[1]["context"]["segments"]
    assert replies[2]["accessToken"]


def test_nothing_listens_on_the_network(first: Run):
    ours = [
        line for line in run(["ss", "-Hltnp"], check=True).stdout.splitlines()
        if re.search(r'"(postgres|usherd|usher-bridge)"', line)
    ]  # fmt: skip
    assert ours
    for line in ours:
        assert re.match(r"LISTEN\s+\d+\s+\d+\s+(127\.0\.0\.1|\[::1\]):", line), line


def test_a_signup_gets_its_code_in_the_reply_and_in_a_mail(first: Run):
    body = {"email": "new@example.com", "password": "a good password"}
    signup = first.http.post("/v1/auth/signup", body).expect(201)
    code = signup["debugCode"]
    assert re.fullmatch(r"\d{6}", code)
    wait_until(
        lambda: any(code in path.read_text(errors="replace") for path in (first.data / "mail").glob("*.eml")),
        "the mail is there",
    )


def test_a_second_run_of_the_same_folder_is_refused(first: Run):
    done = run(["./run", "--data", first.data], cwd=SOURCE)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and str(first.data) in done.stderr


def start_within(most_s: float, data: pathlib.Path) -> Run:
    """One that answers so soon, of a few: the machine may have been busy with something else."""
    took_s: list[float] = []
    for _ in range(4):
        made = Run(data)
        try:
            wait_until(made.answers, "it answers", 30, every_s=0.02)
        except AssertionError:
            made.end()
            raise
        took_s.append(time.monotonic() - made.began)
        if took_s[-1] < most_s:
            return made
        made.end()
    raise AssertionError(f"the starts took {took_s} s")


def stop_within(
    most_s: float, number: signal.Signals, up: Run, prepare: Callable[[], None] = lambda: None
) -> None:
    """It ends well and so soon, or one that is started after it does, of a few."""
    took_s: list[float] = []
    for _ in range(4):
        prepare()
        took_s.append(up.stop(number))
        assert up.process.returncode == 0, up.text
        check_gone(up.data)
        if took_s[-1] < most_s:
            return
        up = Run(up.data).wait_up()
    up.end()
    raise AssertionError(f"the stops took {took_s} s")


def test_a_second_start_keeps_the_data_and_is_quick(data: pathlib.Path, first: Run):
    before = Run(data).wait_up()
    demo = before.demo
    body = {"email": "kept@example.com", "password": "a good password"}
    signup = before.http.post("/v1/auth/signup", body).expect(201)
    verify = {"signupId": signup["signupId"], "code": signup["debugCode"]}
    before.http.post("/v1/auth/verify", verify).expect(200)
    stop_within(5, signal.SIGINT, before)

    after = start_within(3, data)
    try:
        after.wait_up(30)
        changed = {k: v for k, v in after.demo.items() if demo[k] != v}
        assert set(changed) == {"http", "rpc"}
        assert str(after.http_port) in changed["http"]
        after.http.post("/v1/auth/login", body).expect(200)
        keyed = after.http.by(api_key=demo["apiKey"])
        keyed.post(f"/v1/chatbots/{demo['chatbotId']}:resolve", {"message": "x"}).expect(200)
    finally:
        stop_within(5, signal.SIGTERM, after)


def test_it_stops_in_time_when_its_servers_hang(data: pathlib.Path, first: Run):
    def hang() -> None:
        for name in ("usherd", "bridge"):
            os.kill(int((data / f"{name}.pid").read_text()), signal.SIGSTOP)

    stop_within(5, signal.SIGTERM, Run(data).wait_up(), hang)


def test_ctrl_c_before_it_is_up_leaves_nothing(data: pathlib.Path, first: Run):
    starting = Run(data)
    wait_until((data / "postgres").exists, "it is on its way")
    starting.stop(signal.SIGINT)
    check_gone(data)
    again = Run(data).wait_up(60)
    again.end()


def test_after_kill_9_of_everything_it_starts_again(data: pathlib.Path, first: Run):
    killed = Run(data).wait_up()
    pidfile = data / "postgres/postmaster.pid"
    text = pidfile.read_text()
    os.kill(killed.process.pid, signal.SIGKILL)

    def are_dead() -> bool:
        left = processes_of(data)
        for line in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split(":")[0]), signal.SIGKILL)
        return not left

    wait_until(are_dead, "all are dead")
    # The number is somebody else's by now.
    owner = pidfile.parent.stat()
    pidfile.write_text(text.replace(text.split("\n")[0], str(os.getpid()), 1))
    os.chown(pidfile, owner.st_uid, owner.st_gid)
    again = Run(data, http=killed.http_port).wait_up(60)
    assert again.http.get("/ready").status == 200
    again.end()
    check_gone(data)


def test_after_kill_9_of_the_script_alone_the_ports_are_freed(data: pathlib.Path, first: Run):
    rpc = free_port()
    killed = Run(data, rpc=rpc).wait_up()
    killed.process.kill()
    killed.process.wait()
    again = Run(data, http=killed.http_port, rpc=rpc).wait_up(60)
    again.end()
    check_gone(data)


def test_a_number_that_another_usherd_has_by_now_is_left_alone(data: pathlib.Path, first: Run):
    other = int((first.data / "usherd.pid").read_text())
    data.mkdir()
    (data / "lock").touch()
    (data / "usherd.pid").write_text(f"{other}\n")
    # Its own port it is that is in use.
    done = run(["./run", "--data", data, "--http", f"127.0.0.1:{first.http_port}"], cwd=SOURCE)
    assert done.returncode == 1 and str(first.http_port) in done.stderr, done.stderr
    assert not (data / "usherd.pid").exists()
    os.kill(other, 0)
    first.http.get("/ready").expect(200)


def test_a_port_in_use_is_told_in_one_sentence(data: pathlib.Path, first: Run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for words, option in (
            (["--http", f"127.0.0.1:{port}"], "--http"),
            (["--rpc", f"tcp://127.0.0.1:{port}"], "--rpc"),
        ):
            spare = {"--http": ["--rpc", f"tcp://127.0.0.1:{free_port()}"],
                     "--rpc": ["--http", f"127.0.0.1:{free_port()}"]}[option]  # fmt: skip
            done = run(["./run", "--data", data, *words, *spare], cwd=SOURCE)
            assert done.returncode == 1, done.stdout
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert str(port) in done.stderr and option in done.stderr
    check_gone(data)


def test_a_database_out_of_reach_is_told(data: pathlib.Path, first: Run):
    done = run(
        ["./run", "--data", data, "--http", f"127.0.0.1:{free_port()}", "--rpc",
         f"tcp://127.0.0.1:{free_port()}", "--database", "host=/nowhere dbname=x password=hidden"],
        cwd=SOURCE,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "/nowhere" in done.stderr and "hidden" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3, done.stderr
    check_gone(data)


def test_a_database_of_yours_is_used_and_its_password_shown_nowhere(
    data: pathlib.Path, first: Run, cluster: Cluster
):
    database = cluster.empty_database("of_yours")
    uri = f"postgresql://usher_owner:hidden@/{database.name}?host={cluster.socket}"
    own = Run(data, "--database", uri).wait_up(60)
    try:
        assert own.http.get("/ready").status == 200
        assert database.count("chatbots") == 1 and not (data / "postgres").exists()
        assert "hidden" not in own.text and "--database" in own.text
    finally:
        own.end()
    check_gone(data)


@pytest.mark.parametrize(
    "data", [f"{'long' * 30}/{'er' * 40}/with spaces and 'quotes'"], indirect=True, ids=["long"]
)
def test_a_folder_name_too_long_for_a_socket(data: pathlib.Path, first: Run):
    long = Run(data).wait_up(60)
    try:
        assert long.http.get("/ready").status == 200
    finally:
        long.end()
    check_gone(data)


def test_production_has_nothing_of_the_demo(data: pathlib.Path, first: Run):
    production = Run(data, "--prod").wait_up()
    try:
        assert not (data / "demo.json").exists()
        assert "usher bootstrap" in production.text or "bootstrap --email" in production.text
        body = {"email": "new@example.com", "password": "a good password"}
        production.http.post("/v1/auth/signup", body).expect(503, "MAIL_NOT_CONFIGURED")
        assert production.http.get("/ready").status == 200
        assert "debugCode" not in production.http.post("/v1/auth/signup", body).body.decode()

        # The command that it asks for works, and then there is somebody.
        (line,) = [text for text in production.lines if "bootstrap --email" in text]
        command = line[line.index("USHER_CONFIG=") :].split("  ")[0]
        command = command.replace("YOU@EXAMPLE", "boss@example.com").replace("NAME", "Boss")
        done = run(["bash", "-c", command], cwd=SOURCE, input="a good password\n")
        assert done.returncode == 0, done.stderr
        login = {"email": "boss@example.com", "password": "a good password"}
        production.http.post("/v1/auth/login", login).expect(200)
    finally:
        production.end()
    check_gone(data)


def test_usage():
    done = run(["./run", "--help"], cwd=SOURCE)
    assert done.returncode == 0
    for option in ("--data", "--http", "--rpc", "--database", "--prod"):
        assert option in done.stdout
    for words in (["--nonsense"], ["--http"], ["--http", "nowhere"], ["--rpc", "http://x"], ["x"]):
        done = run(["./run", *words], cwd=SOURCE)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, (words, done.stderr)
