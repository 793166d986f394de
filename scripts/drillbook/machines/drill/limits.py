"""The gate's question to a provider: can the drill's credential do nothing to production?"""

from collections.abc import Sequence

from drillbook.errors import RefusedError, UntriedError
from drillbook.model import Check, CheckStatus, Stage
from drillbook.providers import LimitedCredential


def limits_of(provider: object, place: str, hosts: Sequence[str]) -> tuple[Check, ...]:
    """Prove that the drill's credential can do nothing to ``hosts``; no check where it has none of its own.

    Where nothing was there to be tried, the check is skipped, and the run can't be PASS. Raises RefusedError where it can do more.
    """
    if not isinstance(provider, LimitedCredential) or not provider.separate():
        return ()
    name = f"the drill's credential at {place} is limited to its range"
    expected = "no right on production"
    try:
        found = provider.overreach(hosts)
    except UntriedError as error:
        skipped = Check(
            name, Stage.GATE, CheckStatus.SKIPPED, expected, "not tried", message=error.message, remedy=error.remedy
        )
        return (skipped,)
    if found is not None:
        raise RefusedError(
            f"the drill's credential is too strong: {found}",
            where=f"provider {place}",
            remedy="Take that privilege away (docs/how-to/drill-machines.md); a drill must not be able to harm production.",
        )
    return (Check(name, Stage.GATE, CheckStatus.PASSED, expected=expected, actual="none"),)
