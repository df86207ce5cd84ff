"""The schema of the search index: CKAN's own, with what config/solr/vietnamese.xml changes.

`python config/local/solr_schema.py CKAN_SCHEMA CHANGES` writes it to standard output. Needs
nothing but Python: the image of Solr is built with it too.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def solr_schema(ckan: Path, changes: Path) -> bytes:
    """CKAN's schema in which the types and fields of `changes` take the place of those of the same
    name, or are new. Its name stays: CKAN refuses another than its version's."""
    schema = ET.parse(ckan).getroot()
    ours = ET.parse(changes).getroot()
    for section in ("types", "fields"):
        target = schema.find(section)
        assert target is not None, f"{ckan}: there is no <{section}>"
        names = {one.get("name") for one in ours.find(section) or ()}
        for one in [each for each in target if each.get("name") in names]:
            target.remove(one)
        # The first dynamic field that fits is taken among patterns of the same length.
        for place, one in enumerate(ours.find(section) or ()):
            target.insert(place, one)
    schema.extend(ours.findall("copyField"))
    return ET.tostring(schema, encoding="utf-8", xml_declaration=True)


if __name__ == "__main__":
    sys.stdout.buffer.write(solr_schema(Path(sys.argv[1]), Path(sys.argv[2])))
