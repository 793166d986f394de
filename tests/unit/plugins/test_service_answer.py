"""A service is waited for until it answers as it should, and no longer than systemd starts it again."""

from __future__ import annotations

import json
import os
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.modules import module_at
from tests.support.proxmox.certificate import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/service_answer.py"
Answers = list[tuple[int, Any]]
CUT_OFF = object()


class Ended(Exception):  # noqa: N818 -- the end of a module's run, good or bad
    """What the module said."""


class Module:
    """Ansible's, as far as main() sees it."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def exit_json(self, **said: Any) -> None:
        raise Ended(said)

    def fail_json(self, **said: Any) -> None:
        raise Ended({**said, "failed": True})


@pytest.fixture
def answers() -> Answers:
    return [(200, {"role": "primary"})]


@pytest.fixture
def server(tmp_path: Path, answers: Answers) -> Iterator[str]:
    """Gives one answer after the other, and the last one ever after."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            if body is CUT_OFF:
                self.send_header("Content-Length", "100")
            self.end_headers()
            if body is CUT_OFF:
                return
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_arguments: Any) -> None:
            pass

    made = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{listening.server_port}/leader"
        listening.shutdown()


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what systemctl and journalctl answer."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def say(state: str, journal: str = "", result: str = "success") -> None:
        shown = f"ActiveState={state}\nResult={result}\nExecMainStartTimestamp=@1767225600\n"
        for name, text in (("systemctl", shown), ("journalctl", journal)):
            (programs / name).write_text(
                f"#!/bin/sh\necho \"$@\" >'{programs}/{name}.asked'\ncat <<'END'\n{text}\nEND\n"
            )
            (programs / name).chmod(0o755)

    say("active")
    return say


@pytest.fixture
def wait(tmp_path: Path, unit: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run the module; what it says."""
    module = module_at(MODULE)
    monkeypatch.setattr(module, "POLL_SECONDS", 0)
    monkeypatch.setattr(module, "ENDED_SECONDS", 0)

    def run(url: str, *wanted: dict[str, Any], timeout_seconds: int = 20) -> dict[str, Any]:
        params: dict[str, Any] = {
            "unit": "patroni.service",
            "url": url,
            "ca_path": str(tmp_path / "certificate.pem"),
            "client_cert": None,
            "client_key": None,
            "wanted": list(wanted) or [{}],
            "timeout_seconds": timeout_seconds,
        }
        monkeypatch.setattr(module, "AnsibleModule", lambda **_arguments: Module(params))
        with pytest.raises(Ended) as ended:
            module.main()
        said: dict[str, Any] = ended.value.args[0]
        return said

    return run


STANDBY = (503, {"state": "running", "replication_state": "streaming"})
LEADS_OR_STREAMS: Answers = [
    (200, {"state": "running", "role": "primary"}),
    STANDBY,
]
READY = ({"state": "running"}, {"status": 503, "state": "running", "replication_state": "streaming"})


@pytest.mark.parametrize("answer", LEADS_OR_STREAMS, ids=["leads", "streams"])
def test_any_of_the_answers_wanted_ends_the_wait(
    server: str, answers: Answers, wait: Callable[..., dict[str, Any]], answer: tuple[int, Any]
) -> None:
    answers[:] = [(503, {"state": "starting"}), (503, {"state": "running"}), answer]
    assert wait(server, *READY) == {"changed": False, "status": answer[0], "json": answer[1]}


def test_what_is_not_yet_there_is_waited_for(
    answers: Answers, server: str, wait: Callable[..., dict[str, Any]]
) -> None:
    """An answer that is no JSON, or no object, is one like others."""
    answers[:] = [(502, b"<html>"), (200, [1]), (200, {"role": "replica"}), (200, {"role": "primary"})]
    assert wait(server, {"role": "primary"})["json"] == {"role": "primary"}
    assert len(answers) == 1


def test_a_unit_that_systemd_has_given_up_ends_it_at_once(
    answers: Answers, server: str, unit: Callable[..., None], wait: Callable[..., dict[str, Any]]
) -> None:
    answers[:] = [(503, {"state": "start failed", "role": "replica"})]
    unit("failed", "all is well\nFATAL:  no space\nFATAL:  no space\n", "start-limit-hit")
    said = wait(server)
    assert said["failed"]
    assert said["msg"] == (
        f"patroni.service has ended and is failed (start-limit-hit): {server} gave HTTP 503, state start failed, role replica. "
        "Its journal says: FATAL:  no space"
    )


def test_a_unit_that_is_restarted_just_then_is_waited_for(
    tmp_path: Path, answers: Answers, server: str, wait: Callable[..., dict[str, Any]]
) -> None:
    """Between its stop and its start it has ended."""
    answers[:] = [(503, {}), (503, {}), (200, {})]
    (tmp_path / "bin/systemctl").write_text(
        f"#!/bin/sh\n[ -e '{tmp_path}/seen' ] && echo ActiveState=active || echo ActiveState=inactive\ntouch '{tmp_path}/seen'\n"
    )
    assert wait(server)["status"] == 200


def test_an_answer_that_is_cut_off_is_none(
    answers: Answers, server: str, unit: Callable[..., None], wait: Callable[..., dict[str, Any]]
) -> None:
    """As a service gives it that is stopped in the midst of one."""
    answers[:] = [(200, CUT_OFF), (503, CUT_OFF), (200, {"role": "primary"})]
    assert wait(server, {"role": "primary"})["status"] == 200
    answers[:] = [(200, CUT_OFF)]
    unit("failed")
    assert "IncompleteRead" in wait(server)["msg"]


def test_one_that_somebody_stopped_too(
    unit: Callable[..., None], wait: Callable[..., dict[str, Any]], server: str
) -> None:
    unit("inactive")
    said = wait(server, {"role": "replica"})
    assert "patroni.service has ended and is inactive (success)" in said["msg"]
    assert "Its journal says: nothing of a fault" in said["msg"]


def test_one_that_is_started_again_is_waited_for_until_the_time_is_over(
    answers: Answers, server: str, unit: Callable[..., None], wait: Callable[..., dict[str, Any]]
) -> None:
    answers[:] = [(503, {"state": "starting"})]
    unit("activating", 'the database system is starting up: FATAL\n{"level":"warn","msg":"slow"}\n{"level":"info"}\n')
    said = wait(server, timeout_seconds=1)
    assert said["msg"].startswith(f"patroni.service was not ready in 1 s: {server} gave HTTP 503, state starting. ")
    assert said["msg"].endswith('Its journal says: {"level":"warn","msg":"slow"}')


def test_complaints_from_before_its_start_are_not_told(
    tmp_path: Path, server: str, unit: Callable[..., None], wait: Callable[..., dict[str, Any]]
) -> None:
    unit("failed")
    wait(server, {"role": "replica"})
    assert "--unit=patroni.service --since=@1767225600 " in (tmp_path / "bin/journalctl.asked").read_text()


def test_a_port_that_nobody_listens_on_is_told(
    unit: Callable[..., None], wait: Callable[..., dict[str, Any]], server: str
) -> None:
    del server  # its certificate is the authority
    unit("failed")
    assert "https://127.0.0.1:1/ gave [Errno 111] Connection refused" in wait("https://127.0.0.1:1/")["msg"]


def test_a_certificate_that_the_authority_did_not_sign_is_no_answer(
    tmp_path: Path, server: str, unit: Callable[..., None], wait: Callable[..., dict[str, Any]]
) -> None:
    make_certificate(tmp_path)
    unit("failed")
    assert "certificate verify failed" in wait(server)["msg"]


def test_an_authority_that_is_none_is_told(tmp_path: Path, server: str, wait: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "certificate.pem").write_text("no certificate")
    assert "certificate.pem can't be read as a certificate or key" in wait(server)["msg"]


def test_a_systemd_that_says_nothing_does_not_end_the_wait(
    tmp_path: Path, answers: Answers, server: str, wait: Callable[..., dict[str, Any]]
) -> None:
    answers[:] = [(503, {}), (200, {})]
    (tmp_path / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n")
    assert wait(server)["status"] == 200
