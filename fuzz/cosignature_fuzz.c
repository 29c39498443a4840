/* cosignature_take() over what a witness may answer, and equivocation_check(): nothing that is not signed passes. */
#include <stdlib.h>

#include "evidence/cosignature.h"
#include "evidence/equivocation.h"

#define TEXT "log.example/comity-kat\n7\n3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=\n"
#define WITNESS "witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"
/* The one cosignature that there is of this text: the seeds have it. */
#define LINE                                                                                                                               \
    "\xE2\x80\x94 witness.example/w1 BNLYMwAAAABlU/EAiafpW9IdYN5qsNYSXD6ktWtDcszWflcMzw/WTJvibnnFPG9LmzaU65/WEeXF4vhLFm/DPXvVAPycsyPWNYj5" \
    "CQ==\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct equivocation proof;
    struct verifier key;
    struct buffer line;
    struct error e = { 0 };
    uint64_t time_s = 0;
    if (!cosigner_parse(&key, BYTES(WITNESS), "fuzz", &e)) {
        abort();
    }
    buffer_init(&line, 4096);
    if (cosignature_take(BYTES(TEXT), bytes_of(data, size), &key, &line, &time_s, "fuzz", &e)) {
        if (time_s != 1700000000 || !bytes_equal(buffer_bytes(&line), BYTES(LINE))) {
            abort();
        }
    } else if (line.size != 0) {
        abort();
    }
    buffer_clear(&line);
    (void)cosigner_parse(&key, bytes_of(data, size), "fuzz", &e);
    if (equivocation_check(&proof, bytes_of(data, size), "fuzz", &e) &&
        (proof.first.size > proof.second.size || memcmp(proof.first.root, proof.second.root, SHA256_SIZE) == 0)) {
        abort();
    }
    return 0;
}
