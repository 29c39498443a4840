/* The rows that a transaction changes, remembered by SQLite's session extension. */
#ifndef COMITY_STORE_CHANGES_INTERNAL_H
#define COMITY_STORE_CHANGES_INTERNAL_H

#include "store/store_internal.h"

must_check bool changes_begin(struct store *store, struct error *e);
void changes_end(struct store *store); /* when nothing was begun, nothing happens */

#endif
