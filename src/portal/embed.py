"""
Writes the templates, languages and static files into C: embed.py OUT FILE... The same files make the same C, byte for byte.

A static file is served under its name with its digest, /assets/style.0123456789abcdef.css. Where another names one it writes @asset(style.css), and
for all that a person's pages have, as a JSON list, @assets; so files are taken in the order of who names whom. Those that browsers look for by name, or that
must keep their name to be found anew (sw.js, manifest.webmanifest), have no digest in it.
"""
import gzip
import hashlib
import re
import sys
from pathlib import Path

MEDIA_TYPES = {'.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml', '.png': 'image/png',
               '.webmanifest': 'application/manifest+json', '.txt': 'text/plain; charset=utf-8', '.json': 'application/json'}
CONSOLE = ['console.js', 'rules.js', 'uplot.css', 'uplot.js']  # no phone has to fetch them
AT_THE_ROOT = ['sw.js', 'manifest.webmanifest', 'favicon.ico', 'robots.txt']
NAMING = re.compile(rb'@asset\(([\w.-]+)\)|@assets')


def array(name, data):
    rows = [','.join(str(byte) for byte in data[i:i + 40]) for i in range(0, len(data), 40)]
    return 'static const uint8_t %s[] = {\n%s\n};\n' % (name, ',\n'.join(rows) if rows else '0')


def resolve(files):
    """Name -> (path, bytes), with what they name of each other put in."""
    done = {}

    def take(name, way):
        if name in way:
            raise SystemExit('embed.py: %s names itself, by %s' % (name, ' > '.join(way)))
        if name in done:
            return done[name]
        if name not in files:
            raise SystemExit('embed.py: %s names %s, which is not there' % (way[-1], name))

        def put(match):
            if match.group(1):
                return take(match.group(1).decode(), way + [name])[0].encode()
            others = sorted(take(other, way + [name])[0] for other in files if other not in AT_THE_ROOT + CONSOLE)
            return ('[' + ','.join('"%s"' % path for path in others) + ']').encode()

        data = NAMING.sub(put, files[name]) if Path(name).suffix != '.png' else files[name]
        digest = hashlib.sha256(data).hexdigest()[:16]
        stem, suffix = Path(name).stem, Path(name).suffix
        path = '/' + name if name in AT_THE_ROOT else '/assets/%s.%s%s' % (stem, digest, suffix)
        done[name] = (path, data, digest)
        return done[name]

    for name in sorted(files):
        take(name, [])
    return done


def main():
    out, paths = sys.argv[1], [Path(path) for path in sys.argv[2:]]
    templates = sorted((path.stem, path) for path in paths if path.suffix == '.html')
    languages = sorted(((path.stem != 'en', path.stem), path) for path in paths if path.parent.name == 'languages')
    static = resolve({path.name: path.read_bytes() for path in paths if path.suffix != '.html' and path.parent.name != 'languages'})
    text = ['/* Made by src/portal/embed.py. */\n#include "portal/asset.h"\n']
    rows = []
    for number, (name, (path, data, digest)) in enumerate(sorted(static.items())):
        packed = gzip.compress(data, 9, mtime=0)
        # What zlib writes there says on which system it was packed; 255 is "unknown".
        packed = packed[:9] + b'\xff' + packed[10:]
        packed = packed if len(packed) < len(data) else b''
        text += [array('plain_%d' % number, data), array('gzip_%d' % number, packed)]
        rows.append('    { "%s", "%s", "%s", "%s", { plain_%d, %d }, { gzip_%d, %d } },' %
                    (name, path, MEDIA_TYPES[Path(name).suffix], digest, number, len(data), number, len(packed)))
    text.append('const struct asset portal_assets[] = {\n%s\n};\nconst size_t portal_asset_count = %d;\n' % ('\n'.join(rows), len(rows)))
    for kind, files in (('template', templates), ('language', [(key[1], path) for key, path in languages])):
        rows = []
        for number, (name, path) in enumerate(files):
            data = path.read_bytes()
            text.append(array('%s_%d' % (kind, number), data))
            rows.append('    { "%s", { %s_%d, %d } },' % (name, kind, number, len(data)))
        text.append('const struct template_source portal_%ss[] = {\n%s\n};\nconst size_t portal_%s_count = %d;\n' % (kind, '\n'.join(rows), kind, len(rows)))
    Path(out).write_text('\n'.join(text), encoding='ascii')


main()
