"""The privacy gate: what may leave, and proof that it may.

`protect_together` chooses what is suppressed, from the cells that were counted. `audit_together`
reads the files that would be published, as a stranger would, and shares no code and no data
structure with the choice. Whatever is not understood is refused (`Refused`): nothing is published
then.

The modules, in the order of their use. To protect: `primary` (what a table's rules ask),
`magnitude` (what is asked of sums of amounts), `coded` (rates at the ends), `crossings` (what lies
between tables), `coordinates` and `figures` (which numbers are the same figure, and how figures add
up), `regions` (what is worked on together), `system`, `moves`, `block` and `secondary` (what has to
be hidden), `protection`. To audit: `sql`, `slivers` and `reader` (what a reader of the files knows,
and what lies between them), `intervals` (what follows from it), `audit`.
"""

from harvesters.disclosure.audit import Certificate, audit, audit_together
from harvesters.disclosure.crossings import Crossing, crossings
from harvesters.disclosure.primary import ends, structural
from harvesters.disclosure.protection import (
    CONFIDENTIAL,
    Frozen,
    FrozenCrossing,
    protect,
    protect_together,
)
from harvesters.disclosure.reader import Published
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.slivers import Between

__all__ = [
    "CONFIDENTIAL",
    "Between",
    "Certificate",
    "Crossing",
    "Frozen",
    "FrozenCrossing",
    "Published",
    "Refused",
    "audit",
    "audit_together",
    "crossings",
    "ends",
    "protect",
    "protect_together",
    "structural",
]
