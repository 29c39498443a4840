#include "traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/encode.h"
#include "consent/event_text.h"

static uint64_t log_decision(struct rig *rig, const struct traffic *t, uint8_t digest[SHA256_SIZE])
{
    struct buffer text, attachment;
    struct error e;
    uint64_t index = 0;
    char client[256], request[512];
    buffer_init(&text, 8192);
    buffer_init(&attachment, 8192);
    (void)snprintf(client, sizeof client, "%s/APP", t->member);
    (void)snprintf(request, sizeof request, "\"@method\": GET\n\"@signature-params\": (\"@method\");created=1;keyid=\"%s/GW1\"", t->member);
    event_text_append(&text, "comity-event", BYTES("decision/1"));
    event_text_append(&text, "exchange", bytes_of_text(t->exchange));
    event_text_append(&text, "client", bytes_of_text(client));
    event_text_append(&text, "service", BYTES("AURORA/GOV/HOSPITAL/FHIR/record"));
    event_text_append(&text, "person", bytes_of_text(t->person));
    event_text_append(&text, "purpose", BYTES("https://w3id.org/dpv#Care"));
    event_text_append(&text, "verdict", t->released[0] != '\0' ? BYTES("permit") : BYTES("refuse"));
    if (t->record != NULL) {
        event_text_append(&text, "consent", bytes_of_text(t->record));
    }
    event_text_append_decimal(&text, "time", 5);
    sha256(buffer_bytes(&text), digest);
    buffer_append_u32(&attachment, (uint32_t)strlen(request));
    buffer_append_text(&attachment, request);
    assert_true(committer_append(rig->committer, RECORD_DECISION, buffer_bytes(&text), buffer_bytes(&attachment), &index, &e));
    buffer_clear(&text);
    buffer_clear(&attachment);
    return index;
}

uint64_t traffic_log(struct rig *rig, const struct traffic *t)
{
    struct buffer text;
    uint8_t digest[SHA256_SIZE];
    (void)log_decision(rig, t, digest);
    buffer_init(&text, 8192);
    buffer_append_format(&text, "\"@status\": 200\n\"x-road-request-id\": %s\n", t->exchange);
    if (t->conditions != NULL) {
        buffer_append_format(&text, "\"comity-conditions\": %s\n", t->conditions);
    }
    buffer_append_format(&text, "\"comity-released\": %s\n\"comity-decision\": sha-256=:", t->released);
    base64_append(&text, bytes_of(digest, SHA256_SIZE));
    buffer_append_text(&text, ":\n\"@path\";req: /x\n\"@signature-params\": (\"@status\")");
    uint64_t index = rig_append(rig, RECORD_ANSWER_SENT, buffer_bytes(&text));
    buffer_clear(&text);
    return index;
}
