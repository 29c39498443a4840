"""Writes the vocabulary into C: make_vocabulary.py VOCABULARY.TSV OUT. Refuses lines of another form, unknown parents and circles."""
import sys

PREFIXES = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "health": "https://w3id.org/dpv/sector/health#",
    "fin": "https://w3id.org/dpv/sector/finance#",
    "pub": "https://w3id.org/dpv/sector/publicservices#",
    "comity": "https://w3id.org/comity/pd#",
}
KINDS = {"category": "VOCABULARY_CATEGORY", "purpose": "VOCABULARY_PURPOSE", "processing": "VOCABULARY_PROCESSING"}


SLOTS = 2048  # VOCABULARY_SLOTS of vocabulary_internal.h


def fnv1a(text):
    value = 2166136261
    for byte in text.encode("ascii"):
        value = (value ^ byte) * 16777619 % 2**32
    return value


def expand(short):
    prefix, name = short.split(":")
    return PREFIXES[prefix] + name


def read(path):
    terms = {}
    with open(path, encoding="ascii") as source:
        for number, line in enumerate(source, 1):
            if line.startswith("#") or line == "\n":
                continue
            columns = line.rstrip("\n").split("\t")
            if len(columns) != 4 or columns[0] not in KINDS or not columns[3]:
                sys.exit("%s:%d: not kind, term, parents, label" % (path, number))
            kind, short, parents, label = columns
            iri = expand(short)
            if iri in terms:
                sys.exit("%s:%d: %s is there twice" % (path, number, short))
            terms[iri] = (kind, [] if parents == "-" else [expand(p.lstrip("+")) for p in parents.split(",")], label)
    return terms


def check(path, terms):
    done = set()

    def climb(iri, below):
        if iri in below:
            sys.exit("%s: %s is narrower than itself" % (path, iri))
        if iri in done:
            return
        for parent in terms[iri][1]:
            if parent not in terms or terms[parent][0] != terms[iri][0]:
                sys.exit("%s: %s is narrower than %s, which isn't a term of its kind" % (path, iri, parent))
            climb(parent, below | {iri})
        done.add(iri)

    for iri in terms:
        climb(iri, frozenset())


def write(path, terms):
    order = sorted(terms)
    index = {iri: i for i, iri in enumerate(order)}
    with open(path, "w", encoding="ascii") as out:
        out.write('/* Made by make_vocabulary.py from vocabulary.tsv. */\n#include "law/vocabulary_internal.h"\n\n')
        for iri in order:
            parents = terms[iri][1]
            if parents:
                out.write("static const uint16_t parents_%d[] = { %s };\n" % (index[iri], ", ".join(str(index[p]) for p in parents)))
        out.write("\nconst struct vocabulary_term vocabulary_terms[] = {\n")
        for iri in order:
            kind, parents, label = terms[iri]
            out.write('    { BYTES("%s"), %s, BYTES("%s"), %s, %d },\n'
                      % (iri, KINDS[kind], label, "parents_%d" % index[iri] if parents else "NULL", len(parents)))
        out.write("};\nconst size_t vocabulary_term_count = sizeof vocabulary_terms / sizeof vocabulary_terms[0];\n")
        slots = [0] * SLOTS
        for iri in order:
            slot = fnv1a(iri) % SLOTS
            while slots[slot] != 0:
                slot = (slot + 1) % SLOTS
            slots[slot] = index[iri] + 1
        out.write("\nconst uint16_t vocabulary_slots[VOCABULARY_SLOTS] = {\n")
        for start in range(0, SLOTS, 16):
            out.write("    %s,\n" % ", ".join(str(slot) for slot in slots[start:start + 16]))
        out.write("};\n")


def main():
    terms = read(sys.argv[1])
    check(sys.argv[1], terms)
    if 2 * len(terms) > SLOTS:
        sys.exit("%s: too many terms for %d slots" % (sys.argv[1], SLOTS))
    write(sys.argv[2], terms)


main()
