/* check_internal.h - the parts of a check among themselves. */
#ifndef USHER_JOBS_CHECK_INTERNAL_H
#define USHER_JOBS_CHECK_INTERNAL_H

#include "jobs/check.h"

/* Everything that the catalog says. */
MUST_USE status check_catalog(struct check_run *run);
/* Report it. Errors: report's; RESOURCE_EXHAUSTED when the arena had no room for a text (NULL). */
MUST_USE status check_tell(struct check_run *run, const struct check_finding *finding);

#endif
