/* demo.h - an organisation to play with, told in a JSON file that only its owner may read. */
#ifndef USHER_APP_DEMO_H
#define USHER_APP_DEMO_H

#include "app/bootstrap.h"

/* Make the demo unless the file names one that this database has. The file is a draft
 * (base/files.h), to be put in its place once the transaction is committed. */
MUST_USE status demo_ensure(struct store_conn *conn, struct password_hasher *hasher,
    struct arena *arena, const char *path, const char *http, const char *rpc, struct uuid *org_id);

#endif
