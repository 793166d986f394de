"""The JUnit report, for the CI systems that read nothing else."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from drillbook.evidence.entries import JSON
from drillbook.evidence.records import tracks_of
from drillbook.evidence.reports import view

# XML 1.0 can't hold these at all, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(record: Mapping[str, JSON]) -> str:
    """One suite: a case for each objective, phase and check; an error of the run is a case in error.

    What is not proven is red, too: a CI system takes skipped cases for green.
    """
    suite = ET.Element("testsuite", name=_clean(view.text(record.get("drill"))))
    _add_properties(suite, record)
    _add_phases(suite, record)
    for objective in view.objectives(record):
        case = _case(suite, f"drillbook.{objective.service}.objectives", objective.name)
        detail = f"objective {objective.objective}, actual {objective.actual}"
        if objective.outcome == "missed":
            _child(case, "failure", f"{objective.name} missed: {detail}", detail)
        elif objective.outcome != "met":
            _child(case, "skipped", f"{objective.name} was not judged: {detail}")
    for check in view.checks(record):
        case = _case(suite, f"drillbook.{check.service or view.services(record)}.{check.stage}", check.name)
        detail = f"expected: {check.expected}\nactual: {check.actual}\nremedy: {check.remedy}"
        if check.status == "skipped":
            _child(case, "skipped", check.message)
        elif check.status != "passed":
            _child(case, "failure", check.message or check.status, detail)
    _add_run(suite, f"drillbook.{view.services(record)}", record)
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("time", f"{view.number(record.get('total_seconds')) or 0.0:.3f}")
    began = record.get("declared_at") or record.get("finished_at")  # where the gate refused, nothing was declared
    if began:
        suite.set("timestamp", _clean(view.text(began)))
    suites = ET.Element("testsuites", {name: suite.get(name, "") for name in ("tests", "failures", "errors", "time")})
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _add_run(suite: ET.Element, name: str, record: Mapping[str, JSON]) -> None:
    """The run itself: red on an error, on leftovers, and on a verdict that no check explains."""
    case = _case(suite, name, "run")
    case.set("time", f"{view.number(record.get('total_seconds')) or 0.0:.3f}")
    error, leftovers = view.mapping(record.get("error")), view.items(record.get("leftovers"))
    verdict = view.text(record.get("verdict"))
    if error:
        _child(case, "error", view.text(error.get("message")), f"remedy: {view.text(error.get('remedy'))}")
    elif leftovers:
        _child(case, "failure", f"left behind: {view.text(leftovers)}")
    elif verdict == "UNPROVEN":
        _child(case, "failure", view.VERDICT_SENTENCES[verdict], kind="unproven")
    elif verdict != "PASS":
        _child(case, "error" if verdict in {"ERROR", "BLOCKED"} else "failure", f"verdict {verdict}")


def _add_properties(suite: ET.Element, record: Mapping[str, JSON]) -> None:
    """What leads from the report to the evidence."""
    properties = ET.SubElement(suite, "properties")
    for name in ("run_id", "mode", "verdict", "tool_version"):
        ET.SubElement(properties, "property", name=name, value=_clean(view.text(record.get(name))))
    ET.SubElement(properties, "property", name="record_sha256", value=view.record_sha256(record))


def _add_phases(suite: ET.Element, record: Mapping[str, JSON]) -> None:
    """Where the time went: a case for each phase, which can't be red by itself."""
    for track in tracks_of(record):
        for phase in (view.mapping(one) for one in view.items(track.get("phases"))):
            case = _case(suite, f"drillbook.{view.text(track.get('service'))}.phases", view.text(phase.get("name")))
            case.set("time", f"{view.number(phase.get('seconds')) or 0.0:.3f}")


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name))


def _child(case: ET.Element, tag: str, message: str, detail: str = "", *, kind: str = "") -> None:
    child = ET.SubElement(case, tag, {"message": _clean(message), **({"type": kind} if kind else {})})
    child.text = _clean(detail) or None


def _clean(value: str) -> str:
    return _FORBIDDEN.sub("\ufffd", value)
