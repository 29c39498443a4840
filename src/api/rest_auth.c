/* Who asks, and may he? Credentials of four kinds: a client's token, a client's certificate, an OpenID provider's token, a session's cookie. */
#include <stdio.h>

#include "api/access_event.h"
#include "api/rest_internal.h"
#include "api/rest_page.h"
#include "api/session_internal.h"
#include "base/diag.h"
#include "base/encode.h"
#include "base/time.h"

enum { CREDENTIAL_BYTES_MIN = 16 };

static struct bytes field_once(const struct rest_call *call, struct bytes name, bool *is_twice)
{
    const struct field *field = fields_find(&call->request->fields, name);
    *is_twice = fields_count(&call->request->fields, name) > 1;
    return field == NULL ? BYTES_NONE : field->value;
}

static bool refuse_credentials(struct rest_call *call, struct error *e, const char *what)
{
    call->authenticate = "Bearer realm=\"comity\", error=\"invalid_token\"";
    return rest_refuse(call, e, 401, "auth.credentials", "header Authorization", "sign in again", "%s", what);
}

/* ---- Clients that api.yaml names ---- */

/* All are compared, each in the same time: how long it takes says nothing about how near a guess was. */
static bool is_among(const uint8_t (*list)[32], size_t count, const uint8_t digest[32])
{
    unsigned found = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned difference = 0;
        for (size_t j = 0; j < 32; j++) {
            difference |= (unsigned)(list[i][j] ^ digest[j]);
        }
        found |= difference == 0;
    }
    return found != 0;
}

static void become(struct principal *principal, const struct api_client *client)
{
    const struct bytes parts[] = { BYTES("client\n"), client->name };
    principal->roles = 1U << client->role;
    principal->name = client->name;
    principal->member = client->member;
    sha256_parts(parts, COUNT_OF(parts), principal->digest);
}

static bool find_client(struct rest_call *call, struct bytes token)
{
    const struct api_config *config = call->settings->config;
    const struct peer *peer = &call->request->peer;
    const struct api_client *found = NULL;
    uint8_t digest[SHA256_SIZE];
    sha256(token, digest);
    for (size_t i = 0; i < config->client_count; i++) {
        const struct api_client *client = &config->clients[i];
        bool has_token = token.size >= CREDENTIAL_BYTES_MIN && is_among((const uint8_t(*)[32])client->tokens, client->token_count, digest);
        bool has_pin = token.size == 0 && peer->has_certificate &&
                       is_among((const uint8_t(*)[32])client->pins, client->pin_count, peer->pin);
        found = has_token || has_pin ? client : found;
    }
    if (found != NULL) {
        become(&call->principal, found);
    }
    return found != NULL;
}

/* ---- Tokens of OpenID providers ---- */

static unsigned roles_of(const struct api_issuer *issuer, const json_t *value)
{
    unsigned bits = 0;
    struct bytes one = rest_json_bytes(value);
    for (size_t i = 0; i < issuer->role_count; i++) {
        if (one.size > 0 && bytes_equal(one, issuer->roles[i].value)) {
            bits |= 1U << issuer->roles[i].role;
        }
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (json_is_string(json_array_get(value, i))) {
            bits |= roles_of(issuer, json_array_get(value, i));
        }
    }
    return bits;
}

/* The holder's identifier of the person: the claim, or what only the holder can make of it. */
static bool map_person(struct rest_call *call, const struct api_issuer *issuer, const json_t *claims, struct error *e)
{
    struct bytes claim = rest_json_bytes(json_object_get(claims, (const char *)issuer->person_claim.data));
    if (claim.size == 0) {
        return refuse_credentials(call, e, "the token lacks the claim that says who the person is");
    }
    if (issuer->person_salt.size > 0) {
        const struct bytes parts[] = { issuer->rules.issuer, BYTES("\n"), claim };
        uint8_t digest[SHA256_SIZE];
        char hex[2 * SHA256_SIZE + 1];
        struct buffer text;
        buffer_init(&text, TOKEN_BYTES_MAX);
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
            buffer_append(&text, parts[i]);
        }
        hmac_sha256(issuer->person_salt, buffer_bytes(&text), digest);
        bool failed = text.failed;
        buffer_wipe(&text);
        hex_write(bytes_of(digest, sizeof digest), hex);
        claim = failed ? BYTES_NONE : arena_copy(&call->arena, bytes_of_text(hex));
        if (claim.data == NULL) {
            return error_memory(e, "token");
        }
    }
    struct bytes person = arena_format(&call->arena, "%.*s%.*s", BYTES_FMT(issuer->person_prefix), BYTES_FMT(claim));
    if (person.data == NULL) {
        return error_memory(e, "token");
    }
    if (person.size > PERSON_BYTES_MAX) {
        return refuse_credentials(call, e, "the token's identifier of the person is too long");
    }
    call->principal.person = person;
    return true;
}

static bool name_subject(struct rest_call *call, const struct api_issuer *issuer, const json_t *claims, struct error *e)
{
    struct bytes subject = rest_json_bytes(json_object_get(claims, "sub"));
    const struct bytes parts[] = { BYTES("issuer\n"), issuer->rules.issuer, BYTES("\n"), subject };
    char hex[2 * SHA256_SIZE + 1];
    if (subject.size == 0) {
        return refuse_credentials(call, e, "the token has no subject (sub)");
    }
    sha256_parts(parts, COUNT_OF(parts), call->principal.digest);
    hex_write(bytes_of(call->principal.digest, SHA256_SIZE), hex);
    hex[16] = '\0';
    call->principal.name = arena_copy(&call->arena, bytes_of_text(hex));
    return call->principal.name.data != NULL || error_memory(e, "token");
}

bool rest_take_claims(struct rest_call *call, const struct api_issuer *issuer, const json_t *claims, struct error *e)
{
    struct principal *principal = &call->principal;
    principal->roles = issuer->roles_claim.size == 0 ? 1U << ROLE_PERSON
                                                     : roles_of(issuer, json_object_get(claims, (const char *)issuer->roles_claim.data));
    principal->member = call->rest->options.member;
    if (principal->roles == 0) {
        return rest_refuse(call, e, 403, "auth.role", "header Authorization", NULL, "none of the token's roles is known here");
    }
    if (issuer->member_claim.size > 0) {
        struct bytes member = rest_json_bytes(json_object_get(claims, (const char *)issuer->member_claim.data));
        principal->member = member.size == 0 ? BYTES_NONE : arena_copy(&call->arena, member);
    }
    if (!name_subject(call, issuer, claims, e)) {
        return false;
    }
    return (principal->roles & (1U << ROLE_PERSON)) == 0 || map_person(call, issuer, claims, e);
}

/*
 * A cookie goes along with whatever a browser sends, wherever the page is from that made it send: data is for pages of ours, and what changes something
 * for those that show the token. Forms of pages show theirs when they are read.
 */
static bool use_session(struct rest_call *call, struct error *e)
{
    bool is_found;
    if (!session_authenticate(call, &is_found, e)) {
        return false;
    }
    if (!is_found) {
        call->principal.roles = 1U << ROLE_ANONYMOUS;
        call->principal.is_anonymous = true;
        return true;
    }
    if (call->pages != NULL) {
        return true;
    }
    bool is_read = strcmp(call->route->method, "GET") == 0, is_twice;
    return is_read ? session_check_site(call, e) : session_check_csrf(call, field_once(call, BYTES("Comity-CSRF"), &is_twice), e);
}

static bool check_token(struct rest_call *call, struct bytes token, struct error *e)
{
    json_t *claims = NULL;
    const struct api_issuer *issuer = NULL;
    struct error cause = { 0 };
    if (!issuers_check(call->settings->issuers, token, call->now_ms, &claims, &issuer, &cause)) {
        if (cause.kind == ERROR_DENIED) {
            return refuse_credentials(call, e, cause.what);
        }
        *e = cause;
        call->status = 503;
        call->reason = "auth.unavailable";
        return false;
    }
    bool ok = rest_take_claims(call, issuer, claims, e);
    json_decref(claims);
    return ok;
}

bool rest_authenticate(struct rest_call *call, struct error *e)
{
    bool is_twice;
    struct bytes value = field_once(call, BYTES("Authorization"), &is_twice), scheme, rest = value;
    if (is_twice) {
        return refuse_credentials(call, e, "there are two of it");
    }
    if (value.size == 0) {
        if (find_client(call, BYTES_NONE)) { /* by its certificate, which a browser sends whoever's form it is */
            return call->pages != NULL || strcmp(call->route->method, "GET") == 0 || session_check_site(call, e);
        }
        return use_session(call, e);
    }
    (void)bytes_split(&rest, ' ', &scheme);
    rest = bytes_trim(rest);
    /* GovStack's reference implementation says ApiKey for what RFC 6750 calls Bearer. */
    bool is_bearer = bytes_equal_ignoring_case(scheme, BYTES("Bearer"));
    if ((!is_bearer && !bytes_equal_ignoring_case(scheme, BYTES("ApiKey"))) || rest.size == 0) {
        return refuse_credentials(call, e, "is neither Bearer nor ApiKey");
    }
    if (find_client(call, rest)) {
        return true;
    }
    if (!is_bearer || bytes_find(rest, '.') == rest.size) {
        return refuse_credentials(call, e, "the token is not known");
    }
    return check_token(call, rest, e);
}

/* ---- May he? ---- */

static bool is_staff(const struct rest_call *call)
{
    return call->access == ACCESS_MEMBER || call->access == ACCESS_ALL;
}

enum role rest_role(const struct rest_call *call)
{
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        bool is_held = (call->principal.roles & (1U << role)) != 0;
        if (is_held && access_of((enum role)role, call->route->resource, call->route->verb) == call->access) {
            return (enum role)role;
        }
    }
    return ROLE_ANONYMOUS;
}

static bool is_own_member(const struct rest_call *call)
{
    return bytes_equal(call->principal.member, call->rest->options.member);
}

/* A person's session speaks for that person, whatever else a header says; one that says another is refused and not passed over. */
static bool find_own_subject(struct rest_call *call, struct bytes named, struct bytes guardianship, struct error *e)
{
    if (guardianship.size > 0) {
        return rest_find_ward(call, guardianship, e);
    }
    bool is_govstack = (call->route->flags & ROUTE_GOVSTACK) != 0;
    if (named.size > 0 && is_govstack && !bytes_equal(named, call->principal.person) && !rest_find_individual(call, named, e)) {
        return false;
    }
    bool is_same = named.size == 0 || bytes_equal(named, call->principal.person) ||
                   (is_govstack && bytes_equal(call->subject, call->principal.person));
    if (!is_same) {
        call->individual = BYTES_NONE;
        diag(DIAG_WARN, "api", "a session named another person than its own", "operation", call->route->id, NULL);
        return rest_refuse(call, e, is_govstack ? 400 : 403, "auth.person", "header", NULL,
                           "names another person than the one who is signed in");
    }
    call->subject = call->principal.person;
    call->subject_role = BYTES("person");
    return true;
}

/*
 * What a person's pages link to (a receipt, a report) is of the one whom the page says one acts for: a link sends no header, but the cookie that the page
 * has set. Only for reading; what changes something says for whom.
 */
static struct bytes chosen_ward(const struct rest_call *call)
{
    bool is_link = call->pages == NULL && session_of(call) != NULL && bytes_equal(call->request->method, BYTES("GET")) &&
                   (call->principal.roles & (1U << ROLE_PERSON)) != 0 && call->route->resource != RESOURCE_SESSION;
    return is_link ? rest_cookie(call, "ward") : BYTES_NONE;
}

bool rest_find_subject(struct rest_call *call, struct error *e)
{
    bool is_twice, is_twice_too;
    struct bytes named = field_once(call,
                                    (call->route->flags & ROUTE_GOVSTACK) != 0 ? BYTES("X-ConsentBB-IndividualId") : BYTES("Comity-Person"),
                                    &is_twice);
    struct bytes guardianship = field_once(call, BYTES("Comity-Guardianship"), &is_twice_too), own = call->principal.guardianship;
    if (is_twice || is_twice_too) {
        return rest_refuse(call, e, 400, "request.malformed", "header", NULL, "the person is named twice");
    }
    if (own.size > 0 && guardianship.size > 0 && !bytes_equal(own, guardianship)) {
        return rest_refuse(call, e, 403, "auth.guardian", "header Comity-Guardianship", NULL, "this session is for another guardianship");
    }
    guardianship = own.size > 0 ? own : guardianship.size > 0 ? guardianship : chosen_ward(call);
    struct bytes in_query = (call->route->flags & ROUTE_GOVSTACK) != 0 ? rest_query(call, "individualId") : BYTES_NONE;
    if (named.size > 0 && in_query.size > 0 && !bytes_equal(named, in_query)) {
        return rest_refuse(call, e, 400, "auth.person", "query individualId", NULL, "is another than X-ConsentBB-IndividualId");
    }
    named = in_query.size > 0 ? in_query : named;
    if (named.size > PERSON_BYTES_MAX || !bytes_are_utf8(named)) {
        return rest_refuse(call, e, 400, "request.malformed", "header", NULL, "is no identifier of a person");
    }
    if (call->access == ACCESS_OWN) {
        return find_own_subject(call, named, guardianship, e);
    }
    /* Redacted is without saying whose: whoever says it himself would learn what is about whom. */
    if (call->access == ACCESS_REDACTED && (named.size > 0 || (call->route->flags & ROUTE_PERSON) != 0)) {
        return rest_refuse(call, e, 403, "auth.person", "request", "ask without naming a person", "your role sees nobody's data by name");
    }
    if (named.size == 0 && (call->route->flags & ROUTE_PERSON) != 0) {
        return rest_refuse(call, e, 400, "request.malformed",
                           (call->route->flags & ROUTE_GOVSTACK) != 0 ? "header X-ConsentBB-IndividualId" : "header Comity-Person",
                           "name the person there", "must be there");
    }
    if ((call->route->flags & ROUTE_GOVSTACK) != 0) {
        return rest_find_individual(call, named, e); /* an id of GovStack's, or the holder's identifier */
    }
    call->subject = named;
    return true;
}

bool rest_authorise(struct rest_call *call, struct error *e)
{
    const struct rest_route *route = call->route;
    struct principal *principal = &call->principal;
    bool is_for_ward = fields_find(&call->request->fields, BYTES("Comity-Guardianship")) != NULL;
    unsigned roles = principal->roles;
    if (is_for_ward) { /* for another: with a guardian's rights and no other's */
        roles = (roles & ((1U << ROLE_PERSON) | (1U << ROLE_GUARDIAN))) != 0 ? 1U << ROLE_GUARDIAN : 0;
    }
    call->access = access_for(roles, route->resource, route->verb);
    bool is_let_in = principal->is_anonymous && (route->flags & ROUTE_ANONYMOUS) != 0 && call->settings->config->has_anonymous_govstack;
    call->access = is_let_in ? ACCESS_ALL : call->access;
    /* Only the holder's own people may write down what a person decided at their counter, or give somebody a code there. */
    if (call->access == ACCESS_MEMBER &&
        (route->resource == RESOURCE_CODE || route->verb == VERB_DECIDE || route->verb == VERB_WITHDRAW ||
         (route->verb == VERB_ERASE && route->resource == RESOURCE_CONSENT)) &&
        !is_own_member(call)) {
        call->access = ACCESS_NO;
    }
    if (call->access == ACCESS_NO) {
        return principal->is_anonymous ? rest_refuse(call, e, 401, "auth.credentials", "header Authorization", "sign in", "must be there")
                                       : rest_refuse(call, e, 403, "auth.role", "request", NULL, "your role may not do this");
    }
    return true;
}

/* ---- What staff sees, the person sees ---- */

bool rest_tell_subject(struct rest_call *call, struct error *e)
{
    if (!is_staff(call) || call->subject.size == 0 || call->is_subject_told || call->rest->options.committer == NULL) {
        return true;
    }
    const struct access_event event = { .person = call->subject,
                                        .by = call->principal.name,
                                        .role = bytes_of_text(role_name(rest_role(call))),
                                        .member = call->principal.member,
                                        .operation = bytes_of_text(call->route->id),
                                        .time_ms = call->now_ms };
    call->is_subject_told = access_event_append(call->rest->options.committer, &event, e);
    return call->is_subject_told;
}

bool rest_enter_subject(struct rest_call *call, struct bytes person, struct bytes recipient, struct error *e)
{
    switch (call->access) {
    case ACCESS_OWN:
        return bytes_equal(person, call->subject) || rest_absent(call, e);
    case ACCESS_MEMBER:
        if (!is_own_member(call) && !bytes_equal(recipient, call->principal.member)) {
            return rest_absent(call, e);
        }
        break;
    case ACCESS_REDACTED:
        return true;
    case ACCESS_ALL:
        break;
    case ACCESS_NO:
        return rest_absent(call, e);
    }
    if (call->subject.size > 0 && !bytes_equal(person, call->subject)) {
        return rest_absent(call, e);
    }
    call->subject = arena_copy(&call->arena, person);
    return call->subject.data != NULL ? rest_tell_subject(call, e) : error_memory(e, "request");
}
