/* gen/meta/descriptors: every file with its options and without comments, for reflection. The same
 * bytes as in gen/descriptors.pb, which protoc writes itself. */
#include "plugin/emit.h"

enum { SET_FILE = 1 };
enum { BYTES_PER_LINE = 16 };

/* Packed as a FileDescriptorSet member: protoc's order, so a file comes after what it imports. */
static status
add_file(struct arena *arena, struct strbuf *out, const file_proto *proto)
{
	file_proto bare = *proto;

	bare.source_code_info = NULL;
	size_t bytes = google__protobuf__file_descriptor_proto__get_packed_size(&bare);
	uint8_t *packed = arena_alloc(arena, bytes);
	if (!packed)
		return ARENA_EXHAUSTED;
	google__protobuf__file_descriptor_proto__pack(&bare, packed);
	output_encode_bytes(out, SET_FILE, packed, bytes);
	return STATUS_OK;
}

static status
emit_c(const struct strbuf *set, struct output *output)
{
	struct strbuf out;

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	emit_c_head(&out, "descriptors.h", "all files");
	emit_c_guard(&out, "META", "descriptors");
	strbuf_add_text(&out,
	    "#include <stddef.h>\n#include <stdint.h>\n\n"
	    "/* A google.protobuf.FileDescriptorSet of all our files and what they import. */\n"
	    "extern const uint8_t usher_descriptors[];\n"
	    "extern const size_t usher_descriptors_bytes;\n");
	emit_c_guard_end(&out);
	TRY(output_add(output, "meta/descriptors.h", &out));

	strbuf_init(&out, OUTPUT_BYTES_MAX);
	emit_c_head(&out, "descriptors.c", "all files");
	strbuf_add_text(
	    &out, "#include \"gen/meta/descriptors.h\"\n\nconst uint8_t usher_descriptors[] = {");
	for (size_t i = 0; i < set->bytes; i++) {
		strbuf_add_text(&out, i % BYTES_PER_LINE ? " " : "\n\t");
		strbuf_add_format(&out, "%u,", set->data[i]);
	}
	strbuf_add_text(
	    &out, "\n};\n\nconst size_t usher_descriptors_bytes = sizeof usher_descriptors;\n");
	return output_add(output, "meta/descriptors.c", &out);
}

status
emit_descriptors(const struct model *model, struct output *output)
{
	struct strbuf set;
	status result = STATUS_OK;

	strbuf_init(&set, OUTPUT_BYTES_MAX);
	for (size_t i = 0; i < model->files_count && result.code == ST_OK; i++)
		result = add_file(model->arena, &set, model->files[i].proto);
	if (result.code == ST_OK)
		result = strbuf_status(&set);
	if (result.code == ST_OK)
		result = emit_c(&set, output);
	strbuf_done(&set);
	return result;
}
