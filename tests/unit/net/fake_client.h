/* The client's side of fake_seam.h: one call on one HTTP/1.1 connection. */
#ifndef COMITY_TESTS_FAKE_CLIENT_H
#define COMITY_TESTS_FAKE_CLIENT_H

#include "fake_seam.h"

struct fake_client {
    struct client_connection *connection;
    struct stream stream;
    struct net_limits limits;
    struct client_call call;
    bool is_done, is_lost;
    enum client_failure failure;
};

/* Opens the connection and sends `method` for "/". `call.answer` stays until fake_client_close(). */
void fake_client_open(struct fake_client *fake, struct bytes method, struct body *body, const struct net_limits *limits);
/* False, and nothing, once the stream was closed. */
bool fake_client_data(struct fake_client *fake, struct bytes data);
/* The stream ends. */
void fake_client_end(struct fake_client *fake, enum stream_end how);
void fake_client_close(struct fake_client *fake);

#endif
