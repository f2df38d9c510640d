/* figures.h - what the bridge counts, as Prometheus reads it. The bridge's own.
 * Threads: any; counting takes no lock. Source: Prometheus's text format 0.0.4. */
#ifndef USHER_BRIDGE_FIGURES_H
#define USHER_BRIDGE_FIGURES_H

#include "base/str.h"

#include <stdint.h>

struct figures;

/* What is counted apart: a route, a page, or all that led nowhere. Borrowed. */
struct figures_row {
	const char *verb;
	const char *path; /* the template: never what a client made up */
};

MUST_USE status figures_new(
    const struct figures_row *rows, size_t rows_count, struct figures **out);
void figures_free(struct figures **figures);

void figures_begin(struct figures *figures);
struct figures_request {
	size_t row;
	uint32_t http_status;
	int64_t took_us;
	size_t received_bytes, sent_bytes; /* of the bodies */
};
void figures_end(struct figures *figures, const struct figures_request *request);

/* Rows that nobody has asked for are left out. */
void figures_write(struct figures *figures, struct strbuf *out);

/* Bytes of this process that are in memory; 0 when the system doesn't say. */
uint64_t figures_resident_bytes(void);

#endif
