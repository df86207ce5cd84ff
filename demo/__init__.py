"""A simulated city: the systems that a real deployment of the portal would harvest.

Nobody and nothing in it is real but the areas (names and codes of the 168 wards, communes and the
special zone) and the published totals that it is calibrated to. Every system that shows it says
so: the central database in its comments and in the table ``mo_phong``, the REST service in the
header ``X-Simulated-Data`` and a field of every answer, the files in their first line.

Everything follows from a seed and a scale, so that the same city comes out on every machine and
every system tells the same story about it.
"""

VERSION = "1"
"""Changes when the same seed and scale come to mean another city."""

NOTICE = {
    "vi": "DỮ LIỆU MÔ PHỎNG – không phải số liệu thật, không nói về người thật hay trường thật.",
    "en": "SIMULATED DATA – no real figures; no real person and no real school is described.",
}
