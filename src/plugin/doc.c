#include "plugin/doc.h"

static void
add_escaped(struct strbuf *out, const char *text)
{
	strbuf_add_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			strbuf_add_format(out, "\\%c", c);
		else if (c == '\n')
			strbuf_add_text(out, "\\n");
		else if (c < 0x20)
			strbuf_add_format(out, "\\u%04x", c);
		else
			strbuf_add_char(out, (char)c);
	}
	strbuf_add_char(out, '"');
}

static void
begin_line(struct doc *doc)
{
	strbuf_add_char(doc->out, '\n');
	for (int i = 0; i < doc->depth; i++)
		strbuf_add_char(doc->out, ' ');
}

static void
begin_member(struct doc *doc, const char *key)
{
	if (doc->has_members)
		strbuf_add_char(doc->out, ',');
	if (doc->depth)
		begin_line(doc);
	doc->has_members = true;
	if (key) {
		add_escaped(doc->out, key);
		strbuf_add_text(doc->out, ": ");
	}
}

void
doc_open(struct doc *doc, const char *key, char bracket)
{
	begin_member(doc, key);
	strbuf_add_char(doc->out, bracket);
	doc->depth++;
	doc->has_members = false;
}

void
doc_close(struct doc *doc, char bracket)
{
	doc->depth--;
	if (doc->has_members)
		begin_line(doc);
	strbuf_add_char(doc->out, bracket);
	doc->has_members = true;
}

void
doc_text(struct doc *doc, const char *key, const char *text)
{
	begin_member(doc, key);
	add_escaped(doc->out, text);
}

void
doc_number(struct doc *doc, const char *key, int64_t number)
{
	begin_member(doc, key);
	strbuf_add_format(doc->out, "%lld", (long long)number);
}

void
doc_true(struct doc *doc, const char *key)
{
	begin_member(doc, key);
	strbuf_add_text(doc->out, "true");
}

void
doc_ref(struct doc *doc, const char *kind, const char *name)
{
	begin_member(doc, "$ref");
	strbuf_add_format(doc->out, "\"#/components/%s/%s\"", kind, name);
}
