"""Writes a text file into C: embed.py OUT NAME FILE makes `const char *const NAME`."""
import sys

with open(sys.argv[3], "rb") as source:
    lines = source.read().splitlines(keepends=True)
with open(sys.argv[1], "w", encoding="ascii") as out:
    out.write("extern const char *const %s;\nconst char *const %s =\n" % (sys.argv[2], sys.argv[2]))
    for line in lines:
        # Octal escapes of three digits never run into what follows; '?' too, for the sake of trigraphs.
        text = "".join("\\%03o" % b if b < 32 or b > 126 or b in b'"\\?' else chr(b) for b in line)
        out.write('    "%s"\n' % text)
    out.write("    ;\n")
