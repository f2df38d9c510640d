/* openapi.h - gen/openapi.json, as it was when this was built. */
#ifndef USHER_BRIDGE_OPENAPI_H
#define USHER_BRIDGE_OPENAPI_H

#include "base/str.h"

struct slice openapi_text(void);

#endif
