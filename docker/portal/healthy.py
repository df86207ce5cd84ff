"""Health check of the portal's image: its API answers on the port that `PORT` names."""

import json
import os
import sys
import urllib.request


def main() -> int:
    address = f"http://127.0.0.1:{os.environ['PORT']}/api/3/action/status_show"
    with urllib.request.urlopen(address, timeout=8) as answer:
        return 0 if json.load(answer)["success"] else 1


if __name__ == "__main__":
    sys.exit(main())
