#include "app/reload.h"

#include "base/log.h"

#define MESSAGE_BYTES_MAX 4096

void
reload(struct config *config)
{
	struct strbuf message;
	status st;

	strbuf_init(&message, MESSAGE_BYTES_MAX);
	st = config_reload(config, &message);
	/* Before anything is told, so that it is told by the new level. */
	if (st.code == ST_OK)
		log_set_level(log_level_from_name(config_text(config, "log.level")));
	if (st.code != ST_OK)
		log_event(LOG_WARN, "reload_failed", "why",
		    message.bytes ? strbuf_text(&message) : st.message, NULL);
	else if (message.bytes)
		log_event(LOG_WARN, "reload", "needs_restart", strbuf_text(&message), NULL);
	else
		log_event(LOG_INFO, "reload", NULL);
	strbuf_done(&message);
}
