"""The JUnit report, for the CI systems that read nothing else."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from drillbook.evidence.entries import JSON
from drillbook.evidence.reports import view

# XML 1.0 can't hold these at all, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(record: Mapping[str, JSON]) -> str:
    """One suite: a case for each objective and each check; an error of the run is a case in error."""
    suite = ET.Element("testsuite", name=_clean(view.text(record.get("drill"))))
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
    suite.set("timestamp", _clean(view.text(record.get("declared_at"))))
    suites = ET.Element("testsuites")
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
        _child(case, "skipped", view.VERDICT_SENTENCES[verdict])
    elif verdict != "PASS":
        _child(case, "error" if verdict in {"ERROR", "BLOCKED"} else "failure", f"verdict {verdict}")


def _case(suite: ET.Element, classname: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name))


def _child(case: ET.Element, tag: str, message: str, detail: str = "") -> None:
    ET.SubElement(case, tag, message=_clean(message)).text = _clean(detail) or None


def _clean(value: str) -> str:
    return _FORBIDDEN.sub("\ufffd", value)
