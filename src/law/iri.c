#include "law/iri.h"

/* W3C DPV 2.3 (its IRIs without a version are the stable ones) and what Comity adds where DPV has no word. */
static const struct {
    struct bytes prefix, iri;
} prefixes[] = {
    { BYTES("dpv:"), BYTES("https://w3id.org/dpv#") },
    { BYTES("pd:"), BYTES("https://w3id.org/dpv/pd#") },
    { BYTES("loc:"), BYTES("https://w3id.org/dpv/loc#") },
    { BYTES("gdpr:"), BYTES("https://w3id.org/dpv/legal/eu/gdpr#") },
    { BYTES("just:"), BYTES("https://w3id.org/dpv/justifications#") },
    { BYTES("health:"), BYTES("https://w3id.org/dpv/sector/health#") },
    { BYTES("fin:"), BYTES("https://w3id.org/dpv/sector/finance#") },
    { BYTES("pub:"), BYTES("https://w3id.org/dpv/sector/publicservices#") },
    { BYTES("comity:"), BYTES("https://w3id.org/comity/pd#") },
};

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_hex_digit(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
}

/* The name behind a prefix: DPV's are all of these. */
static bool is_name(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_alphanumeric(text.data[i]) && text.data[i] != '-' && text.data[i] != '_') {
            return false;
        }
    }
    return text.size > 0;
}

/*
 * The characters of RFC 3986 but ',' and ';': IRIs stand in lists in HTTP fields (comity-released, comity-withheld), where those two end
 * an item. Other letters than ASCII's are percent-encoded, as RFC 3987 3.1 maps them.
 */
static bool is_iri(struct bytes text)
{
    if (!bytes_start_with(text, BYTES("https://")) && !bytes_start_with(text, BYTES("http://")) && !bytes_start_with(text, BYTES("urn:"))) {
        return false;
    }
    struct bytes rest = bytes_slice(text, bytes_find(text, ':') + 1, text.size);
    if (rest.size == 0 || bytes_equal(rest, BYTES("//"))) {
        return false;
    }
    for (size_t i = 0; i < rest.size; i++) {
        uint8_t byte = rest.data[i];
        if (byte == '%') {
            if (rest.size - i < 3 || !is_hex_digit(rest.data[i + 1]) || !is_hex_digit(rest.data[i + 2])) {
                return false;
            }
        } else if (byte == '\0' || (!is_alphanumeric(byte) && strchr("-._~:/?#[]@!$&'()*+=", byte) == NULL)) {
            return false;
        }
    }
    return true;
}

bool iri_expand(struct bytes text, struct buffer *out)
{
    if (text.size > IRI_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        if (bytes_start_with(text, prefixes[i].prefix)) {
            struct bytes name = bytes_slice(text, prefixes[i].prefix.size, text.size);
            if (!is_name(name) || name.size > IRI_SIZE_MAX - prefixes[i].iri.size) {
                return false;
            }
            buffer_append(out, prefixes[i].iri);
            buffer_append(out, name);
            return !out->failed;
        }
    }
    if (!is_iri(text)) {
        return false;
    }
    buffer_append(out, text);
    return !out->failed;
}

void iri_shorten(struct bytes iri, struct buffer *out)
{
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        struct bytes name = bytes_slice(iri, prefixes[i].iri.size, iri.size);
        if (bytes_start_with(iri, prefixes[i].iri) && is_name(name)) {
            buffer_append(out, prefixes[i].prefix);
            buffer_append(out, name);
            return;
        }
    }
    buffer_append(out, iri);
}
