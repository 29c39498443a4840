#include "api/login.h"

#include "api/access_event.h"
#include "api/code_guard.h"
#include "api/login_internal.h"
#include "api/paper_code.h"
#include "api/rest_internal.h"
#include "api/session_internal.h"
#include "base/diag.h"
#include "base/metrics.h"
#include "base/time.h"

#define SIGN_INS(method, result)                                                                                                           \
    {                                                                                                                                      \
        .name = "comity_api_sign_ins_total", .labels = "method=\"" method "\",result=\"" result "\"",                                      \
        .help = "people who signed in, or tried", .kind = METRIC_COUNTER                                                                   \
    }
#define RESULTS(method)                                                                                                                    \
    {                                                                                                                                      \
        SIGN_INS(method, "done"), SIGN_INS(method, "refused"), SIGN_INS(method, "limited"), SIGN_INS(method, "trouble")                    \
    }
static struct metric by_provider[] = RESULTS("provider"), by_code[] = RESULTS("code");

void login_metrics_register(void)
{
    for (size_t i = 0; i < COUNT_OF(by_code); i++) {
        metric_register(&by_provider[i]);
        metric_register(&by_code[i]);
    }
    paper_code_metrics_register();
}

void login_count(bool is_code, enum login_result result)
{
    metric_add(is_code ? &by_code[result] : &by_provider[result], 1);
}

/* ---- Into a session ---- */

/* Who it was, as the person reads it: a helper's and an employee's name, and else what they are. */
static struct bytes name_of(const struct session *session)
{
    if (session->who.size > 0) {
        return session->who;
    }
    return (session->roles & (1U << ROLE_GUARDIAN)) != 0 ? BYTES("guardian") : BYTES("person");
}

static struct bytes role_of(const struct session *session)
{
    for (unsigned role = ROLE_COUNT; role > 0; role--) { /* the last ones say most */
        if ((session->roles & (1U << (role - 1))) != 0) {
            return bytes_of_text(role_name((enum role)(role - 1)));
        }
    }
    return BYTES("?");
}

static bool tell(struct rest_call *call, const struct session *session, struct bytes subject, const char *name, struct error *e)
{
    const struct access_event event = { .person = subject,
                                        .by = name_of(session),
                                        .role = role_of(session),
                                        .member = session->member.size > 0 ? session->member : call->rest->options.member,
                                        .operation = bytes_of_text(name),
                                        .method = session->method,
                                        .time_ms = call->now_ms };
    return call->rest->options.committer == NULL || access_event_append(call->rest->options.committer, &event, e);
}

bool login_enter(struct rest_call *call, struct session *session, struct bytes subject, struct error *e)
{
    char cookie[SESSION_COOKIE_SIZE];
    struct store *store = call->rest->options.store;
    int64_t ended = 0;
    bool ok = session_sweep(store, call->now_ms, &ended, e) && paper_code_sweep(store, call->now_ms, e) &&
              (call->session == NULL || session_end(store, call->session, e)) && tell(call, session, subject, "signIn", e) &&
              session_open(store, session, &call->settings->config->sessions, call->now_ms, cookie, e) &&
              session_set_cookie(call, cookie, e);
    explicit_bzero(cookie, sizeof cookie);
    return ok;
}

bool login_find_ward(struct rest_call *call, struct bytes guardian, struct bytes guardianship, struct error *e)
{
    struct bytes before = call->principal.person;
    call->principal.person = guardian;
    bool ok = rest_find_ward(call, guardianship, e);
    call->principal.person = before;
    return ok;
}

/* ---- Providers ---- */

const struct api_issuer *login_provider(const struct rest_call *call, size_t index)
{
    const struct api_config *config = call->settings->config;
    for (size_t i = 0; i < config->issuer_count; i++) {
        if (config->issuers[i].login != NULL && index-- == 0) {
            return &config->issuers[i];
        }
    }
    return NULL;
}

size_t login_provider_count(const struct rest_call *call)
{
    size_t count = 0;
    while (login_provider(call, count) != NULL) {
        count++;
    }
    return count;
}

struct bytes login_provider_name(const struct rest_call *call, size_t index)
{
    const struct api_issuer *issuer = login_provider(call, index);
    return issuer == NULL ? BYTES_NONE : issuer->login->name;
}

/* ---- By a code ---- */

static bool refuse_code(struct rest_call *call, struct error *e)
{
    code_guard_failed(call->rest->guard, call->request->peer.address, time_monotonic_us());
    login_count(true, LOGIN_REFUSED);
    return rest_refuse(call, e, 403, "login.code", "code", "look at it again, or ask for a new one at the counter",
                       "is mistyped, not known, used, or over");
}

static bool enter_by_code(struct rest_call *call, const struct paper_code *code, struct error *e)
{
    struct session session = { .roles = 1U << code->role,
                               .person = code->person,
                               .guardianship = code->guardianship,
                               .who = code->who,
                               .member = call->rest->options.member,
                               .method = BYTES("code") };
    struct bytes subject = code->person;
    if (code->role == ROLE_GUARDIAN) {
        if (!login_find_ward(call, code->person, code->guardianship, e)) {
            return false;
        }
        subject = call->subject;
    }
    return login_enter(call, &session, subject, e);
}

bool login_with_code(struct rest_call *call, struct bytes typed, int64_t *wait_s, struct error *e)
{
    char digits[PAPER_CODE_DIGITS];
    struct paper_code code;
    struct error cause = { 0 };
    int64_t wait_ms;
    *wait_s = 0;
    if (!code_guard_may_try(call->rest->guard, call->request->peer.address, time_monotonic_us(), &wait_ms)) {
        *wait_s = (wait_ms + 999) / 1000;
        login_count(true, LOGIN_LIMITED);
        return rest_refuse(call, e, 429, "login.wait", "code", "try again then", "there were too many tries: wait %d s", (int)*wait_s);
    }
    if (!paper_code_read(typed, digits)) {
        return refuse_code(call, e);
    }
    bool ok = paper_code_take(call->rest->options.store, digits, session_visit(call), call->now_ms, &call->arena, &code, &cause);
    explicit_bzero(digits, sizeof digits);
    if (!ok && cause.kind == ERROR_ABSENT) {
        return refuse_code(call, e);
    }
    if (!ok || !enter_by_code(call, &code, &cause)) {
        login_count(true, LOGIN_TROUBLE);
        *e = cause;
        return false;
    }
    code_guard_succeeded(call->rest->guard, call->request->peer.address);
    login_count(true, LOGIN_DONE);
    return true;
}

/* ---- Out ---- */

bool login_out(struct rest_call *call, const char **provider_url, struct error *e)
{
    *provider_url = NULL;
    if (call->session == NULL) {
        return true;
    }
    /* First what is ours: the provider may take its time. */
    if (!session_end(call->rest->options.store, call->session, e) || !session_clear_cookie(call, e)) {
        return false;
    }
    *provider_url = login_end_url(call, call->session);
    return true;
}
