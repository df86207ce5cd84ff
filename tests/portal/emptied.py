"""``python emptied.py``: empty the portal that ``CKAN_INI`` names, in one process.

Starting CKAN takes longer than any of the commands.
"""

import os
import sys

from ckan.cli.cli import ckan

if __name__ == "__main__":
    for command in (
        ["db", "clean", "--yes"],
        ["db", "upgrade"],
        ["db", "pending-migrations", "--apply"],
        ["search-index", "clear"],
        *([["harvester", "purge-queues"]] if "--queues" in sys.argv else []),
    ):
        ckan.main(["-c", os.environ["CKAN_INI"], *command], prog_name="ckan", standalone_mode=False)
