"""The command line: every command against a running system, its exit codes and its JSON."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import pty
import re
import subprocess
import termios
import time

import pytest

import usher
from usher_testing import SOURCE, Node, Organisation, System, free_port, wait_until
from usher_testing.lacking import lacking
from usher_testing.locks import TableLock
from usher_testing.process import BINARIES, run
from usher_testing.replica import Pooler
from usher_testing.system import CLI, Cluster

COMMANDS = ["call", "status", "jobs", "migrate", "db", "bootstrap", "config", "selftest", "completion"]
OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


def plain(*words: str, env: dict[str, str] | None = None, **options) -> subprocess.CompletedProcess:
    return run([CLI, *words], env={**os.environ, **(env or {})}, **options)


def test_help_names_every_command_and_each_has_its_own():
    done = plain("--help")
    assert done.returncode == OK and not done.stderr
    for command in COMMANDS:
        assert f"  {command}" in done.stdout
        own = plain(command, "--help")
        assert own.returncode == OK and not own.stderr
        assert own.stdout.startswith(f"usage: usher {command}")
        # An example that starts as one would type it.
        assert f"usher {command}" in own.stdout.split("\n", 1)[1]
        assert "--json" in own.stdout


def test_each_program_says_its_version():
    (version,) = re.findall(r'USHER_VERSION "(.+)"', (SOURCE / "src/base/version.h").read_text())
    for program in ("usherd", "usher-bridge", "usher"):
        done = run([CLI.with_name(program), "--version"])
        assert done.returncode == OK and done.stdout == f"{program} {version}\n", done
        assert not done.stderr


def test_what_can_not_be_dialled_is_usage():
    for words in (["--url", "http://x"], ["--url", "tcp://"], ["--url", "x" * 5000], ["--url", ","]):
        done = plain("status", *words)
        assert done.returncode == USAGE and "BAD_URL" in done.stderr, (words, done)
    done = plain("call", "--list", "--url", ",".join(["tcp://127.0.0.1:1"] * 17))
    assert done.returncode == USAGE and "TOO_MANY_SERVERS" in done.stderr, done


def test_what_is_no_command_or_option_is_usage():
    for words in ([], ["nonsense"], ["call"], ["config", "--nonsense"], ["config", "extra"],
                  ["call", "a", "b", "c"], ["migrate"], ["migrate", "sideways"]):  # fmt: skip
        done = plain(*words)
        assert done.returncode == USAGE, (words, done.stdout, done.stderr)
        assert done.stderr.strip()


def test_a_server_that_could_not_send_mail_does_not_start(system: System):
    """It would take sign-ups, say that mail is on its way, and keep it for ever."""
    for name, mail, said in (
        ("nowhere", {"mail.dir": ""}, "mail.dir"),
        ("smtp", {"mail.mode": "smtp"}, "mail.mode"),
    ):
        config = system.write_config(name, {**mail, "spool.dir": str(system.folder)})
        done = run([str(BINARIES / "usherd")], env={**os.environ, "USHER_CONFIG": config})
        assert done.returncode == USAGE, (name, done.stderr)
        assert said in done.stderr


def test_call_calls_any_method(system: System, node: Node, org_a: Organisation):
    done = system.cli("call", "--url", node.url, "usher.v1.OpsService/GetHealth")
    assert done.returncode == OK, done.stderr
    assert json.loads(done.stdout)["ready"] is True
    resolve = "usher.v1.ContextService/Resolve"
    done = system.cli(
        "call", "--url", node.url, "--credential", org_a.api_key, resolve, '{"message":"Hello"}'
    )
    assert done.returncode == OK, done.stderr
    reply = json.loads(done.stdout)
    assert reply["user"]["userId"] == org_a.user_id
    assert reply["context"]["segments"]
    # From standard input, credential from the environment.
    done = run(
        [CLI, "call", "--json", "--url", node.url, resolve, "-"],
        input='{"message":"Hello"}',
        env={**os.environ, "USHER_CREDENTIAL": org_a.api_key},
    )
    assert done.returncode == OK, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["chatbot"]["chatbotId"] == org_a.chatbot_id


def test_call_does_not_take_an_input_that_breaks_off_for_its_end(system: System, node: Node, tmp_path):
    """A folder can be opened, and not read."""
    folder = os.open(tmp_path, os.O_RDONLY)
    words = [CLI, "call", "--url", node.url, "usher.v1.OpsService/GetHealth", "-"]
    done = run(words, stdin=folder)
    os.close(folder)
    assert done.returncode == USAGE and "standard input can't be read" in done.stderr, done


def test_output_that_is_lost_is_a_failure(system: System, node: Node):
    """Whoever redirects it to a full disk has to hear of it."""
    env = {**os.environ, "USHER_CONFIG": system.write_config("full", {})}

    def into_full(*words: str) -> subprocess.CompletedProcess:
        with open("/dev/full", "w") as full:
            return subprocess.run(
                [CLI, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=env, timeout=120
            )

    here = ("--url", node.url)
    for words in (("--help",), ("--version",), ("call", "--help"), ("config",), ("completion",),
                  ("call", *here, "usher.v1.OpsService/GetHealth"), ("call", *here, "--list"),
                  ("status", *here), ("selftest", *here), ("migrate", "sql"), ("migrate", "status"),
                  ("db", "check")):  # fmt: skip
        done = into_full(*words)
        assert done.returncode == FAILED and "No space left on device" in done.stderr, (words, done)
    # What failed for another reason says so too.
    done = into_full("status", "--json", "--url", f"tcp://127.0.0.1:{free_port()}")
    assert done.returncode == UNREACHABLE, done
    assert "NOT_CONNECTED" in done.stderr and "No space left on device" in done.stderr, done
    # Who reads and has enough is no failure.
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [CLI, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120
    )
    os.close(writer)
    assert done.returncode == OK and done.stderr == "", done
    done = run(["sh", "-c", 'exec "$0" --version >&-', CLI])
    assert done.returncode == FAILED and "could be written" in done.stderr, done


def test_two_dashes_end_the_options(system: System, node: Node):
    health = "usher.v1.OpsService/GetHealth"
    for words in (["--", health], ["--", health, "{}"], [health, "--", "{}"]):
        done = system.cli("call", "--url", node.url, *words)
        assert done.returncode == OK, done.stderr
    done = system.cli("call", "--url", node.url, "--", "--list")
    assert done.returncode == USAGE and "no method --list" in done.stderr
    done = system.cli("call", "--", health, "{}", "--json")
    assert done.returncode == USAGE and '"--json"' in done.stderr


def test_call_keeps_its_deadline_and_wants_a_number():
    """Completion asks with a short one: nobody there must not freeze the shell."""
    took_s = []
    for _ in range(3):
        began = time.monotonic()
        done = plain(
            "call", "--url", f"tcp://127.0.0.1:{free_port()}", "--timeout-ms", "100", "--list"
        )
        assert done.returncode == UNREACHABLE
        took_s.append(time.monotonic() - began)
    assert sorted(took_s)[1] < 4  # the method's own is 5 s
    for wrong in ("abc", "0", "-1", "1e3", "99999999999"):
        done = plain("call", "--timeout-ms", wrong, "--list")
        assert done.returncode == USAGE and "--timeout-ms" in done.stderr, wrong


def test_call_list_names_the_servers_methods(system: System, node: Node):
    done = system.cli("call", "--url", node.url, "--list")
    assert done.returncode == OK
    assert set(done.stdout.split()) == set(usher.METHODS)
    done = system.cli("call", "--url", node.url, "--list", "--json")
    assert done.returncode == OK
    assert set(json.loads(done.stdout)) == set(usher.METHODS)


def test_call_says_what_was_refused(system: System, node: Node, org_a: Organisation):
    def call(*words: str) -> subprocess.CompletedProcess:
        return system.cli("call", "--url", node.url, *words)

    done = call("usher.v1.UserService/GetMe")
    assert done.returncode == FAILED and "UNAUTHENTICATED" in done.stderr
    done = call("--json", "usher.v1.UserService/GetMe")
    problem = json.loads(done.stdout)
    assert done.returncode == FAILED and problem["code"] == "UNAUTHENTICATED"
    assert problem["reason"] and problem["message"]
    done = call("usher.v1.AuthService/Login", '{"email":"a@example.com"}')
    assert done.returncode in (FAILED, USAGE) and "password" in done.stderr
    # Each field once, whether a handler's rule was broken or the schema's.
    login = "usher.v1.AuthService/Login"
    done = call(login, '{"email":"a@@example.com","password":"long enough a one"}')
    assert done.returncode == FAILED and done.stderr.count("email:") == 1, done.stderr
    done = call(login, "{}")
    assert done.stderr.count("email:") == 1 and done.stderr.count("password:") == 1, done.stderr
    for words in (
        ("usher.v1.Nothing/AtAll",),
        ("usher.v1.UserService/GetMe", "{"),
        ("usher.v1.UserService/GetMe", '{"nothing": 1}'),
        ("usher.v1.UserService/GetMe", "[]"),
    ):
        done = call(*words)
        assert done.returncode == USAGE, (words, done.stderr)


def test_nobody_answers(system: System):
    url = f"tcp://127.0.0.1:{free_port()}"
    done = system.cli(
        "call", "--url", url, "--timeout-ms", "300", "usher.v1.OpsService/GetHealth"
    )
    assert done.returncode == UNREACHABLE and "UNAVAILABLE NOT_CONNECTED: " in done.stderr
    done = system.cli("call", "--json", "--url", url, "--timeout-ms", "300", "--list")
    assert done.returncode == UNREACHABLE and json.loads(done.stdout)["reason"] == "NOT_CONNECTED"
    done = system.cli("status", "--health", "--url", url)
    assert done.returncode == UNREACHABLE
    config = system.write_config("nowhere", {"database.conninfo": "host=/nowhere dbname=usher"})
    for words in (["migrate", "status"], ["bootstrap", "--system-only"]):
        done = plain(*words, env={"USHER_CONFIG": config})
        assert done.returncode in (FAILED, UNREACHABLE) and done.stderr.strip()
    # Who types a password takes time: it is asked for before anything is opened.
    words = ["bootstrap", "--email", "admin@example.com", "--org", "Example"]
    done = plain(*words, env={"USHER_CONFIG": config}, input="short\n")
    assert done.returncode == USAGE and "password" in done.stderr
    done = plain(*words, env={"USHER_CONFIG": config}, input="long enough\n")
    assert done.returncode in (FAILED, UNREACHABLE)


def test_with_json_every_failure_is_one_json_value(system: System, node: Node):
    """Who reads `reason` finds it, whichever command it was, and long before a minute is over."""
    config = system.write_config("nowhere_json", {"database.conninfo": "host=/nowhere dbname=usher"})
    person = ("bootstrap", "--email", "admin@example.com", "--org", "Example")
    dead = f"tcp://127.0.0.1:{free_port()}"
    for words, returncode, code, reason in (
        (("jobs", "list", "--url", node.url), FAILED, "UNAUTHENTICATED", None),
        (("jobs", "run", "sweep", "--url", node.url), FAILED, "UNAUTHENTICATED", None),
        (("jobs", "list", "--url", "x"), USAGE, "INVALID_ARGUMENT", "BAD_URL"),
        (("jobs", "list", "--url", f"{node.url} " * 17), USAGE, "INVALID_ARGUMENT", "TOO_MANY_SERVERS"),
        (("status", "--url", "x"), USAGE, "INVALID_ARGUMENT", "BAD_URL"),
        (("call", "--list", "--url", "x"), USAGE, "INVALID_ARGUMENT", "BAD_URL"),
        (("jobs", "run", "sweep", "--url", dead), UNREACHABLE, "UNAVAILABLE", "NOT_CONNECTED"),
        (("selftest", "--url", node.url), UNREACHABLE, "UNAVAILABLE", None),
        (("migrate", "status"), UNREACHABLE, "UNAVAILABLE", None),
        (("bootstrap", "--system-only"), UNREACHABLE, "UNAVAILABLE", None),
        (person, USAGE, "INVALID_ARGUMENT", None),
    ):
        began = time.monotonic()
        done = plain(*words, "--json", env={"USHER_CONFIG": config}, input="short\n")
        assert time.monotonic() - began < 30, words
        problem = json.loads(done.stdout)
        assert done.returncode == returncode and done.stderr.count("\n") == 1, (words, done)
        assert problem["code"] == code and problem["message"] in done.stderr, (words, done)
        assert "reason" in problem and reason in (None, problem["reason"]), (words, done)


def test_status_of_a_running_system(system: System, node: Node):
    operator = system.operator("status@example.com")
    token = operator.tokens(node.client()).access_token
    done = system.cli("status", "--health", "--url", node.url)
    assert done.returncode == OK, done.stderr
    done = system.cli("status", "--url", node.url, "--credential", token)
    assert done.returncode == OK, done.stderr
    assert "usher_app" in done.stdout
    assert re.search(r"machine +\d+ of \d+ descriptors open, clock \d+\.\d+ s ", done.stdout)
    done = system.cli("status", "--json", "--url", node.url, "--credential", token)
    assert done.returncode == OK, done.stderr
    (server,) = json.loads(done.stdout)["servers"]
    assert server["health"]["ready"] and server["figures"]["lanes"]


def test_status_waits_for_a_locked_table_no_longer_than_calls_do(system: System, node: Node):
    token = system.operator("patient@example.com").tokens(node.client()).access_token
    began = time.monotonic()
    with TableLock(system, "usher.conversations"):
        done = system.cli("status", "--json", "--url", node.url, "--credential", token)
    assert done.returncode == OK, done.stderr
    (server,) = json.loads(done.stdout)["servers"]
    assert server["figuresFailure"]["code"] == "DEADLINE_EXCEEDED"
    assert time.monotonic() - began < 30


def test_status_of_several_asks_each_and_says_which(system: System, node: Node):
    dead = f"tcp://127.0.0.1:{free_port()}"
    both = ("status", "--health", "--url", f"{dead}, {node.url}")
    done = system.cli(*both)
    assert done.returncode == FAILED
    assert f"{node.url}  ready" in done.stdout and f"{dead}  " not in done.stdout
    assert f"{dead}: " in done.stderr and node.url not in done.stderr
    done = system.cli(*both, "--json")
    said = json.loads(done.stdout)
    assert done.returncode == FAILED and said["ready"] is False
    assert [server["url"] for server in said["servers"]] == [dead, node.url]
    assert said["servers"][0]["failure"]["reason"] == "NOT_CONNECTED"
    assert said["servers"][1]["health"]["ready"] is True
    done = system.cli("status", "--json", "--url", f"{dead} {dead}")
    assert done.returncode == UNREACHABLE and len(json.loads(done.stdout)["servers"]) == 2


def test_a_credential_that_is_over_makes_no_server_less_ready(
    system: System, node: Node, org_a: Organisation
):
    words = ("status", "--url", node.url, "--credential", org_a.api_key)
    done = system.cli(*words)
    assert done.returncode == OK and "ready" in done.stdout
    assert "PERMISSION_DENIED" in done.stderr, done.stderr
    done = system.cli(*words, "--json")
    (server,) = json.loads(done.stdout)["servers"]
    assert done.returncode == OK and server["health"]["ready"] and "figures" not in server
    assert server["figuresFailure"]["code"] == "PERMISSION_DENIED"


def test_selftest_does_the_main_job_and_leaves_nothing(
    system: System, node: Node, org_a: Organisation
):
    tables = ("accounts", "users", "signups", "profiles", "sessions", "chatbots", "api_keys")
    before = [system.database.count(t) for t in tables]
    done = system.cli("selftest", "--url", node.url)
    assert done.returncode == OK, done.stdout + done.stderr
    assert [system.database.count(t) for t in tables] == before
    done = system.cli("selftest", "--json", "--url", node.url)
    assert done.returncode == OK, done.stdout + done.stderr
    json.loads(done.stdout)


def test_config_prints_all_and_where_from(system: System):
    done = system.cli("config", "--json", "--log.level", "warn")
    assert done.returncode == OK, done.stderr
    settings = json.loads(done.stdout)
    assert settings["log.level"]["value"] == "warn"
    assert settings["mode"]["value"] == "development"
    assert system.master_key not in done.stdout
    assert settings["database.port"]["from"] == "default"
    text = system.cli("config")
    assert text.returncode == OK and system.master_key not in text.stdout
    assert "database.port" in text.stdout
    env = run([CLI, "config", "--json"], env={**os.environ, "USHER_LOG_LEVEL": "debug"})
    assert json.loads(env.stdout)["log.level"]["value"] == "debug"


def test_a_misspelt_setting_is_told_with_the_right_one(system: System):
    path = system.folder / "typo.conf"
    path.write_text("databse.name = usher\n")
    done = plain("config", env={"USHER_CONFIG": str(path)})
    assert done.returncode == USAGE
    assert "databse.name" in done.stderr and "database.name" in done.stderr


def test_a_misspelt_variable_is_told_with_the_right_one(system: System):
    """It may be somebody else's, so nothing stops for it."""
    slip = {"USHER_DATABSE_HOST": "db1"}
    done = plain("config", env=slip)
    assert done.returncode == OK
    assert done.stderr == "usher config: USHER_DATABSE_HOST is no setting; did you mean USHER_DATABASE_HOST?\n"
    # Neither gets further than that.
    for program, settings in (("usherd", {"spool.dir": ""}), ("usher-bridge", {"bridge.upstream": "x"})):
        config = system.write_config("slip", settings)
        done = run([CLI.with_name(program)], env={**os.environ, **slip, "USHER_CONFIG": config})
        assert done.returncode == USAGE, (program, done)
        told = "event=no_setting variable=USHER_DATABSE_HOST nearest=USHER_DATABASE_HOST"
        assert told in done.stderr, (program, done.stderr)


def test_who_asks_for_help_is_helped_whatever_the_settings_say(tmp_path: pathlib.Path):
    (tmp_path / "usher.conf").write_text("databse.name = usher\n")
    env = {name: value for name, value in os.environ.items() if name != "USHER_CONFIG"}
    assert run([CLI, "config"], cwd=tmp_path, env=env).returncode == USAGE
    for program, *words in (
        ("usher", "status", "--help"), ("usher", "call", "--url", "x", "-h"), ("usher", "completion"),
        ("usherd", "--help"), ("usherd", "--log.level", "loud", "-h"), ("usherd", "--version"),
        ("usher-bridge", "--help"), ("usher-bridge", "--version"),
    ):  # fmt: skip
        done = run([CLI.with_name(program), *words], cwd=tmp_path, env=env)
        assert done.returncode == OK and done.stdout and not done.stderr, (program, words, done)


def test_completion_is_bash(system: System, node: Node):
    done = plain("completion")
    assert done.returncode == OK
    script = done.stdout + (
        "\nCOMP_WORDS=(usher mig); COMP_CWORD=1; _usher; echo \"${COMPREPLY[*]}\"\n"
        "COMP_WORDS=(usher config --js); COMP_CWORD=2; _usher; echo \"${COMPREPLY[*]}\"\n"
    )
    shell = run(["bash", "-euc", script])
    assert shell.returncode == 0, shell.stderr
    assert shell.stdout.split() == ["migrate", "--json"]


def test_create_database_says_what_it_did(cluster: Cluster):
    words = ["migrate", "create-database", "--name", "made", "--database.conninfo"]
    words.append(cluster.conninfo("usher_owner", "postgres"))
    for made in (True, False):
        done = plain(*words, "--json")
        assert done.returncode == OK, done.stderr
        assert json.loads(done.stdout) == {"database": "made", "made": made}
    assert plain(*words).stdout == "database made is there\n"


def test_migrate_from_nothing_twice(cluster: Cluster, system: System):
    database = cluster.empty_database("fresh")
    env = {"USHER_DATABASE_CONNINFO": database.owner}
    done = plain("migrate", "status", env=env)
    assert done.returncode == OK, done.stderr
    assert "0001" in done.stdout or "base" in done.stdout
    done = plain("migrate", "up", env=env)
    assert done.returncode == OK, done.stderr
    assert database.count("schema_migrations") >= 1
    done = plain("migrate", "up", env=env)
    assert done.returncode == OK, done.stderr
    done = plain("migrate", "status", "--json", env=env)
    assert done.returncode == OK and json.loads(done.stdout)


def test_migrate_up_goes_through_no_pooler(cluster: Cluster, system: System):
    database = cluster.empty_database("pooled")
    pooler = Pooler(system.folder / "migrate_pooler", database, 2).start_and_wait()
    try:
        env = {
            "USHER_DATABASE_CONNINFO": pooler.conninfo(database, "usher_owner"),
            "USHER_DATABASE_PREPARED": "off",
        }
        # What needs no session of its own goes.
        done = plain("migrate", "status", env=env)
        assert done.returncode == OK and "base" in done.stdout, done.stderr
        done = plain("migrate", "up", env=env)
        assert done.returncode == FAILED and "pooler" in done.stderr, done
        # Its sessions are still there, and hold nothing.
        assert int(database.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'pooled'")) > 1
        # Other databases' locks are in that view, too: of nodes and their jobs.
        held = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        assert database.sql(held) == "0"
        assert database.sql("SELECT to_regnamespace('usher') IS NULL") == "t"
    finally:
        pooler.end()
    done = plain("migrate", "up", env={"USHER_DATABASE_CONNINFO": database.owner})
    assert done.returncode == OK, done.stderr


def test_migrate_sql_prints_the_schema(cluster: Cluster):
    done = plain("migrate", "sql")
    assert done.returncode == OK
    assert "CREATE TABLE usher.users" in done.stdout
    database = cluster.empty_database("from_sql")
    database.sql(done.stdout)
    assert database.count("orgs") == 0


def test_a_server_on_a_schema_that_does_not_fit_says_so(cluster: Cluster, system: System):
    empty = cluster.empty_database("not_migrated")
    node = system.node("early", start=False, **{"database__conninfo": empty.app})
    node.start()
    wait_until(lambda: "migrate" in node.health().reason, "it says what to do")
    health = node.health()
    assert not health.ready and health.schema_version_needed >= 1
    with pytest.raises(usher.Unavailable) as refused:
        node.client().auth.login(email="a@example.com", password="a password")
    assert refused.value.reason
    # A refusal is an answer.
    login = ("usher.v1.AuthService/Login", '{"email":"a@example.com","password":"a password"}')
    done = system.cli("call", "--url", node.url, *login)
    assert done.returncode == FAILED and f"UNAVAILABLE {refused.value.reason}" in done.stderr
    env = {"USHER_DATABASE_CONNINFO": empty.owner}
    assert plain("migrate", "up", env=env).returncode == OK
    wait_until(node.is_ready, "it serves once the schema is there", 20)


def test_a_database_that_lets_nobody_in_is_said_in_its_own_words(cluster: Cluster):
    database = cluster.empty_database("closed")
    env = {"USHER_DATABASE_CONNINFO": cluster.conninfo("nobody_there", "closed")}
    for words in (["db", "check"], ["bootstrap", "--system-only"]):
        done = plain(*words, env=env)
        assert done.returncode == UNREACHABLE
        assert '"nobody_there"' in done.stderr, done.stderr
    env = {"USHER_DATABASE_CONNINFO": database.app}
    done = plain("bootstrap", "--system-only", env=env)
    assert done.returncode == UNREACHABLE
    assert "usher migrate up" in done.stderr, done.stderr


def test_bootstrap_makes_an_administrator_who_can_log_in(system: System, node: Node):
    org = system.operator("boss@example.com")
    tokens = org.login(node.client())
    assert tokens.org_id == org.org_id
    me = node.client(credential=tokens.access_token).user.get_me()
    assert list(me.roles) == ["owner"]
    again = system.cli(
        "bootstrap", "--email", "boss@example.com", "--org", "Again", input="another password\n"
    )
    assert again.returncode == FAILED
    assert "boss@example.com has an account already" in again.stderr
    for org_name in ("Taken", "taken "):
        taken = system.cli(
            "bootstrap", "--email", f"{len(org_name)}@example.com", "--org", org_name,
            input="another password\n",
        )  # fmt: skip
    assert taken.returncode == FAILED and "give --org another name" in taken.stderr
    # An address that Login would refuse, a password that it would: nobody could log in.
    for email in ("admin@localhost", "nobody", "a b@example.com"):
        refused = system.cli("bootstrap", "--email", email, "--org", "Y", input="password\n" * 2)
        assert refused.returncode == USAGE and "--email" in refused.stderr
    for password in ("\u00e4\u00f6\u00fc\u00e4", "x" * 257):
        refused = system.cli(
            "bootstrap", "--email", "y@example.com", "--org", "Y", input=password + "\n"
        )
        assert refused.returncode == USAGE and "password" in refused.stderr
    short = system.cli("bootstrap", "--email", "x@example.com", "--org", "X", input="short\n")
    assert short.returncode == USAGE


def test_bootstrap_writes_over_nothing_but_a_key_that_is_over(
    cluster: Cluster, system: System, org_a: Organisation, tmp_path: pathlib.Path
):
    """What stands in the file that is named may be the master key, or the key of a bridge at work."""
    file = tmp_path / "bridge.key"

    def make(*words: str, config: str = "cli", **options) -> subprocess.CompletedProcess:
        return system.cli("bootstrap", "--bridge-key", str(file), *words, config=config, **options)

    def keys() -> int:
        return system.database.count("api_keys", "display_name = 'usher-bridge'")

    before = keys()
    for text in (system.master_key + "\n", org_a.api_key, "x" * 5000):
        file.write_text(text)
        done = make("--system-only")
        assert done.returncode == FAILED and f"{file} holds" in done.stderr, done.stderr
        assert file.read_text() == text
    file.unlink()
    file.mkdir()
    done = make("--system-only")
    assert done.returncode == FAILED and f"{file} cannot be read" in done.stderr, done.stderr
    file.rmdir()
    # Nothing comes of the rest either, and no draft stays behind.
    system.operator("taken@example.com")
    words = ["--email", "taken@example.com", "--org", "Never made"]
    done = make(*words, input="a good password\n")
    assert done.returncode == FAILED and "has an account already" in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == [] and keys() == before

    assert make("--system-only").returncode == OK
    ours = file.read_text()
    assert make("--system-only", "--replace").returncode == OK and file.read_text() == ours
    other = cluster.database("of_another_key")
    system.write_config("of_another_key", {"database.conninfo": other.app})
    done = make("--system-only", config="of_another_key")
    assert done.returncode == FAILED and "does not know" in done.stderr, done.stderr
    assert file.read_text() == ours and other.count("api_keys") == 0
    done = make("--system-only", "--replace", config="of_another_key")
    assert done.returncode == OK, done.stderr
    assert file.read_text() != ours and other.count("api_keys") == 1
    # One that was revoked here is over.
    other.sql("UPDATE usher.api_keys SET revoked_at = now()")
    revoked = file.read_text()
    assert make("--system-only", config="of_another_key").returncode == OK
    assert file.read_text() != revoked and other.count("api_keys") == 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_bootstrap_can_not_put_in_its_place_is_not_lost(cluster: Cluster, tmp_path: pathlib.Path):
    """A file that is mounted by itself can't be written over by a whole one."""
    database = cluster.database("of_a_mount")
    file = tmp_path / "bridge.key"
    file.touch()
    words = [CLI, "bootstrap", "--system-only", "--bridge-key", str(file)]
    mounted = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$0" || exit 77; exec "$@"', str(file)]
    done = run([*mounted, *words], env={**os.environ, "USHER_DATABASE_CONNINFO": database.app})
    if "unshare" in done.stderr or done.returncode == 77:
        lacking(f"no mounts of its own can be made here: {done.stderr.strip()}")
    assert done.returncode == FAILED and f"it is in {file}.new" in done.stderr, done.stderr
    draft = tmp_path / "bridge.key.new"
    assert draft.read_text().startswith("ush_live_") and database.count("api_keys") == 1


def test_bootstrap_makes_the_platforms_organisation_without_a_bridge_too(cluster: Cluster):
    """NO_SYSTEM_ORG says to run it; then it has to help."""
    for name, words in (
        ("platform_alone", ["--system-only"]),
        ("platform_and_another", ["--email", "a@example.com", "--org", "Some"]),
    ):
        database = cluster.database(name)
        env = {"USHER_DATABASE_CONNINFO": database.app}
        done = plain("bootstrap", "--json", *words, env=env, input="a good password\n")
        assert done.returncode == OK, done.stderr
        made = json.loads(done.stdout)["systemOrgId"]
        assert database.sql("SELECT id FROM usher.orgs WHERE is_system") == made


def test_a_terminal_shows_again_what_is_typed_after_ctrl_c():
    """Nothing of the password is shown, and the shell is no worse off when somebody thinks better of it."""
    master, slave = pty.openpty()
    # Its shell has the terminal, as it does for whoever types.
    script = 'trap : INT; "$0" bootstrap --email a@example.com --org A; echo "code $?"; stty -a'
    with subprocess.Popen(
        ["sh", "-c", script, CLI], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as shell:  # fmt: skip
        wait_until(lambda: not termios.tcgetattr(slave)[3] & termios.ECHO, "it asks")
        # Nobody stops it there: its shell would show what is typed when it goes on.
        assert termios.tcgetattr(slave)[6][termios.VSUSP] == b"\0"
        os.write(master, b"\x03")
        said, _ = shell.communicate(timeout=20)
    os.close(master)
    os.close(slave)
    assert "code 130" in said, said
    assert "susp = <undef>" not in said, said
    assert re.search(r"[ \n]echo ", said), said
