"""The entry gate: files that come in and metadata that goes out are searched for personal data.

It stands behind the allow-list of fields: a connector takes declared fields only, and a record type
has none for a person. This looks at all the rest, which was sent all the same.

A hit is told by place and rule, never with the value: not in a report, a log or an exception. Law
91/2025/QH15 on personal data protection says what is personal; the forms of numbers are those of
the registers named in `numbers`.
"""

from harvesters.disclosure.personal_data.files import Declared, kind_of_file, scan_file
from harvesters.disclosure.personal_data.findings import Finding, Place
from harvesters.disclosure.personal_data.public import Public
from harvesters.disclosure.personal_data.texts import (
    refuse_personal_metadata,
    refuse_personal_reason,
    safe_name,
    scan_file_name,
    scan_texts,
)

__all__ = [
    "Declared",
    "Finding",
    "Place",
    "Public",
    "kind_of_file",
    "refuse_personal_metadata",
    "refuse_personal_reason",
    "safe_name",
    "scan_file",
    "scan_file_name",
    "scan_texts",
]
