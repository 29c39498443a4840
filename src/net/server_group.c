#include "net/server_group_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct server_group {
    pthread_mutex_t lock; /* of the list, and of its members' is_known, count and passed */
    struct group_member *members;
};

struct server_group *server_group_make(void)
{
    struct server_group *group = calloc(1, sizeof *group);
    if (group != NULL && pthread_mutex_init(&group->lock, NULL) != 0) {
        free(group);
        return NULL;
    }
    return group;
}

void server_group_free(struct server_group *group)
{
    if (group != NULL) {
        (void)pthread_mutex_destroy(&group->lock);
        free(group);
    }
}

static void take_passed(uv_async_t *wake)
{
    struct group_member *member = wake->data;
    int fds[GROUP_PASSED_MAX];
    (void)pthread_mutex_lock(&member->group->lock);
    size_t count = member->passed_count;
    memcpy(fds, member->passed, count * sizeof *fds);
    member->passed_count = 0;
    (void)pthread_mutex_unlock(&member->group->lock);
    for (size_t i = 0; i < count; i++) {
        member->take(member->context, fds[i]);
    }
}

bool group_join(struct group_member *member, struct server_group *group, uv_loop_t *uv, void (*take)(void *context, int fd),
                void (*closed)(void *context), void *context, struct error *e)
{
    *member = (struct group_member){ .take = take, .closed = closed, .context = context };
    int failed = uv_async_init(uv, &member->wake, take_passed);
    if (failed != 0) {
        return error_set(e, ERROR_IO, "event loop", "raise the limit of open files", "%s", uv_strerror(failed));
    }
    member->wake.data = member;
    member->group = group;
    member->is_open = member->is_known = true;
    (void)pthread_mutex_lock(&group->lock);
    member->next = group->members;
    group->members = member;
    (void)pthread_mutex_unlock(&group->lock);
    return true;
}

bool group_pass(struct group_member *member, int fd)
{
    struct server_group *group = member->group;
    if (group == NULL) {
        return false;
    }
    (void)pthread_mutex_lock(&group->lock);
    struct group_member *fewest = member;
    for (struct group_member *other = group->members; other != NULL; other = other->next) {
        if (other->count < fewest->count && other->passed_count < GROUP_PASSED_MAX) {
            fewest = other;
        }
    }
    fewest->count++;
    if (fewest != member) {
        fewest->passed[fewest->passed_count++] = fd;
        (void)uv_async_send(&fewest->wake); /* with the lock: its handle is open as long as it is in the list */
    }
    (void)pthread_mutex_unlock(&group->lock);
    return fewest != member;
}

void group_connection_ended(struct group_member *member)
{
    if (member->group != NULL) {
        (void)pthread_mutex_lock(&member->group->lock);
        member->count--;
        (void)pthread_mutex_unlock(&member->group->lock);
    }
}

static void wake_closed(uv_handle_t *handle)
{
    struct group_member *member = handle->data;
    member->is_open = false;
    member->closed(member->context);
}

void group_leave(struct group_member *member)
{
    struct server_group *group = member->group;
    if (group == NULL || !member->is_known) {
        return;
    }
    (void)pthread_mutex_lock(&group->lock);
    struct group_member **at = &group->members;
    while (*at != member) {
        at = &(*at)->next;
    }
    *at = member->next;
    member->is_known = false;
    for (size_t i = 0; i < member->passed_count; i++) {
        (void)close(member->passed[i]); /* nothing was read or written */
    }
    member->passed_count = 0;
    (void)pthread_mutex_unlock(&group->lock);
    uv_close((uv_handle_t *)&member->wake, wake_closed);
}
