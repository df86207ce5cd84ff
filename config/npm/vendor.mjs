// Copies what readers' browsers get of the npm packages into the extension's public folder:
//   node config/npm/vendor.mjs [FOLDER]
// File by file: a package brings much that nobody asks for.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FILES = {
  "bootstrap": {
    "dist/css/bootstrap.min.css": "bootstrap/bootstrap.min.css",
    "LICENSE": "bootstrap/LICENSE",
  },
  "leaflet": {
    "dist/leaflet.js": "leaflet/leaflet.js",
    "dist/leaflet.css": "leaflet/leaflet.css",
    "LICENSE": "leaflet/LICENSE",
  },
  "@fontsource-variable/source-sans-3": {
    "files/source-sans-3-latin-wght-normal.woff2": "source-sans-3/latin.woff2",
    "files/source-sans-3-vietnamese-wght-normal.woff2": "source-sans-3/vietnamese.woff2",
    "LICENSE": "source-sans-3/LICENSE",
  },
};

const here = dirname(fileURLToPath(import.meta.url));
const target =
  process.argv[2] ?? join(here, "../../ckanext-hcmedu/ckanext/hcmedu/public/hcmedu/vendor");

rmSync(target, { recursive: true, force: true });
for (const [name, files] of Object.entries(FILES)) {
  for (const [from, to] of Object.entries(files)) {
    mkdirSync(dirname(join(target, to)), { recursive: true });
    cpSync(join(here, "node_modules", name, from), join(target, to));
  }
}
