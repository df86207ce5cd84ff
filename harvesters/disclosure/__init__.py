"""The privacy gate: what may leave, and proof that it may.

`protect_together` chooses what is suppressed, from the cells that were counted. `audit_together`
reads the files that would be published, as a stranger would, and shares no code and no data
structure with the choice. Whatever is not understood is refused (`Refused`): nothing is published
then.

The modules, in the order of their use. To protect: `primary` (what a table's rules ask),
`magnitude` (what is asked of sums of amounts), `coded` (rates at the ends), `coordinates` and
`figures` (which numbers are the same figure, and how figures add up), `system`, `moves`, `block`
and `secondary` (what has to be hidden), `protection`. To audit: `reader` (what a reader of the
files knows), `intervals` (what follows from it), `audit`.
"""

from harvesters.disclosure.audit import Certificate, audit, audit_together
from harvesters.disclosure.primary import ends, structural
from harvesters.disclosure.protection import CONFIDENTIAL, Frozen, protect, protect_together
from harvesters.disclosure.reader import Published
from harvesters.disclosure.refusal import Refused

__all__ = [
    "CONFIDENTIAL",
    "Certificate",
    "Frozen",
    "Published",
    "Refused",
    "audit",
    "audit_together",
    "ends",
    "protect",
    "protect_together",
    "structural",
]
