/* Listeners of several loops that part their connections among them (net/server.h). Used by server.c alone. */
#ifndef COMITY_NET_SERVER_GROUP_INTERNAL_H
#define COMITY_NET_SERVER_GROUP_INTERNAL_H

#include "net/server.h"

enum { GROUP_PASSED_MAX = 64 };

/* One listener's place in its group. It is the loop's of the listener but for what the group's lock guards. */
struct group_member {
    struct server_group *group; /* NULL: in none */
    struct group_member *next;
    uv_async_t wake; /* connections were passed to it */
    void (*take)(void *context, int fd);
    void (*closed)(void *context);
    void *context;
    bool is_known; /* in the group's list: may be passed something */
    bool is_open;  /* the handle is on the loop */
    size_t count;  /* its connections, with those on their way to it */
    int passed[GROUP_PASSED_MAX];
    size_t passed_count;
};

/* `take` gets each connection that another member passes, on this loop. */
must_check bool group_join(struct group_member *member, struct server_group *group, uv_loop_t *uv, void (*take)(void *context, int fd),
                           void (*closed)(void *context), void *context, struct error *e);
/* Gives a fresh connection to the member that has the fewest, if that isn't this one. True: it is the other's now. */
must_check bool group_pass(struct group_member *member, int fd);
/* One that was kept or taken has ended. */
void group_connection_ended(struct group_member *member);
/* Nothing is passed to it any more, and what was is closed unread. `closed` is called later, once the handle is off the loop. */
void group_leave(struct group_member *member);

#endif
