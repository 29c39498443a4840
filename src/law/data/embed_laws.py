"""Writes law profiles into C: embed_laws.py OUT FILE... makes law_builtins[], each named as its file is, without ".yaml"."""
import os
import sys

with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('/* Made by embed_laws.py from laws/. */\n#include "law/law.h"\n\nconst struct law_builtin law_builtins[] = {\n')
    for path in sys.argv[2:]:
        with open(path, "rb") as source:
            lines = source.read().splitlines(keepends=True)
        out.write('    { "%s",\n      { (const uint8_t *)\n' % os.path.basename(path).removesuffix(".yaml"))
        for line in lines:
            # Octal escapes of three digits never run into what follows; '?' too, for the sake of trigraphs.
            out.write('        "%s"\n' % "".join("\\%03o" % b if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in line))
        out.write("      , %d } },\n" % sum(len(line) for line in lines))
    out.write("};\nconst size_t law_builtin_count = sizeof law_builtins / sizeof law_builtins[0];\n")
