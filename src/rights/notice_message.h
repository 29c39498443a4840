/*
 * What two gateways tell each other about data that has to go (docs/formats/erase-notices.md): the holder's notice, the recipient's receipt for it and its
 * confirmation. Each is a signed note (C2SP signed-note) by the sender's statement key over lines `name: value`, of which the first is `comity-event: KIND/1`: no
 * checkpoint has a first line with a space, so none can be taken for the other. No person is named: exchanges are, which the recipient has. Pure.
 */
#ifndef COMITY_RIGHTS_NOTICE_MESSAGE_H
#define COMITY_RIGHTS_NOTICE_MESSAGE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "crypto/hash.h"
#include "crypto/note.h"

enum { DATA_NOTICE_EXCHANGES_MAX = 500, DATA_NOTICE_CATEGORIES_MAX = 64, DATA_NOTICE_BYTES_MAX = 256 * 1024, DATA_NOTICE_VALUE_MAX = 2048 };

enum notice_kind { NOTICE_ERASE = 1, NOTICE_CORRECT, NOTICE_RESTRICT };
const char *notice_kind_name(enum notice_kind kind);

struct data_notice {
    struct bytes id;        /* "o-" and 32 hex digits: the holder's */
    struct bytes from;      /* the origin of the holder's log */
    struct bytes to;        /* that of the gateway that asked */
    struct bytes recipient; /* its member: COMMUNITY/CLASS/MEMBER */
    enum notice_kind kind;
    struct bytes reason; /* "consent.withdrawn", "life.over", "rights.delete", ... */
    const struct bytes *exchanges;
    size_t exchange_count;
    const struct bytes *categories; /* full IRIs of what was released in them */
    size_t category_count;
    int64_t due_ms, time_ms;
};
enum notice_outcome { OUTCOME_ERASED = 1, OUTCOME_KEPT };
const char *notice_outcome_name(enum notice_outcome outcome);
/* A receipt (`outcome` 0) or a confirmation. */
struct data_reply {
    struct bytes id, from, to;
    uint8_t notice[SHA256_SIZE]; /* of the notice's text, as it was signed */
    enum notice_outcome outcome;
    struct bytes reason; /* OUTCOME_KEPT: the law that obliges to keep it */
    int64_t time_ms;
};

/* Appends the signed note. ERROR_INPUT: a count or value over its limit. */
must_check bool data_notice_write(const struct data_notice *notice, const struct signer *signer, struct buffer *out, struct error *e);
must_check bool data_reply_write(const struct data_reply *reply, const struct signer *signer, struct buffer *out, struct error *e);
/*
 * Verifies by the sender's key, and reads; what it hands out lives in `arena`. `digest` (may be NULL) is that of the signed text. ERROR_DENIED: not signed by
 * this key, or `from` is another name than the key's. ERROR_INPUT: its form.
 */
must_check bool data_notice_read(struct bytes note, const struct verifier *sender, struct arena *arena, struct data_notice *out,
                                 uint8_t digest[SHA256_SIZE], struct error *e);
must_check bool data_reply_read(struct bytes note, const struct verifier *sender, struct arena *arena, struct data_reply *out,
                                struct error *e);

#endif
