"""What a dataset, a table, a record and a code list look like.

The bottom room of the portal: it imports nothing of the others.
"""

from schemas.codelist import TOTAL, TOTAL_LABEL, Code, CodeList
from schemas.declaration import DeclarationError, DeclarationErrors, Text
from schemas.declarations import Declarations
from schemas.record import Field, RecordType
from schemas.table import Column, Component, Dimension, Disclosure, Measure, Table
from schemas.target import Goal, Target, Term

__all__ = [
    "TOTAL",
    "TOTAL_LABEL",
    "Code",
    "CodeList",
    "Column",
    "Component",
    "DeclarationError",
    "DeclarationErrors",
    "Declarations",
    "Dimension",
    "Disclosure",
    "Field",
    "Goal",
    "Measure",
    "RecordType",
    "Table",
    "Target",
    "Term",
    "Text",
]
