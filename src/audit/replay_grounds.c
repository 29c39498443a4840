#include <stdlib.h>

#include "audit/replay_internal.h"
#include "evidence/archive.h"
#include "store/policies.h"

/* ---- Asked for once ---- */

static void empty(struct ground *ground)
{
    policy_drop(ground->policy);
    directory_free(ground->directory);
    law_drop(ground->law);
    *ground = (struct ground){ 0 };
}

void grounds_clear(struct grounds *grounds)
{
    for (size_t i = 0; i < GROUNDS_KEPT; i++) {
        empty(&grounds->policies[i]);
        empty(&grounds->directories[i]);
        empty(&grounds->laws[i]);
    }
}

static struct ground *find(struct ground *list, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < GROUNDS_KEPT; i++) {
        if (list[i].is_used && memcmp(list[i].digest, digest, SHA256_SIZE) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

static struct ground *make_room(struct ground *list, size_t *next, const uint8_t digest[SHA256_SIZE])
{
    struct ground *ground = &list[*next];
    *next = (*next + 1) % GROUNDS_KEPT;
    empty(ground);
    ground->is_used = true;
    memcpy(ground->digest, digest, SHA256_SIZE);
    return ground;
}

const struct policy *grounds_policy(struct grounds *grounds, const uint8_t digest[SHA256_SIZE], const struct error **fault)
{
    struct ground *ground = find(grounds->policies, digest);
    if (ground == NULL) {
        ground = make_room(grounds->policies, &grounds->next_policy, digest);
        if (!grounds->source->find_policy(grounds->source->context, digest, &ground->policy, &ground->fault)) {
            ground->policy = NULL;
        }
    }
    *fault = &ground->fault;
    return ground->policy;
}

const struct directory *grounds_directory(struct grounds *grounds, const uint8_t digest[SHA256_SIZE],
                                          const struct directory_recognition *by, const struct error **fault)
{
    struct ground *ground = find(grounds->directories, digest);
    if (ground == NULL) {
        ground = make_room(grounds->directories, &grounds->next_directory, digest);
        if (!grounds->source->find_directory(grounds->source->context, digest, by == NULL ? NULL : by->operators,
                                             by == NULL ? 0 : by->operator_count, by == NULL ? 0 : by->threshold, &ground->directory,
                                             &ground->fault)) {
            ground->directory = NULL;
        }
    }
    *fault = &ground->fault;
    return ground->directory;
}

/* A law as it was published: compiled in, or kept. */
static bool find_law(const struct replay_source *source, const uint8_t digest[SHA256_SIZE], struct law **out, struct error *e)
{
    const struct law_builtin *builtin = law_find_builtin(digest);
    struct buffer text;
    *out = NULL;
    if (builtin != NULL) {
        return law_parse(out, builtin->text, builtin->id, e);
    }
    if (source->find_text == NULL) {
        return error_set(e, ERROR_ABSENT, "law", NULL, "this law profile is not one that this version has");
    }
    buffer_init(&text, LAW_BYTES_MAX);
    bool ok = source->find_text(source->context, digest, &text, e) && law_parse(out, buffer_bytes(&text), "(law)", e);
    buffer_clear(&text);
    return ok;
}

const struct law *grounds_law(struct grounds *grounds, const uint8_t digest[SHA256_SIZE], const struct policy *policy,
                              const struct error **fault)
{
    uint8_t both[2 * SHA256_SIZE], key[SHA256_SIZE];
    struct law *base = NULL;
    memcpy(both, digest, SHA256_SIZE);
    memcpy(both + SHA256_SIZE, policy->digest, SHA256_SIZE);
    sha256(bytes_of(both, sizeof both), key);
    struct ground *ground = find(grounds->laws, key);
    if (ground == NULL) {
        ground = make_room(grounds->laws, &grounds->next_law, key);
        if (find_law(grounds->source, digest, &base, &ground->fault) &&
            !policy_tighten(policy, base, "(policy)", &ground->law, &ground->fault)) {
            ground->law = NULL;
        }
        law_drop(base);
    }
    *fault = &ground->fault;
    return ground->law;
}

/* ---- A gateway's archive and store ---- */

struct wanted {
    const uint8_t *digest;
    struct buffer *text;
    bool is_found;
};

static bool take_version(void *context, const struct policy_version *version)
{
    struct wanted *wanted = context;
    wanted->is_found = memcmp(version->digest, wanted->digest, SHA256_SIZE) == 0;
    if (wanted->is_found) {
        buffer_append(wanted->text, version->text);
    }
    return !wanted->is_found;
}

static bool read_policy(const struct replay_files *files, const uint8_t digest[SHA256_SIZE], struct buffer *text, struct error *e)
{
    struct wanted wanted = { .digest = digest, .text = text };
    if (archive_get(files->archive, digest, text, e)) {
        return true;
    }
    if (e->kind != ERROR_ABSENT || files->store == NULL) {
        return false;
    }
    return policy_store_history(files->store, take_version, &wanted, e) &&
           (wanted.is_found || error_set(e, ERROR_ABSENT, "policy", NULL, "neither the archive nor the database has this policy"));
}

static bool find_policy(void *context, const uint8_t digest[SHA256_SIZE], struct policy **out, struct error *e)
{
    const struct replay_files *files = context;
    struct buffer text;
    *out = NULL;
    buffer_init(&text, POLICY_STORE_TEXT_MAX);
    bool ok = read_policy(files, digest, &text, e) && policy_parse(out, buffer_bytes(&text), "(policy)", files->folder, files->owner, e);
    buffer_clear(&text);
    return ok;
}

static bool find_directory(void *context, const uint8_t digest[SHA256_SIZE], const struct verifier *operators, size_t operator_count,
                           size_t threshold, struct directory **out, struct error *e)
{
    const struct replay_files *files = context;
    struct buffer note;
    *out = NULL;
    buffer_init(&note, ARCHIVE_BYTES_MAX);
    bool ok = archive_get(files->archive, digest, &note, e) &&
              (operators == NULL
                   ? directory_parse(out, buffer_bytes(&note), files->operators, files->operator_count, files->threshold, "(directory)", e)
                   : directory_parse(out, buffer_bytes(&note), operators, operator_count, threshold, "(directory)", e));
    buffer_clear(&note);
    return ok;
}

static bool find_text(void *context, const uint8_t digest[SHA256_SIZE], struct buffer *out, struct error *e)
{
    const struct replay_files *files = context;
    return archive_get(files->archive, digest, out, e);
}

void replay_files_source(struct replay_files *files, struct replay_source *out)
{
    *out = (struct replay_source){ .find_policy = find_policy, .find_directory = find_directory, .find_text = find_text, .context = files };
}
