#include "gateway/identify_internal.h"

#include <openssl/crypto.h>

enum verdict identify_client(struct exchange *x)
{
    struct error e;
    const struct field *field = fields_find_last(&x->request->fields, BYTES("X-Road-Client"));
    if (field == NULL) {
        return exchange_refuse(x, REASON_CLIENT_MISSING, "header X-Road-Client is absent; name the subsystem that asks");
    }
    uint8_t *storage = arena_take(x->arena, field->value.size + 1);
    if (storage == NULL) {
        return exchange_refuse(x, REASON_GATEWAY_INTERNAL, NULL);
    }
    if (!identifier_parse(field->value, 3, 4, storage, &x->client, &e)) {
        (void)error_set(&e, ERROR_INPUT, "header X-Road-Client", "send COMMUNITY/CLASS/MEMBER/SUBSYSTEM", "%s", e.what);
        return exchange_refuse_error(x, REASON_REQUEST_MALFORMED, &e);
    }
    x->client_text = field->value;
    return GO_ON;
}

/* The token of an Authorization-like value "Bearer TOKEN"; empty when it is another scheme. */
static struct bytes bearer(struct bytes value)
{
    struct bytes scheme = BYTES("Bearer ");
    if (!bytes_equal_ignoring_case(bytes_slice(value, 0, scheme.size), scheme)) {
        return BYTES_NONE;
    }
    return bytes_trim(bytes_slice(value, scheme.size, value.size));
}

static bool is_token_of(const struct policy_client *client, struct bytes token)
{
    uint8_t digest[SHA256_SIZE];
    int found = 0;
    if (token.size == 0) {
        return false;
    }
    sha256(token, digest);
    /* Each is compared, and in constant time: neither the time nor the place of a match tells anything. */
    for (size_t i = 0; i < client->token_count; i++) {
        found |= CRYPTO_memcmp(digest, client->tokens[i], sizeof digest) == 0;
    }
    OPENSSL_cleanse(digest, sizeof digest);
    return found != 0;
}

bool is_own_token(const struct exchange *x, const struct field *field)
{
    const struct policy_client *client = policy_find_client(x->snapshot->policy, &x->client);
    return client != NULL && client->token_count > 0 && bytes_equal_ignoring_case(field->name, BYTES("Authorization")) &&
           is_token_of(client, bearer(field->value));
}

static bool has_token(const struct exchange *x, const struct policy_client *client)
{
    const struct fields *fields = &x->request->fields;
    for (size_t i = 0; i < fields->count; i++) {
        /* Proxy-Authorization is meant for the gateway by its definition (RFC 9110 11.7.2); Authorization may be the service's. */
        bool may_hold = bytes_equal_ignoring_case(fields->list[i].name, BYTES("Proxy-Authorization")) ||
                        bytes_equal_ignoring_case(fields->list[i].name, BYTES("Authorization"));
        if (may_hold && is_token_of(client, bearer(fields->list[i].value))) {
            return true;
        }
    }
    return false;
}

static bool has_certificate(const struct exchange *x, const struct policy_client *client)
{
    const struct peer *peer = &x->request->peer;
    for (size_t i = 0; peer->has_certificate && i < client->certificate_count; i++) {
        if (memcmp(client->certificates[i], peer->certificate_sha256, SHA256_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

enum verdict authenticate_client(struct exchange *x)
{
    const struct gateway_listener *listener = x->listener->config;
    const struct policy_client *client = policy_find_client(x->snapshot->policy, &x->client);
    if (client == NULL) {
        return exchange_refuse(x, REASON_CLIENT_UNKNOWN,
                               "the client subsystem is not registered at this gateway; add it to `clients` and apply");
    }
    if (listener->has_subsystem && !identifier_equal(&listener->subsystem, &x->client)) {
        return exchange_refuse(x, REASON_CLIENT_UNPROVEN, "this listener stands for another subsystem");
    }
    if (client->connection != CONNECTION_HTTP && !x->request->peer.is_tls) {
        return exchange_refuse(x, REASON_CLIENT_UNPROVEN, "this client must call over HTTPS");
    }
    if (client->connection == CONNECTION_HTTPS && !has_certificate(x, client)) {
        return exchange_refuse(x, REASON_CLIENT_UNPROVEN, "this client must show one of its registered certificates");
    }
    if (client->token_count > 0 && !has_token(x, client)) {
        return exchange_refuse(x, REASON_CLIENT_UNPROVEN, "this client must send its bearer token in Proxy-Authorization");
    }
    return GO_ON;
}
