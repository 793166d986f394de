"""Who is asked, in this order: a member that answers, the controller if it has the software, a sandbox made for it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, RefusedError
from drillbook.inquiry.asking import Asking, PlaceAnswer, Read, Reader
from drillbook.inquiry.question import Heard, Question, open_question
from drillbook.machines.drill import make_sandbox, write_run_inventory
from drillbook.model import Asked, Login, Mode, SandboxHost
from drillbook.providers import open_sandboxes
from drillbook.run.gate import outstanding_of, unwanted
from drillbook.run.hold import hold
from drillbook.run.work import RUN_INVENTORY

MEMBER, CONTROLLER, SANDBOX = "member", "controller", "sandbox"
_CONTROLLER_HOST = "drillbook-controller"
_HERE = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@dataclass
class _Tried:
    """Who could not answer, and why; ``refusals`` are errors that a second place would not mend."""

    reasons: list[str] = field(default_factory=list)
    refusals: list[ConfigurationError] = field(default_factory=list)

    def add(self, who: str, why: str) -> None:
        self.reasons.append(f"{who}: {why}")


def ask_places(asking: Asking, programs: Sequence[str], read: Reader[Read]) -> PlaceAnswer[Read]:
    """Return the first answer, as ``read`` understands it. ``programs`` are what the controller needs to answer itself.

    Raises RefusedError where the question can't be put like that, ConfigurationError where the answer is that the inventory is wrong,
    InfrastructureError where nobody could answer; these two name every place that was tried, and why it did not serve. Raises
    StoppedError, after the teardown, when it is told to end.
    """
    wanted: tuple[_Place[Read], ...] = _wanted(asking)
    tried = _Tried()
    with open_question(asking) as question:
        found = next(
            (answer for place in wanted if (answer := place(question, programs, read, tried)) is not None), None
        )
    if found is None:
        raise _nobody(asking, tried, question.left)
    asked, value = found
    return PlaceAnswer(Asked(asked.place, asked.name, tuple(tried.reasons)), value, question.left)


def refuse_places(asking: Asking) -> None:
    """Refuse to be told whom to ask and about which time, for a kind that has one place alone; raises RefusedError."""
    if asking.repository_time is not None:
        _refuse_the_past(asking)
    if asking.where:
        raise RefusedError(
            f"the recovery points of {asking.service.name} are known to its provider alone",
            where=f"--from {asking.where}",
            remedy=f"Leave it out: there is no choice for the kind {asking.service.kind.name}.",
        )


def _refuse_the_past(asking: Asking) -> None:
    """Refuse to read a repository as it was, for a kind or a place that reads it as it is alone."""
    kind, where = asking.service.kind, asking.where
    if "repository_time" not in kind.selectors(Mode.SANDBOX):
        raise RefusedError(
            f"repositories of the kind {kind.name} can't be read as they were",
            where="--repository-time",
            remedy="Leave it out.",
        )
    if where == MEMBER or where in asking.service.hosts:
        raise RefusedError(
            "a member reads the repository as it is",
            where=f"--repository-time with --from {where}",
            remedy=f"Ask {CONTROLLER} or {SANDBOX}.",
        )


_Found = tuple[Asked, Read]
_Place = Callable[[Question, Sequence[str], Reader[Read], _Tried], _Found[Read] | None]


def _wanted(asking: Asking) -> tuple[_Place[Read], ...]:
    where, service = asking.where, asking.service
    sandboxes = {sandbox.host: sandbox for sandbox in asking.sandboxes}
    apart: tuple[_Place[Read], ...] = (_controller, _sandboxes(asking.sandboxes))
    if asking.repository_time is not None:
        _refuse_the_past(asking)
    if not where:
        return apart if asking.repository_time is not None else (_members(service.hosts), *apart)
    if where == MEMBER:
        return (_members(service.hosts),)
    if where == CONTROLLER:
        return (_controller,)
    if where == SANDBOX:
        return (_sandboxes(asking.sandboxes),)
    if where in service.hosts:
        return (_members((where,)),)
    if where in sandboxes:
        return (_sandboxes((sandboxes[where],)),)
    raise ConfigurationError(
        f"{where} can't be asked for {service.name}",
        where=f"--from {where}",
        remedy=f"Give {MEMBER}, {CONTROLLER}, {SANDBOX}, or one of {', '.join((*service.hosts, *sandboxes))}.",
    )


def _members(hosts: Sequence[str]) -> _Place[Read]:
    def ask(question: Question, _programs: Sequence[str], read: Reader[Read], tried: _Tried) -> _Found[Read] | None:
        """All of them are tried at once, and the first in the inventory's order that can be reached is asked."""
        left = list(hosts)
        while left:
            question.asking.tell(f"asking {', '.join(left)}")
            heard = question.play(MEMBER, left)
            there = [host for host in left if host in heard.reached]
            for host in left:
                if host not in heard.reached:
                    tried.add(f"{MEMBER} {host}", heard.failures.get(host) or heard.failures.get("") or "no answer")
            if not there:
                return None
            value = _read(there[0], Asked(MEMBER, there[0]), heard, read, tried)
            if value is not None:
                return value
            left = there[1:]
        return None

    return ask


def _controller(question: Question, programs: Sequence[str], read: Reader[Read], tried: _Tried) -> _Found[Read] | None:
    lacking = [program for program in programs if shutil.which(program) is None]
    if lacking:
        tried.add(CONTROLLER, f"{', '.join(lacking)} is not installed here")
        return None
    question.asking.tell("asking from here")
    inventory = write_run_inventory(question.directory, _CONTROLLER_HOST, Login(_HERE))
    heard = question.play(CONTROLLER, [_CONTROLLER_HOST], inventory, recovery_points_scratch=str(question.scratch()))
    return _read(_CONTROLLER_HOST, Asked(CONTROLLER, CONTROLLER), heard, read, tried)


def _sandboxes(sandboxes: Sequence[SandboxHost]) -> _Place[Read]:
    def ask(question: Question, _programs: Sequence[str], read: Reader[Read], tried: _Tried) -> _Found[Read] | None:
        """One after the other, but for those that a drill has. Each is there for the question only, and held meanwhile."""
        if not sandboxes:
            tried.add(SANDBOX, "the inventory declares none (drillbook_sandboxes)")
        for sandbox in sandboxes:
            try:
                found = _of_sandbox(question, sandbox, read, tried)
            except RefusedError as error:
                tried.add(f"{SANDBOX} {sandbox.host}", str(error))
            else:
                if found is not None:
                    return found
        return None

    return ask


def _of_sandbox(question: Question, sandbox: SandboxHost, read: Reader[Read], tried: _Tried) -> _Found[Read] | None:
    asking, who = question.asking, f"{SANDBOX} {sandbox.host}"
    with hold(asking.state_directory, sandbox.host):
        for one in outstanding_of(asking.state_directory / "runs", (sandbox.host,), asking.clock):
            tried.add(who, str(unwanted(one)))
            return None
        asking.tell(f"making {sandbox.host} to ask there")
        question.hold_in_ledger(sandbox.host)
        try:
            provider = open_sandboxes(asking.provider(sandbox.provider), question.clock)
            make_sandbox(provider, sandbox, question.clock, question, asking.step_timeout)
            heard = question.play(SANDBOX, [sandbox.host], question.directory / RUN_INVENTORY)
            return _read(sandbox.host, Asked(SANDBOX, sandbox.host), heard, read, tried)
        except RefusedError:
            raise
        except DrillbookError as error:
            question.stops.raise_if_due(f"asking {who}")
            tried.add(who, str(error))
            return None
        finally:
            question.tear_down()


def _read(host: str, asked: Asked, heard: Heard, read: Reader[Read], tried: _Tried) -> _Found[Read] | None:
    who = str(asked).partition(" (")[0]
    if heard.unsafe:
        tried.add(who, heard.unsafe)
        return None
    if host not in heard.answers:
        tried.add(who, heard.failures.get(host) or heard.failures.get("") or "it gave no answer")
        return None
    try:
        return asked, read(heard.answers[host])
    except ConfigurationError as error:
        tried.refusals.append(error)
        tried.add(who, error.message)
    except DrillbookError as error:
        tried.add(who, str(error))
    return None


def _nobody(asking: Asking, tried: _Tried, left: Sequence[str]) -> DrillbookError:
    said = "; ".join(tried.reasons)
    message = f"nobody could say what {asking.service.name} can be restored to: {said}"
    where = f"the recovery points of {asking.service.name}"
    behind = f" {', '.join(left)} was left behind: run `drillbook drill clean`." if left else ""
    if tried.refusals:
        return ConfigurationError(message, where=where, remedy=tried.refusals[0].remedy + behind)
    return InfrastructureError(
        message, where=where, remedy="Mend one of these places, or name another one with --from." + behind
    )
