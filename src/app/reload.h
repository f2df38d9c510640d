/* reload.h - HUP: the settings are read again, and the log says what came of it.
 * Threads: the one that waits for signals. Blocks on files. */
#ifndef USHER_APP_RELOAD_H
#define USHER_APP_RELOAD_H

#include "base/config.h"

/* Takes over what is reloadable, which is log.level alone. */
void reload(struct config *config);

#endif
