/* Names of purposes and categories: IRIs, and the short form that people write. Pure. */
#ifndef COMITY_LAW_IRI_H
#define COMITY_LAW_IRI_H

#include "base/buffer.h"

enum { IRI_SIZE_MAX = 512 };
/*
 * "dpv:X", "pd:X", "loc:X", "gdpr:X", "just:X", "health:X", "fin:X", "pub:X", "comity:X" to full IRIs (W3C DPV 2.3's without a version, which are the
 * stable ones); a full IRI (https:, http:, urn:) stays. Appends. False for an unknown prefix or a bad IRI: longer than IRI_SIZE_MAX, outside
 * RFC 3986's characters, or with ',' or ';' (which end items in our HTTP fields).
 */
must_check bool iri_expand(struct bytes text, struct buffer *out);
/* The other way, for people: appends "pd:Name", or the IRI itself when it has no prefix here. */
void iri_shorten(struct bytes iri, struct buffer *out);

#endif
