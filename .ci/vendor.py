"""Make genomehub/hub/pages/static/vendor anew from npm: the parts of pages that others wrote, as the
manifest lists.

Run by ``make vendor``. It needs npm and its registry; nothing of it runs when the package is installed or
used.
``--update`` writes the checksums of new versions into the manifest instead of comparing them.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "genomehub" / "hub" / "pages" / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"


def main(update: bool) -> int:
    """Fetch each package with ``npm pack``, take the files that pages need, check them."""
    manifest = json.loads(MANIFEST.read_text())
    changed = []
    for package in manifest["packages"]:
        with tempfile.TemporaryDirectory() as folder:
            pack = ["npm", "pack", "--silent", f"{package['name']}@{package['version']}"]
            name = subprocess.run(
                pack, cwd=folder, check=True, capture_output=True, text=True
            ).stdout.split()[-1]
            with tarfile.open(Path(folder) / name) as archive:
                archive.extractall(folder, filter="data")
            for file in package["files"]:
                target = VENDOR / file["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(folder) / "package" / file["from"], target)
                digest = hashlib.sha256(target.read_bytes()).hexdigest()
                if digest != file.get("sha256"):
                    changed.append(file["path"])
                    file["sha256"] = digest
    if update:
        MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")
    elif changed:
        print(f"not as the manifest says: {', '.join(changed)}. See 'git diff'.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main("--update" in sys.argv))
