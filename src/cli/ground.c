#include "cli/ground.h"

#include "base/time.h"
#include "directory/directory.h"
#include "gateway/laws.h"
#include "law/tighten.h"
#include "store/policies.h"

static bool accept_all(void *context, const struct directory *directory, struct error *e)
{
    (void)context;
    (void)directory;
    (void)e;
    return true;
}

static void pass_over(void *context, const char *community, const struct error *e)
{
    (void)context;
    (void)community;
    (void)e; /* another community's directory is not looked at */
}

bool ground_law(const struct gateway_config *config, struct law **out, struct error *e)
{
    struct world *world = NULL;
    *out = NULL;
    if (!world_load(&world, config->member.parts[0], config->directory.file, config->directory.foreign_folder, config->directory.operators,
                    config->directory.operator_count, config->directory.threshold, time_now_ms(), accept_all, pass_over, NULL, e)) {
        return false;
    }
    bool ok = laws_load(out, config->folder, world->own, e);
    world_release(world);
    return ok;
}

bool ground_take(void *context, struct operation_ground *out, struct error *e)
{
    const struct ground_source *source = context;
    struct buffer text;
    struct policy_version version = { 0 };
    struct law *base = NULL;
    *out = (struct operation_ground){ 0 };
    buffer_init(&text, POLICY_STORE_TEXT_MAX);
    bool ok = ground_law(source->config, &base, e);
    if (ok && policy_store_current(source->store, &version, &text, e)) {
        ok = policy_parse(&out->policy, version.text, "the current policy", source->config->folder, &source->config->member, e) &&
             law_tighten(&out->law, base, version.text, "the current policy", e);
    } else if (ok) {
        ok = e->kind == ERROR_ABSENT; /* no policy was applied yet */
        out->law = ok ? law_keep(base) : NULL;
    }
    law_drop(base);
    buffer_clear(&text);
    if (!ok) {
        operation_ground_clear(out);
    }
    return ok;
}
