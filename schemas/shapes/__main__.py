"""`python -m schemas.shapes`: make ``portal.ttl`` anew from ``fields.yaml``."""

from pathlib import Path

from schemas.shapes import fields, make_shapes

Path(__file__).with_name("portal.ttl").write_text(make_shapes(fields()), encoding="utf-8")
