#include "api/session.h"

#include <stdio.h>

#include "base/encode.h"
#include "base/random.h"

enum { SEEN_STEP_MS = 60 * 1000, CSRF_NONCE_SIZE = 16, ROLES_TEXT_SIZE = 256 };

/* ---- Ids ---- */

/* base64url of 32 bytes, without the '=' that a cookie would have to carry. */
static void write_token(const uint8_t raw[32], char out[SESSION_COOKIE_SIZE])
{
    uint8_t text[BASE64_SIZE(32)];
    (void)base64_write(bytes_of(raw, 32), text);
    for (size_t i = 0; i < SESSION_COOKIE_SIZE - 1; i++) {
        out[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    }
    out[SESSION_COOKIE_SIZE - 1] = '\0';
}

/* Exactly what write_token() makes. */
static bool read_token(struct bytes text, uint8_t out[32])
{
    uint8_t plain[BASE64_SIZE(32)];
    size_t size = 0;
    if (text.size != SESSION_COOKIE_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '+' || text.data[i] == '/') {
            return false;
        }
        plain[i] = text.data[i] == '-' ? '+' : text.data[i] == '_' ? '/' : text.data[i];
    }
    plain[text.size] = '=';
    return base64_parse(bytes_of(plain, sizeof plain), out, 32, &size) && size == 32;
}

static void draw_id(char cookie[SESSION_COOKIE_SIZE], uint8_t digest[SHA256_SIZE])
{
    uint8_t id[SESSION_ID_SIZE];
    random_fill(id, sizeof id);
    write_token(id, cookie);
    sha256(bytes_of(id, sizeof id), digest);
    explicit_bzero(id, sizeof id);
}

/* ---- Roles, as names with a blank between ---- */

static void write_roles(unsigned roles, char out[ROLES_TEXT_SIZE])
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        if ((roles & (1U << role)) != 0) {
            int size = snprintf(out + at, ROLES_TEXT_SIZE - at, "%s%s", at == 0 ? "" : " ", role_name((enum role)role));
            at += size > 0 ? (size_t)size : 0; /* there is room for all of them */
        }
    }
}

/* 0: damaged. */
static unsigned read_roles(struct bytes text)
{
    unsigned roles = 0;
    struct bytes word;
    while (bytes_split(&text, ' ', &word)) {
        char name[32];
        int size = snprintf(name, sizeof name, "%.*s", BYTES_FMT(word));
        enum role role = size > 0 && (size_t)size < sizeof name ? role_find(name) : ROLE_COUNT;
        if (role == ROLE_COUNT) {
            return 0;
        }
        roles |= 1U << role;
    }
    return roles;
}

/* The same for one who signs in again, however that was. */
static void digest_owner(struct session *session)
{
    char roles[ROLES_TEXT_SIZE];
    write_roles(session->roles, roles);
    const struct bytes parts[] = { BYTES("session\n"), bytes_of_text(roles),  BYTES("\n"), session->person,
                                   BYTES("\n"),        session->guardianship, BYTES("\n"), session->who };
    sha256_parts(parts, COUNT_OF(parts), session->owner);
}

/* ---- Opening ---- */

static bool end_oldest(struct store *store, const struct session *session, struct error *e)
{
    static const char sql[] = "DELETE FROM sessions WHERE owner = ?1 AND digest NOT IN"
                              " (SELECT digest FROM sessions WHERE owner = ?1 ORDER BY created_at DESC, digest LIMIT ?2)";
    const struct store_value values[] = { STORE_BIN(bytes_of(session->owner, SHA256_SIZE)), STORE_INT(SESSIONS_OF_ONE_MAX - 1) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

static bool insert(struct store *store, const struct session *s, const uint8_t digest[SHA256_SIZE], struct error *e)
{
    static const char sql[] =
        "INSERT INTO sessions (digest, name, csrf, owner, roles, person, guardianship, who, member, method, issuer, subject,"
        " sid, id_token, created_at, seen_at, rotated_at, idle_until, until)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?15, ?16, ?17)";
    char roles[ROLES_TEXT_SIZE];
    write_roles(s->roles, roles);
    const struct store_value values[] = {
        STORE_BIN(bytes_of(digest, SHA256_SIZE)),
        STORE_STR(bytes_of_text(s->name)),
        STORE_BIN(bytes_of(s->csrf, SHA256_SIZE)),
        STORE_BIN(bytes_of(s->owner, SHA256_SIZE)),
        STORE_STR(bytes_of_text(roles)),
        STORE_STR(s->person),
        STORE_STR(s->guardianship),
        STORE_STR(s->who),
        STORE_STR(s->member),
        STORE_STR(s->method),
        STORE_STR(s->issuer),
        STORE_STR(s->subject),
        STORE_STR(s->sid),
        STORE_STR(s->id_token),
        STORE_INT(s->created_at_ms),
        STORE_INT(s->idle_until_ms),
        STORE_INT(s->until_ms),
    };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

bool session_open(struct store *store, struct session *session, const struct session_ages *ages, int64_t now_ms,
                  char cookie[SESSION_COOKIE_SIZE], struct error *e)
{
    uint8_t name[(SESSION_PUBLIC_SIZE - 1) / 2], digest[SHA256_SIZE];
    random_fill(name, sizeof name);
    random_fill(session->csrf, sizeof session->csrf);
    hex_write(bytes_of(name, sizeof name), session->name);
    digest_owner(session);
    draw_id(cookie, digest);
    session->created_at_ms = session->seen_at_ms = now_ms;
    session->until_ms = now_ms + ages->age_max_ms;
    session->idle_until_ms = now_ms + (ages->idle_ms < ages->age_max_ms ? ages->idle_ms : ages->age_max_ms);
    if (!store_begin(store, e)) {
        return false;
    }
    if (!end_oldest(store, session, e) || !insert(store, session, digest, e)) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, e);
}

/* ---- Finding ---- */

#define COLUMNS                                                                                                                            \
    "name, csrf, owner, roles, person, guardianship, who, member, method, issuer, subject, sid, created_at, seen_at, rotated_at, "         \
    "idle_until, until, "
enum { COLUMN_COUNT = 17 };

struct found {
    struct arena *arena; /* NULL: views only */
    struct session *out;
    int64_t rotated_at_ms;
    bool is_there, is_previous, was_shown, failed; /* was_shown: the newer id has been */
};

static bool keep(struct found *f, struct bytes from, struct bytes *to)
{
    *to = f->arena == NULL ? from : arena_copy(f->arena, from);
    return f->arena == NULL || to->data != NULL;
}

/* False: damaged, or memory. */
static bool read_row(struct found *f, const struct store_value *columns)
{
    struct session *s = f->out;
    s->roles = read_roles(columns[3].bytes);
    if (columns[0].bytes.size != SESSION_PUBLIC_SIZE - 1 || columns[1].bytes.size != SHA256_SIZE || columns[2].bytes.size != SHA256_SIZE ||
        s->roles == 0) {
        return false;
    }
    memcpy(s->name, columns[0].bytes.data, SESSION_PUBLIC_SIZE - 1);
    s->name[SESSION_PUBLIC_SIZE - 1] = '\0';
    memcpy(s->csrf, columns[1].bytes.data, SHA256_SIZE);
    memcpy(s->owner, columns[2].bytes.data, SHA256_SIZE);
    struct bytes *const texts[] = { &s->person, &s->guardianship, &s->who, &s->member, &s->method, &s->issuer, &s->subject, &s->sid };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (!keep(f, columns[4 + i].bytes, texts[i])) {
            return false;
        }
    }
    s->created_at_ms = columns[12].integer;
    s->seen_at_ms = columns[13].integer;
    f->rotated_at_ms = columns[14].integer;
    s->idle_until_ms = columns[15].integer;
    s->until_ms = columns[16].integer;
    return true;
}

static bool take_found(void *context, const struct store_value *columns, size_t count)
{
    struct found *f = context;
    (void)count;
    f->is_there = true;
    f->failed = !read_row(f, columns) || !keep(f, columns[COLUMN_COUNT].bytes, &f->out->id_token);
    f->is_previous = columns[COLUMN_COUNT + 1].integer != 0;
    f->was_shown = columns[COLUMN_COUNT + 2].integer != 0;
    return false;
}

/* One id to the next. What comes from two tabs at once: one of them changes the row, the other goes on with the id that it has. */
static bool rotate(struct store *store, const struct session *session, const uint8_t shown[SHA256_SIZE], const struct found *f,
                   int64_t now_ms, char fresh[SESSION_COOKIE_SIZE], struct error *e)
{
    static const char next[] = "UPDATE sessions SET digest = ?1, previous = ?2, previous_until = NULL, rotated_at = ?3"
                               " WHERE name = ?4 AND digest = ?2";
    /* The newer one never arrived: another in its place. */
    static const char again[] = "UPDATE sessions SET digest = ?1, rotated_at = ?3"
                                " WHERE name = ?4 AND previous = ?2 AND previous_until IS NULL AND rotated_at = ?5";
    uint8_t digest[SHA256_SIZE];
    int64_t changed = 0;
    draw_id(fresh, digest);
    const struct store_value values[] = { STORE_BIN(bytes_of(digest, SHA256_SIZE)), STORE_BIN(bytes_of(shown, SHA256_SIZE)),
                                          STORE_INT(now_ms), STORE_STR(bytes_of_text(session->name)), STORE_INT(f->rotated_at_ms) };
    bool ok = f->is_previous ? store_run(store, again, values, 5, NULL, NULL, &changed, e)
                             : store_run(store, next, values, 4, NULL, NULL, &changed, e);
    if (!ok || changed == 0) {
        explicit_bzero(fresh, SESSION_COOKIE_SIZE);
    }
    return ok;
}

/* The new id is shown for the first time: from now on the one before has only its grace. */
static bool confirm(struct store *store, const struct session *session, int64_t now_ms, struct error *e)
{
    static const char sql[] = "UPDATE sessions SET previous_until = ?1 WHERE name = ?2 AND previous_until IS NULL AND previous IS NOT NULL";
    const struct store_value values[] = { STORE_INT(now_ms + SESSION_GRACE_MS), STORE_STR(bytes_of_text(session->name)) };
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e);
}

/* Nothing is lost if a power cut undoes it: it need not wait for the disk. */
static bool see(struct store *store, struct session *session, const struct session_ages *ages, int64_t now_ms, struct error *e)
{
    static const char sql[] = "UPDATE sessions SET seen_at = ?1, idle_until = ?2 WHERE name = ?3";
    int64_t idle_until_ms = now_ms + ages->idle_ms < session->until_ms ? now_ms + ages->idle_ms : session->until_ms;
    const struct store_value values[] = { STORE_INT(now_ms), STORE_INT(idle_until_ms), STORE_STR(bytes_of_text(session->name)) };
    if (!store_begin_relaxed(store, e)) {
        return false;
    }
    if (!store_run(store, sql, values, COUNT_OF(values), NULL, NULL, NULL, e)) {
        store_rollback(store);
        return false;
    }
    session->seen_at_ms = now_ms;
    session->idle_until_ms = idle_until_ms;
    return store_commit(store, e);
}

static bool is_absent(struct error *e)
{
    return error_set(e, ERROR_ABSENT, "cookie", "sign in", "the session is over");
}

bool session_find(struct store *store, struct bytes cookie, const struct session_ages *ages, int64_t now_ms, struct arena *arena,
                  struct session *out, char fresh[SESSION_COOKIE_SIZE], struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS "id_token, digest <> ?1, previous_until IS NOT NULL OR previous IS NULL FROM sessions"
                              " WHERE (digest = ?1 OR (previous = ?1 AND (previous_until IS NULL OR previous_until > ?2)))"
                              " AND idle_until > ?2 AND until > ?2";
    uint8_t id[SESSION_ID_SIZE], digest[SHA256_SIZE];
    struct found f = { .arena = arena, .out = out };
    memset(fresh, 0, SESSION_COOKIE_SIZE);
    *out = (struct session){ .roles = 0 };
    if (!read_token(cookie, id)) {
        return is_absent(e);
    }
    sha256(bytes_of(id, sizeof id), digest);
    explicit_bzero(id, sizeof id);
    const struct store_value values[] = { STORE_BIN(bytes_of(digest, SHA256_SIZE)), STORE_INT(now_ms) };
    if (!store_read(store, sql, values, COUNT_OF(values), take_found, &f, e)) {
        return false;
    }
    if (f.failed) {
        return error_memory(e, "session");
    }
    if (!f.is_there) {
        return is_absent(e);
    }
    bool is_due = now_ms - f.rotated_at_ms >= SESSION_ROTATE_MS || now_ms < f.rotated_at_ms;
    bool is_lost = f.is_previous && !f.was_shown && now_ms - f.rotated_at_ms >= SESSION_GRACE_MS;
    if (f.is_previous ? is_lost : is_due) {
        if (!rotate(store, out, digest, &f, now_ms, fresh, e)) {
            return false;
        }
    } else if (!f.is_previous && !f.was_shown && !confirm(store, out, now_ms, e)) {
        return false;
    }
    bool is_old = now_ms - out->seen_at_ms >= SEEN_STEP_MS || now_ms < out->seen_at_ms;
    return !is_old || see(store, out, ages, now_ms, e);
}

/* ---- Ending ---- */

bool session_end(struct store *store, const struct session *session, struct error *e)
{
    static const char sql[] = "DELETE FROM sessions WHERE name = ?1";
    const struct store_value value = STORE_STR(bytes_of_text(session->name));
    return store_run(store, sql, &value, 1, NULL, NULL, NULL, e);
}

bool session_end_named(struct store *store, const uint8_t owner[SHA256_SIZE], struct bytes name, struct error *e)
{
    static const char sql[] = "DELETE FROM sessions WHERE owner = ?1 AND name = ?2";
    const struct store_value values[] = { STORE_BIN(bytes_of(owner, SHA256_SIZE)), STORE_STR(name) };
    int64_t changed = 0;
    return store_run(store, sql, values, COUNT_OF(values), NULL, NULL, &changed, e) &&
           (changed > 0 || error_set(e, ERROR_ABSENT, "session", NULL, "there is none of this name"));
}

bool session_end_all(struct store *store, const uint8_t owner[SHA256_SIZE], int64_t *count, struct error *e)
{
    static const char sql[] = "DELETE FROM sessions WHERE owner = ?1";
    const struct store_value value = STORE_BIN(bytes_of(owner, SHA256_SIZE));
    return store_run(store, sql, &value, 1, NULL, NULL, count, e);
}

bool session_end_of_provider(struct store *store, struct bytes issuer, struct bytes subject, struct bytes sid, int64_t *count,
                             struct error *e)
{
    static const char of_sid[] = "DELETE FROM sessions WHERE issuer = ?1 AND sid = ?3 AND (?2 = '' OR subject = ?2)";
    static const char of_subject[] = "DELETE FROM sessions WHERE issuer = ?1 AND subject = ?2";
    const struct store_value values[] = { STORE_STR(issuer), STORE_STR(subject), STORE_STR(sid) };
    if (issuer.size == 0 || (subject.size == 0 && sid.size == 0)) {
        return error_set(e, ERROR_INPUT, "session", NULL, "of nobody");
    }
    return sid.size > 0 ? store_run(store, of_sid, values, 3, NULL, NULL, count, e)
                        : store_run(store, of_subject, values, 2, NULL, NULL, count, e);
}

bool session_forget_person(struct store *store, struct bytes person, struct error *e)
{
    static const char sql[] = "DELETE FROM sessions WHERE person = ?1";
    const struct store_value value = STORE_STR(person);
    return store_run(store, sql, &value, 1, NULL, NULL, NULL, e);
}

bool session_sweep(struct store *store, int64_t now_ms, int64_t *count, struct error *e)
{
    static const char sql[] = "DELETE FROM sessions WHERE idle_until <= ?1"; /* idle_until is never after `until` */
    const struct store_value value = STORE_INT(now_ms);
    return store_run(store, sql, &value, 1, NULL, NULL, count, e);
}

/* ---- Listing ---- */

struct listing {
    session_each *each;
    void *context;
    bool failed;
};

static bool take_listed(void *context, const struct store_value *columns, size_t count)
{
    struct listing *l = context;
    struct session session = { .roles = 0 };
    struct found f = { .out = &session };
    (void)count;
    l->failed = !read_row(&f, columns);
    return !l->failed && l->each(l->context, &session);
}

bool session_list(struct store *store, const uint8_t owner[SHA256_SIZE], int64_t now_ms, session_each *each, void *context, struct error *e)
{
    static const char sql[] = "SELECT " COLUMNS "1 FROM sessions WHERE owner = ?1 AND idle_until > ?2 ORDER BY created_at DESC, name";
    const struct store_value values[] = { STORE_BIN(bytes_of(owner, SHA256_SIZE)), STORE_INT(now_ms) };
    struct listing listing = { .each = each, .context = context };
    return store_read(store, sql, values, COUNT_OF(values), take_listed, &listing, e) &&
           (!listing.failed || error_set(e, ERROR_INPUT, "sessions", "delete the rows of the table sessions", "a row can't be read"));
}

/* ---- CSRF tokens ---- */

/* A token is another one each time, so that pages that are compressed do not give it away byte by byte (BREACH). */
static void csrf_mac(const uint8_t secret[SHA256_SIZE], uint8_t token[2 * CSRF_NONCE_SIZE])
{
    uint8_t mac[SHA256_SIZE];
    hmac_sha256(bytes_of(secret, SHA256_SIZE), bytes_of(token, CSRF_NONCE_SIZE), mac);
    memcpy(token + CSRF_NONCE_SIZE, mac, CSRF_NONCE_SIZE);
}

void session_csrf_make(const uint8_t secret[SHA256_SIZE], char out[SESSION_CSRF_SIZE])
{
    uint8_t token[2 * CSRF_NONCE_SIZE];
    random_fill(token, CSRF_NONCE_SIZE);
    csrf_mac(secret, token);
    write_token(token, out);
}

bool session_csrf_is_good(const uint8_t secret[SHA256_SIZE], struct bytes token)
{
    uint8_t shown[2 * CSRF_NONCE_SIZE], made[2 * CSRF_NONCE_SIZE];
    unsigned difference = 0;
    if (!read_token(token, shown)) {
        return false;
    }
    memcpy(made, shown, CSRF_NONCE_SIZE);
    csrf_mac(secret, made);
    for (size_t i = 0; i < sizeof made; i++) {
        difference |= (unsigned)(made[i] ^ shown[i]);
    }
    return difference == 0;
}
