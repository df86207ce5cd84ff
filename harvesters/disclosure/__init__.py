"""The privacy gate: what may leave, and proof that it may.

`protect` chooses what is suppressed, from the cells that were counted. `audit` reads the files
that would be published, as a stranger would, and shares no code and no data structure with the
choice. Whatever is not understood is refused (`Refused`): nothing is published then.

The rules are those of threshold and secondary suppression as in Hundepool et al., *Statistical
Disclosure Control* (2012), chapter 4: a count of persons from 1 to k - 1 is suppressed, and with
it a second cell of each line (a total and what adds up to it) that would give it away.
"""

from harvesters.disclosure.audit import Certificate, audit, audit_together
from harvesters.disclosure.linked import Frozen, protect_together
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.suppression import CONFIDENTIAL, protect

__all__ = [
    "CONFIDENTIAL",
    "Certificate",
    "Frozen",
    "Refused",
    "audit",
    "audit_together",
    "protect",
    "protect_together",
]
