/*
 * A consent in the forms of others. Pure. Each form is a copy: what permits is the gateway's record and nothing else. docs/interchange.md says what
 * each form can't say.
 */
#ifndef COMITY_INTERCHANGE_EXPORT_H
#define COMITY_INTERCHANGE_EXPORT_H

#include "interchange/consent_document.h"

enum export_format {
    EXPORT_OWN = 0, /* consent_document.h: reference consent-standards 6.2 */
    EXPORT_DPV,     /* ISO/IEC TS 27560 record, W3C DPV 2 as JSON-LD */
    EXPORT_RECEIPT, /* the same as a receipt, with the proof from the log */
    EXPORT_KANTARA, /* Kantara consent receipt 1.1 */
    EXPORT_FHIR_R4, /* HL7 FHIR Consent */
    EXPORT_FHIR_R5,
    EXPORT_REBIT, /* Account Aggregator ConsentDetail */
    EXPORT_FORMAT_COUNT,
};
const char *export_format_name(enum export_format format); /* "fhir-r4": as in options and URLs */
must_check bool export_format_parse(struct bytes name, enum export_format *out);
const char *export_media_type(enum export_format format);

/* Views. */
struct export_input {
    const struct consent_document *document;
    const struct notice *notice; /* the revision that it was decided on */
    struct bytes language;       /* of texts; empty: the notice's first */
    struct bytes receipt;        /* the C2SP tlog-proof of the deciding event, as text; empty: none. EXPORT_RECEIPT needs one */
};
/*
 * `*out` is the caller's. ERROR_INPUT: the notice is another than the document's, or a text isn't UTF-8. ERROR_DENIED: the form can't say this
 * (Kantara: anything but given; a receipt without a proof), and saying something near it would be wrong.
 */
must_check bool export_write(enum export_format format, const struct export_input *input, json_t **out, struct error *e);

/*
 * Reads EXPORT_DPV and EXPORT_RECEIPT of our own form back: what `*out` points to is in `arena`. `notices` must have the revision that it names, and
 * the whole must be what export_write() would make of it now. ERROR_INPUT otherwise; ERROR_ABSENT: its notice isn't ours.
 */
must_check bool import_dpv(const json_t *value, const struct notices *notices, struct arena *arena, struct consent_document *out,
                           struct error *e);

/* What a foreign form asks for: never more than a request, for the person to decide (reference consent-standards 4). Views into `arena`. */
struct import_request {
    struct bytes person;
    const struct notice *notice; /* lives with the snapshot */
};
/* FHIR R4 or R5. ERROR_DENIED: it names no notice revision of ours that is in force; ERROR_INPUT: no such resource. */
must_check bool import_fhir(const json_t *value, const struct notices *notices, struct arena *arena, struct import_request *out,
                            struct error *e);

#endif
