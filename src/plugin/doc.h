/* doc.h - JSON text for openapi.json, a member a line, so that a change of one method is a change
 * of a few lines. A key of NULL stands for an item of an array. Threads: one. */
#ifndef USHER_PLUGIN_DOC_H
#define USHER_PLUGIN_DOC_H

#include "base/str.h"

struct doc {
	struct strbuf *out;
	int depth;
	bool has_members; /* of what is open */
};

void doc_open(struct doc *doc, const char *key, char bracket); /* '{' or '[' */
void doc_close(struct doc *doc, char bracket);                 /* '}' or ']' */
void doc_text(struct doc *doc, const char *key, const char *text);
void doc_number(struct doc *doc, const char *key, int64_t number);
void doc_true(struct doc *doc, const char *key);
/* The member "$ref": "#/components/KIND/NAME". */
void doc_ref(struct doc *doc, const char *kind, const char *name);

#endif
