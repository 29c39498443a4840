#include "directory/directory_internal.h"

#include "base/encode.h"
#include "base/time.h"

/*
 * The tree is put together by functions that take what was made before over and give NULL on failure, as jansson's own do: one NULL
 * anywhere makes the whole NULL, and nothing is lost.
 */
static json_t *put(json_t *object, const char *key, json_t *value)
{
    if (object == NULL || value == NULL || json_object_set_new(object, key, value) != 0) {
        if (object == NULL) {
            json_decref(value); /* otherwise json_object_set_new() has done it */
        }
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *add(json_t *array, json_t *value)
{
    if (array == NULL || value == NULL || json_array_append_new(array, value) != 0) {
        if (array == NULL) {
            json_decref(value);
        }
        json_decref(array);
        return NULL;
    }
    return array;
}

/* NULL, too, for what isn't UTF-8. */
static json_t *text(struct bytes view)
{
    return json_stringn(view.data == NULL ? "" : (const char *)view.data, view.size);
}

static json_t *time_value(int64_t time_ms)
{
    char when[TIME_TEXT_SIZE];
    return json_string(time_text(time_ms, when));
}

static json_t *key_value(const struct verifier *key)
{
    struct buffer vkey;
    buffer_init(&vkey, KEY_NAME_SIZE_MAX + 64);
    verifier_write(key, &vkey);
    json_t *made = vkey.failed ? NULL : text(buffer_bytes(&vkey));
    buffer_clear(&vkey);
    return made;
}

static json_t *keys_value(const struct verifier *keys, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        array = add(array, key_value(&keys[i]));
    }
    return array;
}

static json_t *gateway_value(const struct directory_gateway *g)
{
    json_t *addresses = json_array();
    json_t *pins = json_array();
    for (size_t i = 0; i < g->address_count; i++) {
        addresses = add(addresses, text(g->addresses[i]));
    }
    for (size_t i = 0; i < g->tls_pin_count; i++) {
        uint8_t pin[BASE64_SIZE(PIN_SIZE)];
        pins = add(pins, text(bytes_of(pin, base64_write(bytes_of(g->tls_pins[i], PIN_SIZE), pin))));
    }
    json_t *object = put(json_object(), "code", text(g->code));
    object = put(object, "addresses", addresses);
    object = put(object, "statement_key", key_value(&g->statement_key));
    object = put(object, "tls_pins", pins);
    return g->in_maintenance ? put(object, "maintenance", json_true()) : object;
}

static json_t *subsystem_value(const struct directory_subsystem *s)
{
    json_t *object = put(json_object(), "code", text(s->code));
    if (s->name.size > 0) {
        object = put(object, "name", text(s->name));
    }
    if (s->gateway_count > 0) {
        json_t *gateways = json_array();
        for (size_t i = 0; i < s->gateway_count; i++) {
            gateways = add(gateways, text(s->gateways[i]->code));
        }
        object = put(object, "gateways", gateways);
    }
    return object;
}

static json_t *traits_value(uint32_t traits)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < 32; i++) {
        if ((traits >> i & 1) != 0) {
            array = add(array, json_string(directory_trait_word((uint32_t)1 << i)));
        }
    }
    return array;
}

static json_t *law_value(const struct directory *d)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_write(bytes_of(d->law_digest, SHA256_SIZE), hex);
    json_t *object = put(json_object(), "id", text(d->law_id));
    object = put(object, "version", text(d->law_version));
    return put(object, "digest", json_string(hex));
}

static json_t *member_value(const struct directory_member *m)
{
    json_t *subsystems = json_array();
    json_t *gateways = json_array();
    for (size_t i = 0; i < m->subsystem_count; i++) {
        subsystems = add(subsystems, subsystem_value(&m->subsystems[i]));
    }
    for (size_t i = 0; i < m->gateway_count; i++) {
        gateways = add(gateways, gateway_value(&m->gateways[i]));
    }
    json_t *object = put(json_object(), "class", text(m->class_code));
    object = put(object, "code", text(m->code));
    if (m->name.size > 0) {
        object = put(object, "name", text(m->name));
    }
    if (m->traits != 0) {
        object = put(object, "traits", traits_value(m->traits));
    }
    object = put(object, "subsystems", subsystems);
    return put(object, "gateways", gateways);
}

static json_t *recognition_value(const struct directory_recognition *r)
{
    json_t *object = put(json_object(), "community", text(r->community));
    object = put(object, "threshold", json_integer((json_int_t)r->threshold));
    object = put(object, "operators", keys_value(r->operators, r->operator_count));
    object = put(object, "valid_from", time_value(r->valid_from_ms));
    return put(object, "valid_until", time_value(r->valid_until_ms));
}

static json_t *directory_value(const struct directory *d)
{
    json_t *members = json_array();
    json_t *recognised = json_array();
    for (size_t i = 0; i < d->member_count; i++) {
        members = add(members, member_value(&d->members[i]));
    }
    for (size_t i = 0; i < d->recognised_count; i++) {
        recognised = add(recognised, recognition_value(&d->recognised[i]));
    }
    json_t *operators = put(json_object(), "threshold", json_integer((json_int_t)d->threshold));
    operators = put(operators, "keys", keys_value(d->operators, d->operator_count));
    json_t *object = put(json_object(), "comity_directory", json_integer(1));
    object = put(object, "community", text(d->community));
    if (d->country.size > 0) {
        object = put(object, "country", text(d->country));
    }
    if (d->has_law) {
        object = put(object, "law", law_value(d));
    }
    object = put(object, "serial", json_integer((json_int_t)d->serial));
    object = put(object, "valid_from", time_value(d->valid_from_ms));
    object = put(object, "valid_until", time_value(d->valid_until_ms));
    object = put(object, "operators", operators);
    object = put(object, "members", members);
    return put(object, "recognised", recognised);
}

static int append(const char *data, size_t size, void *context)
{
    struct buffer *out = context;
    buffer_append(out, bytes_of(data, size));
    return out->failed ? -1 : 0;
}

/* jansson writes members in the order in which they were put, so the text is the same for the same directory. */
static bool write_text(const struct directory *d, struct buffer *out, struct error *e)
{
    json_t *root = directory_value(d);
    if (root == NULL) {
        return error_set(e, ERROR_INPUT, "directory", "use UTF-8 everywhere, or free memory", "a text is not UTF-8, or memory is out");
    }
    bool ok = json_dump_callback(root, append, out, JSON_INDENT(2)) == 0;
    json_decref(root);
    buffer_append_u8(out, '\n');
    if (!ok || out->failed) {
        return error_set(e, ERROR_FULL, "directory", NULL, "it does not fit into %zu bytes", out->size_max);
    }
    return true;
}

bool directory_write(const struct directory *d, struct buffer *out, struct error *e)
{
    struct buffer text_buffer, again;
    struct directory *back = NULL;
    buffer_init(&text_buffer, DIRECTORY_BYTES_MAX);
    buffer_init(&again, DIRECTORY_BYTES_MAX);
    /* Read back by the same rules that every other gateway applies: what an operator signs must not be refused everywhere. */
    bool ok = write_text(d, &text_buffer, e) && directory_parse_text(&back, buffer_bytes(&text_buffer), "directory", e) &&
              write_text(back, &again, e);
    if (ok && (!bytes_equal(buffer_bytes(&text_buffer), buffer_bytes(&again)) || back->valid_from_ms != d->valid_from_ms ||
               back->valid_until_ms != d->valid_until_ms)) {
        ok = error_set(e, ERROR_INPUT, "directory", NULL, "it would not be read back as it is");
    }
    if (ok) {
        buffer_append(out, buffer_bytes(&text_buffer));
        ok = !out->failed || error_set(e, ERROR_FULL, "directory", NULL, "it does not fit into %zu bytes", out->size_max);
    }
    directory_free(back);
    buffer_clear(&again);
    buffer_clear(&text_buffer);
    return ok;
}
