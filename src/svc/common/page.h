/* page.h - lists in pages, by keyset.
 *
 * A token says where the page before ended. It is bound to the list that gave it (method,
 * organisation and filter) by a keyed digest, so it can't be made, changed, or moved to another
 * list. Nothing in it is secret: the caller has seen the item that it names.
 *
 *     struct page page;
 *     TRY(page_read(call, &env->page_key, filter, req->page, &page));
 *     ... read page.size + 1 rows behind page.after, show page.size of them ...
 *     if (rows.count > page.size)
 *             TRY(page_close(call, &env->page_key, filter, &last_shown, &reply->page));
 *
 * Where items may be long the statement ends the page, at page.size or PAGE_BYTES_MAX, and its
 * last row says in is_more whether others follow: a thousand of them would fill the memory.
 *
 * Threads: the call's. Nothing blocks. */
#ifndef USHER_SVC_COMMON_PAGE_H
#define USHER_SVC_COMMON_PAGE_H

#include "crypt/crypt.h"
#include "gen/pb/usher/v1/common.pb-c.h"
#include "rpc/call.h"

/* What a list is ordered by: a number (a time, a sequence, or 0) and an id to tell equals apart. */
struct page_position {
	int64_t number;
	struct uuid id;
};

struct page {
	int size; /* items to show */
	bool is_first;
	struct page_position after; /* zero on the first page */
};

/* Every service's page key, from the master key. */
void page_key_derive(const struct crypt_key *master, struct crypt_key *out);

/* What was asked for; request may be NULL. filter: the bytes of whatever narrows the list.
 * Errors: INVALID_ARGUMENT (no token of this list). */
MUST_USE status page_read(struct rpc_call *call, const struct crypt_key *key, struct slice filter,
    const Usher__V1__PageRequest *request, struct page *out);

/* The reply's page when more follows last.
 * Errors: RESOURCE_EXHAUSTED. */
MUST_USE status page_close(struct rpc_call *call, const struct crypt_key *key, struct slice filter,
    const struct page_position *last, Usher__V1__PageReply **out);

#endif
