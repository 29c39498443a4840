/*
 * log_verify() reads ahead with a thread of its own and takes short ways where all is well: on a real folder, with files damaged in every way at
 * random places, it must tell the same faults in the same order as the slow way by one thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/diag.h"
#include "evidence/log_internal.h"
#include "evidence/verify_internal.h"

enum { PATHS_MAX = 64, PATH_SIZE = 192, TOLD_MAX = 4096, CASES = 400, BATCH = 100 };

struct fixture {
    char folder[64];
    struct disk *public, *private;
    struct signer *signer;
    char paths[PATHS_MAX][PATH_SIZE]; /* of all files, public ones first */
    size_t path_count, public_count;
    uint64_t random;
};

static uint64_t draw(struct fixture *f, uint64_t below)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random % below;
}

/* ---- The log ---- */

static void append(struct fixture *f, struct log *log, size_t count)
{
    struct error e = { 0 };
    static char statements[BATCH][400];
    struct log_record records[BATCH] = { 0 };
    struct log_record *pointers[BATCH];
    struct buffer note;
    assert_true(count <= BATCH);
    buffer_init(&note, 4096);
    for (size_t i = 0; i < count; i++) {
        int size = snprintf(statements[i], sizeof statements[i], "statement %zu of %" PRIu64 "%*s", i, log_size(log), (int)draw(f, 300),
                            "");
        records[i].kind = RECORD_EVENT;
        records[i].statement = bytes_of(statements[i], (size_t)size);
        records[i].attachment = bytes_of("attachment", draw(f, 10));
        memset(records[i].salt, (int)draw(f, 256), SALT_SIZE);
        pointers[i] = &records[i];
    }
    assert_true(log_append(log, pointers, count, &note, &e));
    buffer_clear(&note);
}

static void add_files(struct fixture *f, const char *folder, struct disk *disk);
struct walk {
    struct fixture *fixture;
    const char *folder;
    struct disk *disk;
};

static void add_file(void *context, const char *name, bool is_folder)
{
    const struct walk *w = context;
    char path[PATH_SIZE];
    assert_true(snprintf(path, sizeof path, "%s%s%s", w->folder, w->folder[0] == '\0' ? "" : "/", name) < (int)sizeof path);
    if (is_folder) {
        add_files(w->fixture, path, w->disk);
    } else if (strcmp(path, SEGMENT_NEXT) != 0) {
        assert_true(w->fixture->path_count < PATHS_MAX);
        memcpy(w->fixture->paths[w->fixture->path_count++], path, sizeof path);
    }
}

static void add_files(struct fixture *f, const char *folder, struct disk *disk)
{
    struct walk walk = { f, folder, disk };
    assert_int_equal(disk->functions->list(disk, folder, add_file, &walk), 0);
}

/* Some full blocks and a part of one, partial tiles that still lie beside full ones, and several segments. */
static struct fixture *fixture_make(void)
{
    static const uint8_t key[ED25519_SEED_SIZE] = { 9 };
    struct fixture *f = calloc(1, sizeof *f);
    struct error e = { 0 };
    struct log *log = NULL;
    char path[PATH_SIZE];
    assert_non_null(f);
    f->random = 4711;
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/comity-verify-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(path, sizeof path, "%s/public", f->folder);
    assert_true(disk_open_folder(&f->public, path, true, &e));
    (void)snprintf(path, sizeof path, "%s/private", f->folder);
    assert_true(disk_open_folder(&f->private, path, false, &e));
    assert_true(signer_from_seed(&f->signer, BYTES("log.example/verify"), key, &e));
    assert_true(log_open(&log, f->public, f->private, NULL, f->signer, &e));
    for (size_t i = 0; i < 13; i++) {
        append(f, log, BATCH);
        if (i % 3 == 0) {
            assert_true(log_publish(log, &e));
        }
        if (i == 6) {
            assert_true(log_next_segment(log, 0, &e));
        }
    }
    log_close(log);
    /* A partial tile and a partial bundle that nobody removed. */
    for (size_t i = 0; i < 2; i++) {
        uint8_t *data = NULL;
        size_t size = 0;
        struct disk_file *file = NULL;
        const char *full = i == 0 ? "tile/0/001" : "tile/entries/001";
        (void)snprintf(path, sizeof path, "%s.p", full);
        assert_int_equal(disk_read_whole(f->public, full, 65536, &data, &size), 0);
        assert_int_equal(f->public->functions->make_folder(f->public, path), 0);
        (void)snprintf(path, sizeof path, "%s.p/44", full);
        assert_int_equal(f->public->functions->open(f->public, path, DISK_WRITE, &file), 0);
        assert_int_equal(f->public->functions->write(f->public, file, bytes_of(data, size / 256 * 44), 0), 0);
        assert_int_equal(f->public->functions->close(f->public, file), 0);
        free(data);
    }
    add_files(f, "", f->public);
    f->public_count = f->path_count;
    add_files(f, "", f->private);
    return f;
}

static int remove_one(const char *path, const struct stat *state, int kind, struct FTW *walk)
{
    (void)state;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void fixture_free(struct fixture *f)
{
    disk_free(f->public);
    disk_free(f->private);
    signer_free(f->signer);
    assert_int_equal(nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
}

/* ---- Damage ---- */

struct damage {
    char path[PATH_SIZE]; /* on the machine */
    uint8_t *was;
    size_t size;
};

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    assert_int_equal(close(fd), 0);
}

/* The bytes in use: behind them a segment is zeros, which would take most of the blows. */
static size_t used_of(const uint8_t *data, size_t size)
{
    while (size > 1 && data[size - 1] == 0) {
        size--;
    }
    return size;
}

static void damage_make(struct fixture *f, struct damage *d, bool is_public_alone)
{
    size_t at = (size_t)draw(f, is_public_alone ? f->public_count : f->path_count);
    bool is_public = at < f->public_count;
    struct disk *disk = is_public ? f->public : f->private;
    (void)snprintf(d->path, sizeof d->path, "%s/%s/%s", f->folder, is_public ? "public" : "private", f->paths[at]);
    if (disk_read_whole(disk, f->paths[at], SEGMENT_BYTES_MAX, &d->was, &d->size) != 0) {
        d->was = NULL; /* damaged already in this case */
        return;
    }
    uint8_t *now = malloc(d->size + 16);
    assert_non_null(now);
    size_t size = d->size;
    size_t used = used_of(d->was, d->size);
    memcpy(now, d->was, size);
    uint64_t place = draw(f, used);
    switch (draw(f, 8)) {
    case 0:
        size = (size_t)place;
        break;
    case 1:
        memset(now + size, 7, 16);
        size += 16;
        break;
    case 2:
        memset(now + place, 0, used - place < 600 ? used - place : 600);
        break;
    case 3:
        assert_int_equal(unlink(d->path), 0);
        goto done;
    case 4: /* what can be opened and not read */
        assert_int_equal(unlink(d->path), 0);
        assert_int_equal(mkdir(d->path, 0700), 0);
        goto done;
    case 5: { /* a block in another's place */
        uint64_t from = draw(f, used);
        size_t count = 512;
        count = used - from < count ? (size_t)(used - from) : count;
        count = used - place < count ? (size_t)(used - place) : count;
        memmove(now + place, now + from, count);
        break;
    }
    default:
        now[place] ^= (uint8_t)(1 << draw(f, 8));
        break;
    }
    write_file(d->path, now, size);
done:
    free(now);
}

static void damage_undo(struct damage *d)
{
    if (d->was != NULL) {
        if (rmdir(d->path) != 0) {
            assert_true(errno == ENOTDIR || errno == ENOENT);
        }
        write_file(d->path, d->was, d->size);
        free(d->was);
    }
}

/* ---- Comparing ---- */

struct verdict {
    bool ok;
    uint64_t entries, faults;
    struct error e;
    struct error *told;
    size_t told_count;
};

static void note_fault(void *context, const struct error *e)
{
    struct verdict *v = context;
    if (v->told_count < TOLD_MAX) {
        v->told[v->told_count++] = *e;
    }
}

static void verify(struct fixture *f, struct verdict *v, bool with_private, bool is_close)
{
    struct error *told = v->told;
    *v = (struct verdict){ .told = told };
    v->ok = log_verify_how(f->public, with_private ? f->private : NULL, signer_verifier(f->signer), is_close, note_fault, NULL, v,
                           &v->entries, &v->faults, &v->e);
}

static bool are_same(const struct error *a, const struct error *b)
{
    return a->kind == b->kind && strcmp(a->where, b->where) == 0 && strcmp(a->what, b->what) == 0 && strcmp(a->todo, b->todo) == 0;
}

static void compare(const struct verdict *fast, const struct verdict *close, size_t number)
{
    for (size_t i = 0; i < fast->told_count && i < close->told_count; i++) {
        if (!are_same(&fast->told[i], &close->told[i])) {
            fail_msg("case %zu, fault %zu: '%s: %s', and by the slow way '%s: %s'", number, i, fast->told[i].where, fast->told[i].what,
                     close->told[i].where, close->told[i].what);
        }
    }
    if (fast->ok != close->ok || fast->entries != close->entries || fast->faults != close->faults || !are_same(&fast->e, &close->e)) {
        fail_msg("case %zu: %d, %" PRIu64 " entries, %" PRIu64 " faults, '%s', and by the slow way %d, %" PRIu64 ", %" PRIu64 ", '%s'",
                 number, fast->ok, fast->entries, fast->faults, fast->e.what, close->ok, close->entries, close->faults, close->e.what);
    }
}

static void both_ways_tell_the_same(void **state)
{
    struct fixture *f = fixture_make();
    struct verdict fast = { .told = calloc(TOLD_MAX, sizeof *fast.told) };
    struct verdict close = { .told = calloc(TOLD_MAX, sizeof *close.told) };
    size_t with_faults = 0;
    size_t untried = 0;
    (void)state;
    assert_true(fast.told != NULL && close.told != NULL);
    assert_true(f->public->functions->is_for_any_thread && f->private->functions->is_for_any_thread);
    for (unsigned with_private = 0; with_private < 2; with_private++) {
        verify(f, &fast, with_private != 0, false);
        verify(f, &close, with_private != 0, true);
        compare(&fast, &close, 0);
        assert_true(fast.ok && fast.faults == 0 && fast.entries == 1300);
    }
    for (size_t number = 1; number <= CASES; number++) {
        bool with_private = number % 3 != 0;
        struct damage damages[3] = { 0 };
        size_t count = 1 + (size_t)draw(f, COUNT_OF(damages));
        for (size_t i = 0; i < count; i++) {
            damage_make(f, &damages[i], !with_private);
        }
        verify(f, &fast, with_private, false);
        verify(f, &close, with_private, true);
        compare(&fast, &close, number);
        with_faults += fast.faults > 0;
        untried += !fast.ok;
        while (count > 0) {
            damage_undo(&damages[--count]);
        }
    }
    /* Not every blow changes something, as zeros over zeros; but nearly all do, and some can't even be read. */
    assert_true(with_faults > CASES * 3 / 4 && untried > CASES / 40);
    free(fast.told);
    free(close.told);
    fixture_free(f);
}

/* A check of the caller's sees each record once, in order, and what it refuses is a fault of that entry. */
struct watcher {
    uint64_t next, refused;
};

static bool refuse_some(void *context, const struct log_entry *entry, struct error *fault)
{
    struct watcher *w = context;
    assert_int_equal(entry->index, w->next);
    w->next++;
    w->refused += entry->index % 100 == 7;
    return entry->index % 100 != 7 || error_set(fault, ERROR_DENIED, "x", NULL, "it is a seventh");
}

static void also_what_the_caller_checks(void **state)
{
    struct fixture *f = fixture_make();
    struct watcher w = { 0 };
    struct verdict v = { .told = calloc(TOLD_MAX, sizeof *v.told) };
    (void)state;
    assert_non_null(v.told);
    assert_true(log_verify_also(f->public, f->private, signer_verifier(f->signer), refuse_some, &w, note_fault, NULL, &v, &v.entries,
                                &v.faults, &v.e));
    assert_int_equal(w.next, 1300);
    assert_int_equal(w.refused, 13);
    assert_int_equal(v.faults, 13);
    assert_non_null(strstr(v.told[0].what, "entry 7: it is a seventh"));
    free(v.told);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(also_what_the_caller_checks), cmocka_unit_test(both_ways_tell_the_same) };
    diag_configure(DIAG_NOTHING, DIAG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
