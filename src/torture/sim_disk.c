/* The disk in memory: see faulty_disk.h. */
#include "torture/faulty_disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SECTOR = 512, PATH_SIZE = 128, FOLDERS_MAX = 256 };

/* A write or truncation that is not durable. Several files may share data: counted. */
struct change {
    struct change *next;
    bool is_truncation;
    bool is_lost; /* a sync of it failed: it reads well until the power fails, and then it is gone */
    uint64_t offset;
    size_t size;
    uint8_t data[];
};

struct image {
    uint8_t *data;
    size_t size, capacity;
};

struct node {
    struct node *next;
    struct image durable, now;
    struct change *changes, **last_change;
};

/* A folder's own entry is durable, or its going is, after a sync of the folder above it. */
struct folder {
    char path[PATH_SIZE];
    bool is_durable;
    bool is_gone; /* removed, but a power cut may bring it back */
};

/* A name is in the tables as it is now, and as it is durable; a change of it waits for a sync of its folder. */
struct name {
    char path[PATH_SIZE];
    struct node *now;
    struct node *durable;
};

struct disk_file {
    struct node *node;
    bool is_writable;
};

struct sim_disk {
    struct disk disk;
    struct node *nodes;
    struct name *names;
    size_t name_count, name_capacity;
    struct folder folders[FOLDERS_MAX];
    size_t folder_count;
    uint64_t bytes_max;
    uint64_t syncs;
    unsigned open_count;
    bool is_threaded, is_lying, has_no_exchange;
    pthread_mutex_t lock;
};

static struct sim_disk *self(const struct disk *disk)
{
    return (struct sim_disk *)(uintptr_t)disk;
}

static void enter(struct sim_disk *s)
{
    if (s->is_threaded) {
        (void)pthread_mutex_lock(&s->lock);
    }
}

static int leave(struct sim_disk *s, int fault)
{
    if (s->is_threaded) {
        (void)pthread_mutex_unlock(&s->lock);
    }
    return fault;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static struct name *find_name(struct sim_disk *s, const char *path)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (strcmp(s->names[i].path, path) == 0) {
            return &s->names[i];
        }
    }
    return NULL;
}

static struct name *get_name(struct sim_disk *s, const char *path)
{
    struct name *name = find_name(s, path);
    if (name != NULL) {
        return name;
    }
    if (s->name_count == s->name_capacity) {
        s->name_capacity = s->name_capacity == 0 ? 32 : s->name_capacity * 2;
        s->names = must(realloc(s->names, s->name_capacity * sizeof *s->names));
    }
    name = &s->names[s->name_count++];
    memset(name, 0, sizeof *name);
    if (snprintf(name->path, sizeof name->path, "%s", path) >= (int)sizeof name->path) {
        abort();
    }
    return name;
}

static struct node *make_node(struct sim_disk *s)
{
    struct node *node = must(calloc(1, sizeof *node));
    node->last_change = &node->changes;
    node->next = s->nodes;
    s->nodes = node;
    return node;
}

static void image_resize(struct image *image, size_t size)
{
    if (size > image->capacity) {
        size_t capacity = image->capacity == 0 ? 4096 : image->capacity;
        while (capacity < size) {
            capacity *= 2;
        }
        image->data = must(realloc(image->data, capacity));
        image->capacity = capacity;
    }
    if (size > image->size) {
        memset(image->data + image->size, 0, size - image->size);
    }
    image->size = size;
}

static void image_write(struct image *image, uint64_t offset, struct bytes data)
{
    if (offset + data.size > image->size) {
        image_resize(image, (size_t)offset + data.size);
    }
    if (data.size > 0) {
        memcpy(image->data + offset, data.data, data.size);
    }
}

static void image_change(struct image *image, const struct change *c)
{
    if (c->is_truncation) {
        image_resize(image, (size_t)c->offset);
    } else {
        image_write(image, c->offset, bytes_of(c->data, c->size));
    }
}

static void add_change(struct node *node, bool is_truncation, uint64_t offset, struct bytes data)
{
    struct change *change = must(calloc(1, sizeof *change + data.size));
    change->is_truncation = is_truncation;
    change->offset = offset;
    change->size = data.size;
    if (data.size > 0) {
        memcpy(change->data, data.data, data.size);
    }
    *node->last_change = change;
    node->last_change = &change->next;
}

static void drop_changes(struct node *node)
{
    while (node->changes != NULL) {
        struct change *next = node->changes->next;
        free(node->changes);
        node->changes = next;
    }
    node->last_change = &node->changes;
}

/* Also one that is gone; NULL when there never was one. */
static struct folder *find_folder(struct sim_disk *s, const char *path)
{
    for (size_t i = 0; i < s->folder_count; i++) {
        if (strcmp(s->folders[i].path, path) == 0) {
            return &s->folders[i];
        }
    }
    return NULL;
}

static bool has_folder(struct sim_disk *s, const char *path)
{
    const struct folder *folder = find_folder(s, path);
    return folder == NULL ? path[0] == '\0' : !folder->is_gone;
}

static bool has_folder_of(struct sim_disk *s, const char *path)
{
    char folder[PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    *(slash == NULL ? folder : slash) = '\0';
    return has_folder(s, folder);
}

static int sim_open(struct disk *disk, const char *path, enum disk_open_mode mode, struct disk_file **out)
{
    struct sim_disk *s = self(disk);
    enter(s);
    struct name *name = find_name(s, path);
    bool is_there = name != NULL && name->now != NULL;
    if (mode == DISK_READ && !is_there) {
        return leave(s, ENOENT);
    }
    if (mode == DISK_WRITE_NEW && is_there) {
        return leave(s, EEXIST);
    }
    if (!is_there && !has_folder_of(s, path)) {
        return leave(s, ENOENT);
    }
    if (!is_there) {
        name = get_name(s, path);
        name->now = make_node(s);
    }
    struct disk_file *file = must(calloc(1, sizeof *file));
    file->node = name->now;
    file->is_writable = mode != DISK_READ;
    s->open_count++;
    *out = file;
    return leave(s, 0);
}

static int sim_close(struct disk *disk, struct disk_file *file)
{
    struct sim_disk *s = self(disk);
    enter(s);
    free(file);
    s->open_count--;
    return leave(s, 0);
}

static int sim_read(struct disk *disk, struct disk_file *file, void *data, size_t size, uint64_t offset, size_t *got)
{
    struct sim_disk *s = self(disk);
    enter(s);
    const struct image *now = &file->node->now;
    size_t there = offset < now->size ? now->size - (size_t)offset : 0;
    *got = size < there ? size : there;
    if (*got > 0) {
        memcpy(data, now->data + offset, *got);
    }
    return leave(s, 0);
}

static uint64_t bytes_used(const struct sim_disk *s)
{
    uint64_t used = 0;
    for (size_t i = 0; i < s->name_count; i++) {
        used += s->names[i].now != NULL ? s->names[i].now->now.size : 0;
    }
    return used;
}

static int sim_write(struct disk *disk, struct disk_file *file, struct bytes data, uint64_t offset)
{
    struct sim_disk *s = self(disk);
    int fault = 0;
    enter(s);
    if (!file->is_writable) {
        return leave(s, EBADF);
    }
    if (s->bytes_max != 0 && offset + data.size > file->node->now.size) {
        uint64_t more = offset + data.size - file->node->now.size;
        uint64_t used = bytes_used(s);
        uint64_t room = used < s->bytes_max ? s->bytes_max - used : 0;
        if (more > room) {
            uint64_t missing = more - room;
            data.size = missing >= data.size ? 0 : data.size - (size_t)missing;
            fault = ENOSPC;
        }
    }
    if (data.size > 0) {
        image_write(&file->node->now, offset, data);
        add_change(file->node, false, offset, data);
    }
    return leave(s, fault);
}

/* What has been lost by a failed sync is clean for the kernel: a later sync has nothing to write of it, and succeeds. */
static void sync_node(struct node *node)
{
    struct change **at = &node->changes;
    while (*at != NULL) {
        struct change *c = *at;
        if (c->is_lost) {
            at = &c->next;
            continue;
        }
        image_change(&node->durable, c);
        *at = c->next;
        free(c);
    }
    node->last_change = at;
}

static int sim_sync(struct disk *disk, struct disk_file *file)
{
    struct sim_disk *s = self(disk);
    enter(s);
    s->syncs++;
    if (!s->is_lying) {
        sync_node(file->node);
    }
    return leave(s, 0);
}

int sim_disk_failed_sync(struct disk *disk, struct disk_file *file)
{
    struct sim_disk *s = self(disk);
    enter(s);
    for (struct change *c = file->node->changes; c != NULL; c = c->next) {
        c->is_lost = true;
    }
    return leave(s, 0);
}

static int sim_size(struct disk *disk, struct disk_file *file, uint64_t *size)
{
    struct sim_disk *s = self(disk);
    enter(s);
    *size = file->node->now.size;
    return leave(s, 0);
}

static int sim_truncate(struct disk *disk, struct disk_file *file, uint64_t size)
{
    struct sim_disk *s = self(disk);
    enter(s);
    if (size != file->node->now.size) {
        image_resize(&file->node->now, (size_t)size);
        add_change(file->node, true, size, BYTES_NONE);
    }
    return leave(s, 0);
}

static int sim_rename(struct disk *disk, const char *from, const char *to)
{
    struct sim_disk *s = self(disk);
    enter(s);
    struct name *source = find_name(s, from);
    if (source == NULL || source->now == NULL || !has_folder_of(s, to)) {
        return leave(s, ENOENT);
    }
    struct node *node = source->now;
    get_name(s, to)->now = node; /* may move the table */
    find_name(s, from)->now = NULL;
    return leave(s, 0);
}

static int sim_exchange(struct disk *disk, const char *one, const char *other)
{
    struct sim_disk *s = self(disk);
    enter(s);
    struct name *first = find_name(s, one), *second = find_name(s, other);
    if (s->has_no_exchange) {
        return leave(s, ENOTSUP);
    }
    if (first == NULL || second == NULL || first->now == NULL || second->now == NULL) {
        return leave(s, ENOENT);
    }
    struct node *node = first->now;
    first->now = second->now;
    second->now = node;
    return leave(s, 0);
}

/* Is `path` in `folder`, or in one below it? Then `*rest` is what follows. */
static bool is_in(const char *path, const char *folder, const char **rest)
{
    size_t size = strlen(folder);
    if (size > 0 && (strncmp(path, folder, size) != 0 || path[size] != '/')) {
        return false;
    }
    *rest = size == 0 ? path : path + size + 1;
    return true;
}

static bool is_empty(const struct sim_disk *s, const char *folder)
{
    const char *rest;
    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].now != NULL && is_in(s->names[i].path, folder, &rest)) {
            return false;
        }
    }
    for (size_t i = 0; i < s->folder_count; i++) {
        if (!s->folders[i].is_gone && is_in(s->folders[i].path, folder, &rest)) {
            return false;
        }
    }
    return true;
}

static int remove_folder(struct sim_disk *s, const char *path)
{
    if (!has_folder(s, path)) {
        return ENOENT;
    }
    if (path[0] == '\0') {
        return EBUSY;
    }
    if (!is_empty(s, path)) {
        return ENOTEMPTY;
    }
    find_folder(s, path)->is_gone = true;
    return 0;
}

static int sim_remove(struct disk *disk, const char *path)
{
    struct sim_disk *s = self(disk);
    enter(s);
    struct name *name = find_name(s, path);
    if (name == NULL || name->now == NULL) {
        return leave(s, remove_folder(s, path));
    }
    name->now = NULL;
    return leave(s, 0);
}

static int sim_make_folder(struct disk *disk, const char *path)
{
    struct sim_disk *s = self(disk);
    char part[PATH_SIZE];
    enter(s);
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] == '/' || path[i] == '\0') {
            (void)snprintf(part, sizeof part, "%.*s", (int)i, path);
            struct folder *folder = find_folder(s, part);
            if (folder == NULL) {
                if (s->folder_count == FOLDERS_MAX) {
                    abort();
                }
                folder = &s->folders[s->folder_count++];
                memcpy(folder->path, part, sizeof part);
                folder->is_durable = false;
            }
            folder->is_gone = false;
        }
    }
    return leave(s, 0);
}

/* Out of the table, with all that was in it: of what is in no folder nothing can come back. */
static void drop_folder(struct sim_disk *s, size_t which)
{
    const char *rest;
    char gone[PATH_SIZE];
    memcpy(gone, s->folders[which].path, sizeof gone);
    for (size_t i = 0; i < s->name_count; i++) {
        if (is_in(s->names[i].path, gone, &rest)) {
            s->names[i].now = s->names[i].durable = NULL;
        }
    }
    s->folders[which] = s->folders[--s->folder_count];
    for (size_t i = 0; i < s->folder_count; i++) {
        if (is_in(s->folders[i].path, gone, &rest)) {
            s->folders[i--] = s->folders[--s->folder_count];
        }
    }
}

static int sim_sync_folder(struct disk *disk, const char *path)
{
    struct sim_disk *s = self(disk);
    const char *rest;
    enter(s);
    s->syncs++;
    for (size_t i = 0; i < s->name_count; i++) {
        if (is_in(s->names[i].path, path, &rest) && strchr(rest, '/') == NULL) {
            s->names[i].durable = s->names[i].now;
        }
    }
    for (size_t i = 0; i < s->folder_count; i++) {
        if (is_in(s->folders[i].path, path, &rest) && strchr(rest, '/') == NULL) {
            if (s->folders[i].is_gone) {
                drop_folder(s, i);
                i = (size_t)-1; /* the table has moved */
                continue;
            }
            s->folders[i].is_durable = true;
        }
    }
    return leave(s, 0);
}

static int sim_sync_all(struct disk *disk)
{
    struct sim_disk *s = self(disk);
    enter(s);
    s->syncs++;
    for (struct node *node = s->nodes; node != NULL && !s->is_lying; node = node->next) {
        sync_node(node);
    }
    for (size_t i = 0; i < s->name_count; i++) {
        s->names[i].durable = s->names[i].now;
    }
    for (size_t i = 0; i < s->folder_count; i++) {
        s->folders[i].is_durable = true;
    }
    return leave(s, 0);
}

static int sim_list(struct disk *disk, const char *path, disk_list_each *each, void *context)
{
    struct sim_disk *s = self(disk);
    enter(s);
    /* Copied: `each` may change what is there. */
    char(*names)[PATH_SIZE] = must(calloc(s->name_count + s->folder_count + 1, PATH_SIZE));
    const char *rest;
    size_t count = 0;
    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].now != NULL && is_in(s->names[i].path, path, &rest) && strchr(rest, '/') == NULL) {
            (void)snprintf(names[count++], PATH_SIZE, "%s", rest);
        }
    }
    size_t file_count = count;
    for (size_t i = 0; i < s->folder_count; i++) {
        if (!s->folders[i].is_gone && is_in(s->folders[i].path, path, &rest) && strchr(rest, '/') == NULL) {
            (void)snprintf(names[count++], PATH_SIZE, "%s", rest);
        }
    }
    int fault = leave(s, has_folder(s, path) ? 0 : ENOENT);
    for (size_t i = 0; i < count; i++) {
        each(context, names[i], i >= file_count);
    }
    free(names);
    return fault;
}

static void sim_free(struct disk *disk)
{
    struct sim_disk *s = self(disk);
    while (s->nodes != NULL) {
        struct node *next = s->nodes->next;
        drop_changes(s->nodes);
        free(s->nodes->durable.data);
        free(s->nodes->now.data);
        free(s->nodes);
        s->nodes = next;
    }
    free(s->names);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static const struct disk_functions sim_functions = {
    .open = sim_open,
    .close = sim_close,
    .read = sim_read,
    .write = sim_write,
    .sync = sim_sync,
    .size = sim_size,
    .truncate = sim_truncate,
    .rename = sim_rename,
    .exchange = sim_exchange,
    .remove = sim_remove,
    .make_folder = sim_make_folder,
    .sync_folder = sim_sync_folder,
    .sync_all = sim_sync_all,
    .list = sim_list,
    .free = sim_free,
};

struct disk *sim_disk_make(void)
{
    struct sim_disk *s = must(calloc(1, sizeof *s));
    s->disk.functions = &sim_functions;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        abort();
    }
    return &s->disk;
}

struct disk *sim_disk_make_threaded(void)
{
    struct disk *disk = sim_disk_make();
    self(disk)->is_threaded = true;
    return disk;
}

static uint64_t dice(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* A write of which each sector is there or not. */
static void tear(struct image *image, const struct change *c, uint64_t *random)
{
    for (size_t done = 0; done < c->size;) {
        size_t to_boundary = SECTOR - (size_t)((c->offset + done) % SECTOR);
        size_t size = to_boundary < c->size - done ? to_boundary : c->size - done;
        if (dice(random) % 2 == 0) {
            image_write(image, c->offset + done, bytes_of(c->data + done, size));
        } else if (c->offset + done + size > image->size) {
            image_resize(image, (size_t)(c->offset + done) + size); /* the size was written, the data was not */
        }
        done += size;
    }
}

static void garble(struct image *image, const struct change *c, uint64_t *random)
{
    uint64_t mode = dice(random) % 2;
    image_write(image, c->offset, bytes_of(c->data, c->size));
    for (size_t i = 0; i < c->size; i++) {
        uint8_t *byte = &image->data[c->offset + i];
        *byte = mode == 0 ? (uint8_t)dice(random) : (uint8_t)(*byte ^ (dice(random) % 64 == 0));
    }
}

static void cut_node(struct node *node, uint64_t *random)
{
    uint64_t style = dice(random) % 4; /* all of one kind as well as mixtures */
    for (const struct change *c = node->changes; c != NULL; c = c->next) {
        uint64_t fate = style < 2 ? style : dice(random) % 4;
        if (c->is_lost || fate == 0) {
            continue;
        }
        if (c->is_truncation || fate == 1) {
            image_change(&node->durable, c);
        } else if (fate == 2) {
            tear(&node->durable, c, random);
        } else {
            garble(&node->durable, c, random);
        }
    }
    drop_changes(node);
    image_resize(&node->now, 0);
    image_write(&node->now, 0, bytes_of(node->durable.data, node->durable.size));
}

/* Where a name's file stood before it was renamed to it, if that other name is gone and its going is not durable. */
static struct name *renamed_from(struct sim_disk *s, const struct name *name)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (name->now != NULL && s->names[i].now == NULL && s->names[i].durable == name->now) {
            return &s->names[i];
        }
    }
    return NULL;
}

/* The other of two names that were exchanged: what the one held, the other holds now. */
static struct name *exchanged_with(struct sim_disk *s, const struct name *name)
{
    for (size_t i = 0; i < s->name_count; i++) {
        struct name *other = &s->names[i];
        bool is_it = other != name && name->now != NULL && other->now != NULL &&
                     (other->now == name->durable || other->durable == name->now) && other->now != other->durable;
        if (is_it) {
            return other;
        }
    }
    return NULL;
}

/* Each name as it is, or as it was; a rename is one change (POSIX, and what journals do): no file is left under two names or none. */
static void cut_names(struct sim_disk *s, uint64_t *random)
{
    for (size_t i = 0; i < s->name_count; i++) {
        struct name *name = &s->names[i];
        struct name *from = renamed_from(s, name), *other = name->now == name->durable ? NULL : exchanged_with(s, name);
        if (name->now == name->durable) {
            continue;
        }
        if (other != NULL) {
            bool is_undone = dice(random) % 2 == 0;
            name->now = is_undone ? name->durable : name->now;
            other->now = is_undone ? other->durable : other->now;
            name->durable = name->now;
            other->durable = other->now;
            continue;
        }
        if (dice(random) % 2 == 0) {
            name->now = name->durable;
            if (from != NULL) {
                from->now = from->durable;
            }
        } else if (from != NULL) {
            from->durable = NULL;
        }
        name->durable = name->now;
    }
}

static void cut_folders(struct sim_disk *s, uint64_t *random)
{
    for (size_t i = 0; i < s->folder_count;) {
        struct folder *folder = &s->folders[i];
        bool is_settled = folder->is_durable && !folder->is_gone;
        if (is_settled || dice(random) % 2 == 0) {
            folder->is_durable = true;
            folder->is_gone = false;
            i++;
            continue;
        }
        drop_folder(s, i);
        i = 0; /* the table has moved; what is durable stays so */
    }
}

void sim_disk_power_cut(struct disk *disk, uint64_t seed)
{
    struct sim_disk *s = self(disk);
    uint64_t random = seed;
    if (s->open_count != 0) {
        abort();
    }
    for (struct node *node = s->nodes; node != NULL; node = node->next) {
        cut_node(node, &random);
    }
    cut_names(s, &random);
    cut_folders(s, &random);
}

void sim_disk_no_exchange(struct disk *disk)
{
    self(disk)->has_no_exchange = true;
}

bool sim_disk_holds(const struct disk *disk, struct bytes needle)
{
    for (const struct node *node = self(disk)->nodes; node != NULL; node = node->next) {
        const struct image *images[] = { &node->durable, &node->now };
        for (size_t i = 0; i < COUNT_OF(images); i++) {
            if (images[i]->size >= needle.size && memmem(images[i]->data, images[i]->size, needle.data, needle.size) != NULL) {
                return true;
            }
        }
    }
    return false;
}

uint8_t *sim_disk_data(struct disk *disk, const char *path, size_t *size)
{
    struct name *name = find_name(self(disk), path);
    if (name == NULL || name->now == NULL) {
        return NULL;
    }
    *size = name->now->now.size;
    return name->now->now.data;
}

void sim_disk_each(struct disk *disk, void (*each)(void *context, const char *path), void *context)
{
    struct sim_disk *s = self(disk);
    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].now != NULL) {
            each(context, s->names[i].path);
        }
    }
}

struct disk *sim_disk_copy(const struct disk *disk)
{
    const struct sim_disk *s = self(disk);
    struct disk *copy = sim_disk_make();
    for (size_t i = 0; i < s->folder_count; i++) {
        if (!s->folders[i].is_gone) {
            struct folder *folder = &self(copy)->folders[self(copy)->folder_count++];
            *folder = s->folders[i];
            folder->is_durable = true;
        }
    }
    for (size_t i = 0; i < s->name_count; i++) {
        const struct node *from = s->names[i].now;
        if (from != NULL) {
            struct node *node = make_node(self(copy));
            image_write(&node->now, 0, bytes_of(from->now.data, from->now.size));
            image_write(&node->durable, 0, bytes_of(from->now.data, from->now.size));
            struct name *name = get_name(self(copy), s->names[i].path);
            name->now = name->durable = node;
        }
    }
    return copy;
}

void sim_disk_limit(struct disk *disk, uint64_t bytes_max)
{
    self(disk)->bytes_max = bytes_max;
}

uint64_t sim_disk_bytes(const struct disk *disk)
{
    return bytes_used(self(disk));
}

void sim_disk_lie(struct disk *disk, bool is_lying)
{
    self(disk)->is_lying = is_lying;
}

uint64_t sim_disk_syncs(const struct disk *disk)
{
    return self(disk)->syncs;
}

bool sim_disk_equal(const struct disk *a, const struct disk *b)
{
    for (int i = 0; i < 2; i++) {
        const struct sim_disk *from = self(i == 0 ? a : b);
        struct sim_disk *to = self(i == 0 ? b : a);
        for (size_t j = 0; j < from->name_count; j++) {
            const struct node *mine = from->names[j].now;
            const struct name *name = find_name(to, from->names[j].path);
            const struct node *theirs = name == NULL ? NULL : name->now;
            if ((mine == NULL) != (theirs == NULL)) {
                return false;
            }
            if (mine != NULL && !bytes_equal(bytes_of(mine->now.data, mine->now.size), bytes_of(theirs->now.data, theirs->now.size))) {
                return false;
            }
        }
    }
    return true;
}
