#include "witness/key.h"

static bool name_of(struct buffer *out, struct bytes origin, struct error *e)
{
    buffer_init(out, KEY_NAME_SIZE_MAX + 1);
    buffer_append(out, origin);
    buffer_append_text(out, "/witness");
    return !out->failed || error_set(e, ERROR_INPUT, "keys.witness", NULL, "the origin is too long for a witness's name");
}

bool witness_key_load(struct signer **out, struct bytes origin, const char *path, const struct verifier *statement, struct error *e)
{
    struct buffer name;
    struct signer *signer = NULL;
    *out = NULL;
    if (!name_of(&name, origin, e) || !signer_load(&signer, buffer_bytes(&name), path, e)) {
        goto failed;
    }
    if (statement != NULL && memcmp(statement->public_key, signer_verifier(signer)->public_key, ED25519_PUBLIC_SIZE) == 0) {
        error_set(e, ERROR_DENIED, path, "make one of its own with `comity log witness --make`",
                  "the witness's key is the key that signs our log");
        goto failed;
    }
    if (!signer_become_cosigner(signer, e)) {
        goto failed;
    }
    buffer_clear(&name);
    *out = signer;
    return true;
failed:
    signer_free(signer);
    buffer_clear(&name);
    return false;
}

bool witness_key_make(struct bytes origin, const char *path, struct error *e)
{
    struct buffer name;
    struct signer *signer = NULL;
    bool ok = name_of(&name, origin, e) && signer_make(&signer, buffer_bytes(&name), e) && signer_save(signer, path, e);
    signer_free(signer);
    buffer_clear(&name);
    return ok;
}
