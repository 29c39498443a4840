/* uses_proof_verify(): a list of uses from anywhere, by a trust file that names the seeds' log. */
#include <stdlib.h>

#include "audit/uses_proof.h"

static const struct bytes trust_text = BYTES(
    "log log.example/comity-kat+81130afd+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\nquorum none\n");

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trust *trust;
    struct uses_story story;
    struct refusal refusal;
    struct error e;
    struct buffer out;
    if (trust == NULL && !trust_parse(&trust, trust_text, "fuzz", &e)) {
        abort();
    }
    if (uses_proof_verify(bytes_of(data, size), trust, &story, &refusal)) {
        /* Told without a crash; what a mutation of a seed proves is for the tests to say. */
        buffer_init(&out, 1 << 24);
        uses_story_write(&story, &out);
        buffer_clear(&out);
        json_decref(uses_story_json(&story));
    } else if (refusal.code != NULL && refusal.why.what[0] == '\0') {
        abort();
    }
    uses_story_clear(&story);
    return 0;
}
