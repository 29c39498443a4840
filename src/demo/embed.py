"""Writes files into C: embed.py OUT FILE... makes `const struct demo_file demo_files[]`, in the order given."""
import os
import sys

with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write('#include "demo/files.h"\n\nconst struct demo_file demo_files[] = {\n')
    for path in sys.argv[2:]:
        with open(path, "rb") as source:
            lines = source.read().splitlines(keepends=True)
        out.write('    { "%s",\n' % os.path.basename(path))
        for line in lines:
            # Octal escapes of three digits never run into what follows; '?' too, for the sake of trigraphs.
            text = "".join("\\%03o" % b if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in line)
            out.write('      "%s"\n' % text)
        out.write("    },\n")
    out.write("};\nconst size_t demo_file_count = sizeof demo_files / sizeof demo_files[0];\n")
