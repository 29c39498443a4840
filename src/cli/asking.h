/* What the commands about consents and persons share: what goes into a request, asking, and saying what became of it. */
#ifndef COMITY_CLI_ASKING_H
#define COMITY_CLI_ASKING_H

#include "cli/question.h"

/* Options of every command that changes something: who did it, and how. */
#define ASKING_ACT_OPTIONS                                                                                                                 \
    { "by", "ROLE", "who did it: person, guardian, relative, delegate, authority or system" },                                             \
        { "by-ref", "-|@FILE", "your own name of who did it, from standard input or a file" },                                             \
        { "evidence", "SHA256|@FILE", "what shows it: a digest, or a file whose digest is taken" },                                        \
        { "method", "METHOD", "how it came: portal, kiosk, paper, voice, ussd or api" },                                                   \
        { "language", "LANGUAGE", "in which language the notice was shown" },                                                              \
    {                                                                                                                                      \
        "assurance", "LEVEL", "how sure it is who spoke: low, substantial or high"                                                         \
    }
#define ASKING_PERSON_OPTION                                                                                                               \
    {                                                                                                                                      \
        "person", "-|@FILE", "the person's identifier, from standard input or a file; never on the command line"                           \
    }

/* Puts an identifier that an option names by "-" or "@FILE". The buffer is wiped; jansson's memory is wiped when it is freed (main.c). */
must_check bool asking_put_secret(const struct call *call, const char *option, const char *key, json_t *request, struct error *e);
/* A text as it stands; nothing when the option isn't there. */
must_check bool asking_put_text(const struct call *call, const char *option, const char *key, json_t *request, struct error *e);
/* All values of an option as a list; nothing when there is none. */
must_check bool asking_put_list(const struct call *call, const char *option, const char *key, json_t *request, struct error *e);
/* A digest, or "@FILE" whose SHA-256 is taken. */
must_check bool asking_put_digest(const struct call *call, const char *option, const char *key, json_t *request, struct error *e);
/* A time, or a duration from now on. */
must_check bool asking_put_until(const struct call *call, const char *option, const char *key, json_t *request, struct error *e);
/* Those of ASKING_ACT_OPTIONS. */
must_check bool asking_put_act(const struct call *call, json_t *request, struct error *e);

/* Opens the folder, asks, and closes it again. NULL: it has been said what is wrong, and `*end` is what to end with. */
json_t *asking_ask(const struct call *call, const struct question *question, const json_t *request, int *end);
/* Asks, says what became of it ("DONE, entry 17 of the log"), and releases the request. */
int asking_change(const struct call *call, const struct question *question, json_t *request, const char *done, const char *unchanged);
/* Releases the request; says what is wrong with it. */
int asking_fail(const struct call *call, json_t *request, const struct error *e);

/* A text of an object, "-" when there is none. */
const char *asking_text(const json_t *row, const char *key);
/* An id that we gave: anything else would only make a strange request. */
bool asking_is_id(const char *text);

#endif
