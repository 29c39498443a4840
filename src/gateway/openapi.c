#include "gateway/openapi_internal.h"

#include <jansson.h>
#include <yaml.h>

static const char where[] = "OpenAPI description";

struct bytes openapi_server_path(struct bytes url)
{
    size_t at = 0;
    while (at + 3 <= url.size && memcmp(url.data + at, "://", 3) != 0) {
        at++;
    }
    if (at + 3 > url.size) {
        return url;
    }
    struct bytes rest = bytes_slice(url, at + 3, url.size);
    size_t slash = bytes_find(rest, '/');
    if (bytes_find(bytes_slice(rest, 0, slash), '{') < slash) {
        return url;
    }
    struct bytes path = bytes_slice(rest, slash, rest.size);
    return path.size == 0 ? BYTES("") : path;
}

static int write_json(const char *data, size_t size, void *context)
{
    buffer_append(context, bytes_of(data, size));
    return 0;
}

bool openapi_rewrite_json(struct bytes text, struct buffer *out, struct error *e)
{
    json_error_t fault;
    bool ok = false;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL) {
        return error_set(e, ERROR_INPUT, where, NULL, "line %d: %s", fault.line, fault.text);
    }
    size_t i;
    json_t *server;
    json_array_foreach(json_object_get(root, "servers"), i, server)
    {
        json_t *url = json_object_get(server, "url");
        if (json_is_string(url)) {
            struct bytes path = openapi_server_path(bytes_of(json_string_value(url), json_string_length(url)));
            if (json_object_set_new(server, "url", json_stringn((const char *)path.data, path.size)) != 0) {
                error_memory(e, where);
                goto done;
            }
        }
    }
    if (json_dump_callback(root, write_json, out, JSON_INDENT(2)) != 0) {
        error_memory(e, where);
        goto done;
    }
    ok = !out->failed || error_memory(e, where);
done:
    json_decref(root);
    return ok;
}

/* Where the parser stands: only root -> "servers" -> item -> "url" matters. */
struct place {
    size_t depth;         /* of open collections */
    bool is_key;          /* in a mapping at a depth that matters, the next scalar is a key */
    bool in_servers;      /* inside of the root's `servers` */
    bool is_servers_next; /* the root's key was `servers` */
    bool is_item_key;     /* in an item of it, the next scalar is a key */
    bool is_url_next;
};

static bool is_scalar(const yaml_event_t *event, const char *text)
{
    return event->data.scalar.length == strlen(text) && memcmp(event->data.scalar.value, text, event->data.scalar.length) == 0;
}

static bool replace_scalar(yaml_event_t *event, struct error *e)
{
    yaml_event_t old = *event;
    struct bytes path = openapi_server_path(bytes_of(old.data.scalar.value, old.data.scalar.length));
    yaml_scalar_style_t style = path.size == 0 ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : old.data.scalar.style;
    if (yaml_scalar_event_initialize(event, old.data.scalar.anchor, old.data.scalar.tag, (yaml_char_t *)path.data, (int)path.size,
                                     old.data.scalar.plain_implicit, old.data.scalar.quoted_implicit, style) == 0) {
        *event = old;
        return error_memory(e, where);
    }
    yaml_event_delete(&old);
    return true;
}

/* Follows one event; `*rewrite`: this scalar is a server's URL. */
static void follow(struct place *p, const yaml_event_t *event, bool *rewrite)
{
    bool is_open = event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
    bool is_close = event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
    *rewrite = false;
    if (is_open) {
        p->in_servers = p->in_servers || (p->depth == 1 && p->is_servers_next);
        p->is_servers_next = p->is_url_next = false;
        p->depth++;
        if (p->depth == 1) {
            p->is_key = true;
        } else if (p->depth == 3 && p->in_servers) {
            p->is_item_key = true;
        }
    } else if (is_close) {
        p->depth--;
        p->in_servers = p->in_servers && p->depth >= 2;
        p->is_key = p->depth == 1 || p->is_key;
        p->is_item_key = p->depth == 3 && p->in_servers;
    } else if (event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT) {
        bool is_text = event->type == YAML_SCALAR_EVENT;
        if (p->depth == 1) {
            p->is_servers_next = p->is_key && is_text && is_scalar(event, "servers");
            p->is_key = !p->is_key;
        } else if (p->depth == 3 && p->in_servers) {
            *rewrite = !p->is_item_key && p->is_url_next && is_text;
            p->is_url_next = p->is_item_key && is_text && is_scalar(event, "url");
            p->is_item_key = !p->is_item_key;
        }
    }
}

static int write_piece(void *context, unsigned char *data, size_t size)
{
    struct buffer *out = context;
    buffer_append(out, bytes_of(data, size));
    return out->failed ? 0 : 1;
}

static bool copy_events(yaml_parser_t *parser, yaml_emitter_t *emitter, struct error *e)
{
    struct place place = { 0 };
    for (bool is_end = false; !is_end;) {
        yaml_event_t event;
        bool rewrite;
        if (yaml_parser_parse(parser, &event) == 0) {
            return error_set(e, ERROR_INPUT, where, NULL, "line %zu: %s", parser->problem_mark.line + 1,
                             parser->problem == NULL ? "not YAML" : parser->problem);
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        follow(&place, &event, &rewrite);
        if (rewrite && !replace_scalar(&event, e)) {
            yaml_event_delete(&event);
            return false;
        }
        /* The emitter owns the event from here on, also when it fails. */
        if (yaml_emitter_emit(emitter, &event) == 0) {
            return error_set(e, ERROR_INPUT, where, NULL, "%s", emitter->problem == NULL ? "cannot be written" : emitter->problem);
        }
    }
    return true;
}

bool openapi_rewrite_yaml(struct bytes text, struct buffer *out, struct error *e)
{
    yaml_parser_t parser;
    yaml_emitter_t emitter;
    if (yaml_parser_initialize(&parser) == 0) {
        return error_memory(e, where);
    }
    if (yaml_emitter_initialize(&emitter) == 0) {
        yaml_parser_delete(&parser);
        return error_memory(e, where);
    }
    yaml_parser_set_input_string(&parser, text.data, text.size);
    yaml_emitter_set_output(&emitter, write_piece, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    bool ok = copy_events(&parser, &emitter, e);
    yaml_emitter_delete(&emitter);
    yaml_parser_delete(&parser);
    return ok;
}
