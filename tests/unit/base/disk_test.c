#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/disk.h"

static char root[64];

/* The n-th call fails; all others go to the real disk. */
struct faulty_disk {
    struct disk disk;
    struct disk *real;
    int calls, fail_at;
};

static bool fails(struct disk *disk)
{
    struct faulty_disk *f = (struct faulty_disk *)disk;
    return f->calls++ == f->fail_at;
}

static struct disk *real(struct disk *disk)
{
    return ((struct faulty_disk *)disk)->real;
}

static int faulty_open(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out)
{
    return fails(disk) ? EIO : real(disk)->functions->open(real(disk), path, mode, out);
}

static int faulty_close(struct disk *disk, struct disk_file *file)
{
    int fault = real(disk)->functions->close(real(disk), file); /* closed it is, even where close() reports a failure */
    return fails(disk) ? EIO : fault;
}

static int faulty_write(struct disk *disk, struct disk_file *file, struct bytes data, uint64_t offset)
{
    if (fails(disk)) { /* half of it, as a full disk does */
        (void)real(disk)->functions->write(real(disk), file, bytes_slice(data, 0, data.size / 2), offset);
        return ENOSPC;
    }
    return real(disk)->functions->write(real(disk), file, data, offset);
}

static int faulty_sync(struct disk *disk, struct disk_file *file)
{
    return fails(disk) ? EIO : real(disk)->functions->sync(real(disk), file);
}

static int faulty_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
    return fails(disk) ? EIO : real(disk)->functions->truncate(real(disk), file, size);
}

static int faulty_rename(struct disk *disk, const char *from, const char *to)
{
    return fails(disk) ? EIO : real(disk)->functions->rename(real(disk), from, to);
}

static int faulty_sync_folder(struct disk *disk, const char *path)
{
    return fails(disk) ? EIO : real(disk)->functions->sync_folder(real(disk), path);
}

static const struct disk_functions faulty_functions = {
    .open = faulty_open,
    .close = faulty_close,
    .write = faulty_write,
    .sync = faulty_sync,
    .truncate = faulty_truncate,
    .rename = faulty_rename,
    .sync_folder = faulty_sync_folder,
};

static struct disk *open_root(bool is_public)
{
    struct disk *disk = NULL;
    struct error e = { 0 };
    if (!disk_open_folder(&disk, root, is_public, &e)) {
        fail_msg("%s", e.what);
    }
    return disk;
}

static bool holds(struct disk *disk, const char *path, struct bytes want)
{
    uint8_t *data = NULL;
    size_t size = 0;
    bool same = disk_read_whole(disk, path, 1024, &data, &size) == 0 && bytes_equal(bytes_of(data, size), want) && data[size] == '\0';
    free(data);
    return same;
}

static int make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/comity-disk-XXXXXX");
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state)
{
    static const char *const names[] = { "a", "a.new", "one/two/b", "one/two/b.new", "new", "link" };
    char path[128];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root, names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/one/two", root);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/one", root);
    (void)rmdir(path);
    return rmdir(root);
}

static void files_are_replaced_whole(void **state)
{
    uint8_t *data = NULL;
    size_t size = 0;
    (void)state;
    struct disk *disk = open_root(false);
    assert_int_equal(disk_read_whole(disk, "a", 1024, &data, &size), ENOENT);
    assert_int_equal(disk_replace(disk, "a", BYTES("a long first text")), 0);
    assert_true(holds(disk, "a", BYTES("a long first text")));
    assert_int_equal(disk_replace(disk, "a", BYTES("short")), 0);
    assert_true(holds(disk, "a", BYTES("short")));
    assert_int_equal(disk_replace(disk, "a", BYTES_NONE), 0);
    assert_true(holds(disk, "a", BYTES_NONE));
    assert_int_equal(disk_replace(disk, "a", BYTES("12345")), 0);
    assert_int_equal(disk_read_whole(disk, "a", 4, &data, &size), EFBIG);
    assert_null(data);
    assert_int_equal(disk_read_whole(disk, "a", 5, &data, &size), 0);
    free(data);

    assert_int_equal(disk_replace(disk, "one/two/b", BYTES("x")), ENOENT);
    assert_int_equal(disk->functions->make_folder(disk, "one/two"), 0);
    assert_int_equal(disk->functions->make_folder(disk, "one/two"), 0);
    assert_int_equal(disk_replace(disk, "one/two/b", BYTES("x")), 0);
    assert_true(holds(disk, "one/two/b", BYTES("x")));
    disk_free(disk);
    disk_free(NULL);
}

/* Whichever call fails, the old text or the new one is there, the old one if the failure was told before the rename. */
static void a_fault_leaves_the_old_or_the_new(void **state)
{
    bool met_fault = true;
    (void)state;
    struct disk *disk = open_root(false);
    for (int n = 0; met_fault; n++) {
        struct faulty_disk f = { .disk = { &faulty_functions }, .real = disk, .fail_at = n };
        assert_int_equal(disk_replace(disk, "a", BYTES("old text")), 0);
        int fault = disk_replace(&f.disk, "a", BYTES("new text, longer"));
        met_fault = f.calls > n;
        if ((fault != 0) != met_fault) {
            fail_msg("call %d: a fault was swallowed", n);
        }
        bool is_new = holds(disk, "a", BYTES("new text, longer"));
        if (!is_new && (fault == 0 || !holds(disk, "a", BYTES("old text")))) {
            fail_msg("call %d: neither old nor new", n);
        }
        /* What a crash left beside it is no hindrance. */
        assert_int_equal(disk_replace(disk, "a", BYTES("x")), 0);
        assert_true(holds(disk, "a", BYTES("x")));
    }
    disk_free(disk);
}

static void collect(void *context, const char *name, bool is_folder)
{
    int *seen = context;
    seen[is_folder] += 1 + (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) * 1000;
}

static void calls_do_what_they_say(void **state)
{
    struct disk_file *file = NULL;
    uint8_t data[16];
    size_t got = 0;
    uint64_t size = 0;
    int seen[2] = { 0 };
    struct stat s;
    char path[128];
    (void)state;
    struct disk *disk = open_root(true);
    const struct disk_functions *f = disk->functions;
    assert_int_equal(f->open(disk, "new", DISK_READ, &file), ENOENT);
    assert_int_equal(f->open(disk, "new", DISK_WRITE_NEW, &file), 0);
    assert_int_equal(f->write(disk, file, BYTES("abc"), 5), 0);
    assert_int_equal(f->size(disk, file, &size), 0);
    assert_int_equal(size, 8);
    assert_int_equal(f->read(disk, file, data, sizeof data, 4, &got), 0);
    assert_true(bytes_equal(bytes_of(data, got), BYTES("\0abc")));
    assert_int_equal(f->read(disk, file, data, sizeof data, 100, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(f->truncate(disk, file, 6), 0);
    assert_int_equal(f->sync(disk, file), 0);
    assert_int_equal(f->size(disk, file, &size), 0);
    assert_int_equal(size, 6);
    assert_int_equal(f->close(disk, file), 0);
    assert_int_equal(f->open(disk, "new", DISK_WRITE_NEW, &file), EEXIST);
    (void)snprintf(path, sizeof path, "%s/new", root);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0644); /* a public disk's; umask 022 in tests */
    assert_int_equal(f->list(disk, "", collect, seen), 0);
    assert_int_equal(seen[0], 2); /* a, new */
    assert_int_equal(seen[1], 1); /* one */
    assert_int_equal(f->list(disk, "none", collect, seen), ENOENT);
    (void)snprintf(path, sizeof path, "%s/link", root);
    assert_int_equal(symlink("new", path), 0);
    assert_int_equal(f->open(disk, "link", DISK_READ, &file), ELOOP);
    assert_int_equal(f->remove(disk, "link"), 0);
    assert_int_equal(f->rename(disk, "new", "none/new"), ENOENT);
    /* Two names are exchanged in one step, or nothing is done. */
    assert_int_equal(f->open(disk, "other", DISK_WRITE_NEW, &file), 0);
    assert_int_equal(f->write(disk, file, BYTES("another"), 0), 0);
    assert_int_equal(f->close(disk, file), 0);
    assert_int_equal(f->exchange(disk, "new", "none"), ENOENT);
    assert_int_equal(f->exchange(disk, "new", "other"), 0);
    assert_int_equal(f->open(disk, "new", DISK_READ, &file), 0);
    assert_int_equal(f->size(disk, file, &size), 0);
    assert_int_equal(size, 7);
    assert_int_equal(f->close(disk, file), 0);
    assert_int_equal(f->open(disk, "other", DISK_READ, &file), 0);
    assert_int_equal(f->size(disk, file, &size), 0);
    assert_int_equal(size, 6);
    assert_int_equal(f->close(disk, file), 0);
    assert_int_equal(f->remove(disk, "other"), 0);
    assert_int_equal(f->remove(disk, "new"), 0);
    assert_int_equal(f->remove(disk, "new"), ENOENT);
    /* A folder goes only when nothing is in it, and a link to one goes by itself. */
    assert_int_equal(f->make_folder(disk, "full/empty"), 0);
    (void)snprintf(path, sizeof path, "%s/link", root);
    assert_int_equal(symlink("full", path), 0);
    assert_int_equal(f->remove(disk, "link"), 0);
    assert_int_equal(f->remove(disk, "full"), ENOTEMPTY);
    assert_int_equal(f->remove(disk, "full/empty"), 0);
    assert_int_equal(f->remove(disk, "full/empty"), ENOENT);
    assert_int_equal(f->remove(disk, "full"), 0);
    assert_int_equal(f->list(disk, "full", collect, seen), ENOENT);
    disk_free(disk);
}

static void a_root_that_is_none(void **state)
{
    struct disk *disk = NULL;
    struct error e = { 0 };
    (void)state;
    assert_false(disk_open_folder(&disk, "/proc/none/such", false, &e));
    assert_null(disk);
    assert_int_equal(e.kind, ERROR_ABSENT);
    assert_false(disk_open_folder(&disk, "/etc/hostname", false, &e));
    assert_int_equal(e.kind, ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(a_fault_leaves_the_old_or_the_new),
        cmocka_unit_test(calls_do_what_they_say),
        cmocka_unit_test(a_root_that_is_none),
    };
    (void)umask(022);
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
