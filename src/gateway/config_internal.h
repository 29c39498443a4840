/* gateway.yaml as the schema reads it, before its texts have a meaning; and the tables that the reference page is compared with. */
#ifndef COMITY_GATEWAY_CONFIG_INTERNAL_H
#define COMITY_GATEWAY_CONFIG_INTERNAL_H

#include <cyaml/cyaml.h>

#include "gateway/config.h"

struct config_file_tls {
    char *certificate, *key;
};
struct config_file_listener {
    char *address;
    struct config_file_tls *tls;
    char *subsystem;
    bool allow_plain_remote;
};
/* Absent texts are NULL, absent numbers 0. */
struct config_file {
    char *member, *gateway;
    struct {
        char *file, *foreign_folder, *warn_before;
        char **operators;
        unsigned operators_count;
        unsigned threshold;
    } directory;
    struct {
        char *statement, *tls, *certificate, *witness, *mirror, *pseudonym;
    } keys;
    struct {
        char *url;
    } store;
    struct {
        char *folder, *records, *archive, *retention, *retention_reason, *witness_folder, *witnesses;
        char **mirrors;
        unsigned mirrors_count;
    } log;
    struct {
        char **logs;
        unsigned logs_count;
        char *folder, *bytes_max;
    } mirror;
    struct {
        char *peers, *management, *control;
        struct config_file_listener *log; /* address and tls */
        struct config_file_listener *api; /* without a subsystem */
        struct config_file_listener *applications;
        unsigned applications_count;
    } listen;
    struct {
        char *file;
    } api;
    struct {
        char *body, *body_memory, *head, *fields, *connections, *streams, *idle, *head_time, *body_stall, *write_stall, *write_buffer,
            *connect, *floods, *replay_window, *drain, *witness_wait, *spool_folder;
    } limits;
    struct {
        char *cache;
    } consent;
    struct {
        int format, level; /* 0: absent; else 1 + the enum's value */
    } diagnostics;
    unsigned workers;
    struct {
        int errors; /* 0: absent; 78 or 77 */
    } xroad;
};
extern const cyaml_schema_value_t config_file_schema;

/* A text with a default; NULL: none, and then the value is NULL, too. `is_path`: relative to the folder. */
struct config_text {
    const char *path, *without;
    size_t from; /* in struct config_file */
    size_t to;   /* in struct gateway_config: const char * */
    bool is_path;
};
enum { CONFIG_TEXT_COUNT = 18, CONFIG_AMOUNT_COUNT = 20 };
extern const struct config_text config_texts[CONFIG_TEXT_COUNT];

/* A duration, a size or a count with a default and bounds, all written as in the file. */
enum config_amount_kind { AMOUNT_MS32 = 0, AMOUNT_MS64, AMOUNT_SIZE, AMOUNT_U64, AMOUNT_COUNT32, AMOUNT_COUNT };
struct config_amount {
    const char *path, *without, *least, *most;
    enum config_amount_kind kind;
    size_t from, to;
};
extern const struct config_amount config_amounts[CONFIG_AMOUNT_COUNT];

#endif
