#include "witness/key.h"

/* What a key of this gateway is for, beside its log. A cosignature names no cosigner, so each has a key of its own. */
static const struct purpose {
    const char *suffix, *setting, *make;
} for_witness = { "/witness", "keys.witness", "make one of its own with `comity log witness --make`" },
  for_mirror = { "/mirror", "keys.mirror", "make one of its own with `comity log mirror --make`" };

static bool name_of(struct buffer *out, struct bytes origin, const struct purpose *purpose, struct error *e)
{
    buffer_init(out, KEY_NAME_SIZE_MAX + 1);
    buffer_append(out, origin);
    buffer_append_text(out, purpose->suffix);
    return !out->failed || error_set(e, ERROR_INPUT, purpose->setting, NULL, "the origin is too long for a cosigner's name");
}

static bool load(struct signer **out, struct bytes origin, const char *path, const struct purpose *purpose,
                 const struct verifier *const *others, size_t other_count, struct error *e)
{
    struct buffer name;
    struct signer *signer = NULL;
    *out = NULL;
    if (!name_of(&name, origin, purpose, e) || !signer_load(&signer, buffer_bytes(&name), path, e)) {
        goto failed;
    }
    for (size_t i = 0; i < other_count; i++) {
        if (others[i] != NULL && memcmp(others[i]->public_key, signer_verifier(signer)->public_key, ED25519_PUBLIC_SIZE) == 0) {
            error_set(e, ERROR_DENIED, path, purpose->make,
                      others[i]->type == SIGNATURE_ED25519 ? "it is the key that signs our log" : "it is the key of our witness");
            goto failed;
        }
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

static bool make(struct bytes origin, const char *path, const struct purpose *purpose, struct error *e)
{
    struct buffer name;
    struct signer *signer = NULL;
    bool ok = name_of(&name, origin, purpose, e) && signer_make(&signer, buffer_bytes(&name), e) && signer_save(signer, path, e);
    signer_free(signer);
    buffer_clear(&name);
    return ok;
}

bool witness_key_load(struct signer **out, struct bytes origin, const char *path, const struct verifier *statement, struct error *e)
{
    return load(out, origin, path, &for_witness, &statement, 1, e);
}

bool witness_key_make(struct bytes origin, const char *path, struct error *e)
{
    return make(origin, path, &for_witness, e);
}

bool mirror_key_load(struct signer **out, struct bytes origin, const char *path, const struct verifier *statement,
                     const struct verifier *witness, struct error *e)
{
    const struct verifier *const others[] = { statement, witness };
    return load(out, origin, path, &for_mirror, others, COUNT_OF(others), e);
}

bool mirror_key_make(struct bytes origin, const char *path, struct error *e)
{
    return make(origin, path, &for_mirror, e);
}
