#include "base/config.h"
#include "base/config_file.h"
#include "base/limits.h"
#include "tests/lib/scratch.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[SCRATCH_PATH_BYTES];
static struct config *config;
static struct strbuf message;

static int
set_up(void **state)
{
	(void)state;
	scratch_make(folder);
	strbuf_init(&message, 65536);
	clearenv();
	return chdir(folder);
}

static int
tear_down(void **state)
{
	(void)state;
	config_free(&config);
	strbuf_done(&message);
	scratch_remove(folder);
	return chdir("/");
}

static void
write_file(const char *path, const void *data, size_t bytes)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static void
write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static status
load_file(const char *text)
{
	char *argv[] = {(char *)"usherd", NULL};

	write_text("usher.conf", text);
	config_free(&config);
	strbuf_reset(&message);
	return config_load(1, argv, NULL, &config, NULL, &message);
}

static void
assert_refused(const char *text, const char *want)
{
	assert_int_equal(load_file(text).code, ST_INVALID_ARGUMENT);
	assert_string_equal(strbuf_text(&message), want);
	assert_null(config);
}

static void
every_row_is_in_order_and_its_default_suits_it(void **state)
{
	(void)state;
	assert_int_equal(load_file("").code, ST_OK);
	for (const struct config_row *row = config_rows; row->name; row++) {
		assert_ptr_equal(config_row_find(row->name), row);
		assert_non_null(row->help);
		assert_int_equal(row->help[strlen(row->help) - 1], '.');
		assert_int_equal(config_origin(config, row->name), CONFIG_DEFAULT);
		assert_string_equal(config_where(config, row->name), "default");
		assert_string_equal(config_shown(config, row->name), row->default_text);
	}
	assert_int_equal(config_int(config, "token.access_ttl"), INT64_C(900000000));
	assert_int_equal(config_int(config, "cache.bytes"), 64 << 20);
	assert_true(config_bool(config, "database.prepared"));
}

static void
a_flag_goes_over_environment_over_file_over_default(void **state)
{
	char *argv[] = {(char *)"usherd", (char *)"--mode=production", NULL};

	(void)state;
	write_text("usher.conf", "mode = development\ndatabase.name = f\ndatabase.host = f\n");
	setenv("USHER_MODE", "development", 1);
	setenv("USHER_DATABASE_HOST", "e", 1);
	assert_int_equal(config_load(2, argv, NULL, &config, NULL, &message).code, ST_OK);
	assert_string_equal(config_text(config, "mode"), "production");
	assert_string_equal(config_where(config, "mode"), "--mode");
	assert_string_equal(config_text(config, "database.host"), "e");
	assert_string_equal(config_where(config, "database.host"), "USHER_DATABASE_HOST");
	assert_string_equal(config_text(config, "database.name"), "f");
	assert_string_equal(config_where(config, "database.name"), "usher.conf:2");
	assert_int_equal(config_origin(config, "database.port"), CONFIG_DEFAULT);
}

static void
what_is_no_setting_is_left_to_the_caller(void **state)
{
	char *argv[] = {(char *)"usher", (char *)"call", (char *)"--rpc.private_network",
	    (char *)"x", (char *)"--database.prepared", (char *)"off", (char *)"--json",
	    (char *)"--mode", (char *)"production", (char *)"-h", (char *)"--", (char *)"--mode=x",
	    NULL};
	static const char *const want[] = {"call", "x", "--json", "-h", "--", "--mode=x"};
	char **rest;

	(void)state;
	assert_int_equal(config_load(12, argv, NULL, &config, &rest, &message).code, ST_OK);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_string_equal(rest[i], want[i]);
	assert_null(rest[6]);
	assert_true(config_bool(config, "rpc.private_network"));
	assert_false(config_bool(config, "database.prepared"));
	assert_string_equal(config_text(config, "mode"), "production");
}

static void
a_flag_without_its_value_is_refused(void **state)
{
	char *argv[] = {(char *)"usher", (char *)"--mode", NULL};

	(void)state;
	assert_int_equal(
	    config_load(2, argv, NULL, &config, NULL, &message).code, ST_INVALID_ARGUMENT);
	assert_string_equal(strbuf_text(&message), "--mode wants a value");
}

static void
the_file_may_be_named_and_must_exist_then(void **state)
{
	char *argv[] = {(char *)"usherd", (char *)"--config", (char *)"other.conf", NULL};

	(void)state;
	assert_int_equal(
	    config_load(3, argv, NULL, &config, NULL, &message).code, ST_INVALID_ARGUMENT);
	assert_string_equal(
	    strbuf_text(&message), "cannot read other.conf: No such file or directory");
	write_text("other.conf", "services = user");
	setenv("USHER_CONFIG", "/nonexistent", 1);
	assert_int_equal(config_load(3, argv, NULL, &config, NULL, &message).code, ST_OK);
	assert_string_equal(config_text(config, "services"), "user");
	config_free(&config);
	assert_int_equal(
	    config_load(1, argv, NULL, &config, NULL, &message).code, ST_INVALID_ARGUMENT);
	assert_int_equal(config_load(1, argv, "other.conf", &config, NULL, &message).code, ST_OK);
}

static void
an_unknown_name_is_refused_with_the_nearest_right_one(void **state)
{
	(void)state;
	assert_refused("\n\ndatabse.host = x\n",
	    "usher.conf:3: unknown setting \"databse.host\"; did you mean \"database.host\"?");
	assert_refused("qqqqqqqq = x\n", "usher.conf:1: unknown setting \"qqqqqqqq\"");
	assert_refused("mode_file = x\n", "usher.conf:1: unknown setting \"mode_file\"");
}

static void
a_wrong_value_is_refused_with_what_is_wanted(void **state)
{
	(void)state;
	assert_refused("mode = prod", "usher.conf:1: mode wants one of development|production");
	assert_refused("mode = development|production",
	    "usher.conf:1: mode wants one of development|production");
	assert_refused("password.passes = 0",
	    "usher.conf:1: password.passes wants a whole number from 1 to 16");
	assert_refused("password.passes = 99999999999999999999",
	    "usher.conf:1: password.passes wants a whole number from 1 to 16");
	assert_refused("cache.bytes = 64MB",
	    "usher.conf:1: cache.bytes wants a size such as 64KiB, from 1MiB to 1TiB");
	assert_refused("cache.bytes = 9223372036854775807TiB",
	    "usher.conf:1: cache.bytes wants a size such as 64KiB, from 1MiB to 1TiB");
	assert_refused("shutdown.drain = 2",
	    "usher.conf:1: shutdown.drain wants a time such as 250ms or 15m, from 0 to 5m");
	assert_refused(
	    "database.prepared = maybe", "usher.conf:1: database.prepared wants on or off");
	assert_refused(
	    "master_key = short", "usher.conf:1: master_key wants 43 to 44 bytes, not 5");
}

/* What nobody looks at before it is used, and what no call or mail gets past then. */
static void
what_mail_and_tokens_would_be_refused_for_is_refused_at_the_start(void **state)
{
	static const char *const names[] = {"token.issuer", "token.audience"};
	static const char *const bad[] = {"", "Gr\xc3\xbc\xc3\x9f", "\"a\\tb\"", "a\\b", "a\"b"};
	char text[TOKEN_NAME_BYTES_MAX + 64], want[256];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s = %s", names[i % 2], bad[i / 2]);
		snprintf(want, sizeof(want),
		    "usher.conf:1: %s wants 1 to 255 printable ASCII characters, without \" and \\",
		    names[i % 2]);
		assert_refused(text, want);
	}
	snprintf(text, sizeof(text), "token.issuer = %0*d", TOKEN_NAME_BYTES_MAX + 1, 0);
	assert_int_equal(load_file(text).code, ST_INVALID_ARGUMENT);
	snprintf(text, sizeof(text), "token.issuer = %0*d", TOKEN_NAME_BYTES_MAX, 0);
	assert_int_equal(load_file(text).code, ST_OK);
	assert_refused("mail.from = Usher <usher@example.org>",
	    "usher.conf:1: mail.from wants an address and nothing else, as in usher@example.org");
	assert_refused("mail.from =",
	    "usher.conf:1: mail.from wants an address and nothing else, as in usher@example.org");
	assert_int_equal(load_file("mail.from = usher@example.org").code, ST_OK);
}

static void
a_line_of_another_shape_is_refused(void **state)
{
	(void)state;
	assert_refused("mode", "usher.conf:1: a line reads: name = value");
	assert_refused("= x", "usher.conf:1: a line reads: name = value");
	assert_refused("[section]", "usher.conf:1: a line reads: name = value");
	assert_refused("services = \"a", "usher.conf:1: the quotes are not closed");
	assert_refused("services = \"a\\\"", "usher.conf:1: the quotes are not closed");
	assert_refused("services = \"a\" b", "usher.conf:1: there is text behind the quotes");
	assert_refused(
	    "services = \"\\x\"", "usher.conf:1: in quotes, \\ stands before \", \\, n or t only");
	assert_refused("services = \xff", "usher.conf:1: the line is not UTF-8");
	assert_refused("services = a #b",
	    "usher.conf:1: is what stands behind # a comment? Put it on a line of its own, or the "
	    "value in quotes");
	assert_refused("services = a\n\nservices = b\n",
	    "usher.conf:3: services is set already at usher.conf:1");
	write_file("usher.conf", "mode\0 = x", 9);
	assert_int_equal(
	    config_load(0, NULL, NULL, &config, NULL, &message).code, ST_INVALID_ARGUMENT);
}

static void
a_file_is_read_as_its_grammar_says(void **state)
{
	(void)state;
	assert_int_equal(load_file("\xef\xbb\xbf# c\r\n \t\r\n  services=a#b  \r\n"
				   "database.name = \"q\\\" \\\\ \\n\\t#\"  # c\n"
				   "password.passes = 3 # c\n"
				   "database.password = p@ss#w\"rd\n"
				   "auth.failure_time = 250 ms\n"
				   "cache.bytes = 2097152\n"
				   "shutdown.drain = 0\n"
				   "metrics.listen =")
			     .code,
	    ST_OK);
	assert_string_equal(config_text(config, "services"), "a#b");
	assert_string_equal(config_text(config, "database.name"), "q\" \\ \n\t#");
	assert_int_equal(config_int(config, "password.passes"), 3);
	assert_string_equal(config_text(config, "database.password"), "p@ss#w\"rd");
	assert_int_equal(config_int(config, "auth.failure_time"), 250000);
	assert_int_equal(config_int(config, "cache.bytes"), 2097152);
	assert_int_equal(config_int(config, "shutdown.drain"), 0);
	assert_string_equal(config_text(config, "metrics.listen"), "");
}

static void
a_secret_may_come_from_a_file_and_is_never_shown(void **state)
{
	char text[65536];
	FILE *out;

	(void)state;
	write_text("secret", "hunter2 \n");
	assert_int_equal(load_file("database.password_file = secret\n").code, ST_OK);
	assert_string_equal(config_text(config, "database.password"), "hunter2 ");
	assert_string_equal(config_shown(config, "database.password"), "***");
	out = fmemopen(text, sizeof(text), "w");
	config_print(config, out);
	fclose(out);
	assert_null(strstr(text, "hunter2"));
	assert_refused("database.password_file = secret\ndatabase.password = x\n",
	    "usher.conf:2: database.password is set already at usher.conf:1");
	assert_refused("bridge.key_file = absent\n",
	    "usher.conf:1: cannot read absent: No such file or directory");
	write_file("secret", "a\0b", 3);
	assert_refused(
	    "bridge.key_file = secret\n", "usher.conf:1: secret holds a NUL, so it is no text");
	write_text("secret", "hunter2");
	assert_refused(
	    "master_key_file = secret\n", "usher.conf:1: master_key wants 43 to 44 bytes, not 7");
	setenv("USHER_BRIDGE_KEY_FILE", "secret", 1);
	assert_int_equal(load_file("").code, ST_OK);
	assert_string_equal(config_text(config, "bridge.key"), "hunter2");
	setenv("USHER_BRIDGE_KEY", "x", 1);
	assert_refused("", "USHER_BRIDGE_KEY and USHER_BRIDGE_KEY_FILE are both set");
}

static void
a_secrets_file_is_read_only_where_nothing_goes_over_it(void **state)
{
	char *argv[] = {(char *)"usherd", (char *)"--bridge.key_file", (char *)"flags", NULL};

	(void)state;
	write_text("environments", "of the environment");
	setenv("USHER_BRIDGE_KEY_FILE", "environments", 1);
	assert_int_equal(load_file("bridge.key_file = absent\n").code, ST_OK);
	assert_string_equal(config_text(config, "bridge.key"), "of the environment");
	assert_string_equal(config_where(config, "bridge.key"), "USHER_BRIDGE_KEY_FILE");
	config_free(&config);
	write_text("flags", "of the flag");
	setenv("USHER_BRIDGE_KEY_FILE", "absent", 1);
	assert_int_equal(config_load(3, argv, NULL, &config, NULL, &message).code, ST_OK);
	assert_string_equal(config_text(config, "bridge.key"), "of the flag");
	/* Files and environment are read again, flags are not. */
	assert_int_equal(unlink("flags"), 0);
	assert_int_equal(config_reload(config, &message).code, ST_OK);
	assert_string_equal(strbuf_text(&message), "");
	assert_string_equal(config_text(config, "bridge.key"), "of the flag");
}

static void
what_is_printed_can_be_read_as_a_file(void **state)
{
	char first[65536] = "", second[65536] = "";
	FILE *out;

	(void)state;
	assert_int_equal(
	    load_file("services = \"a \\\"#\\\\\\n\"\nlog.level = debug\nbridge.key = k\n").code,
	    ST_OK);
	out = fmemopen(first, sizeof(first), "w");
	config_print(config, out);
	fclose(out);
	assert_int_equal(load_file(first).code, ST_OK);
	assert_string_equal(config_text(config, "services"), "a \"#\\\n");
	assert_string_equal(config_text(config, "log.level"), "debug");
	assert_string_equal(config_text(config, "bridge.key"), "");
	out = fmemopen(second, sizeof(second), "w");
	config_print(config, out);
	fclose(out);
	assert_non_null(strstr(second, "services = \"a \\\"#\\\\\\n\"   # usher.conf:2\n"));
}

static void
a_reload_takes_over_reloadable_rows_and_names_the_others(void **state)
{
	const char *before;

	(void)state;
	assert_int_equal(load_file("log.level = warn\n").code, ST_OK);
	before = config_text(config, "log.level");
	write_text("usher.conf", "log.level = debug\nservices = user\nmode = production\n");
	assert_int_equal(config_reload(config, &message).code, ST_OK);
	assert_string_equal(strbuf_text(&message), "mode, services");
	assert_string_equal(config_text(config, "log.level"), "debug");
	assert_string_equal(config_text(config, "mode"), "development");
	assert_string_equal(before, "warn");
	strbuf_reset(&message);
	write_text("usher.conf", "log.level = loud\n");
	assert_int_equal(config_reload(config, &message).code, ST_INVALID_ARGUMENT);
	assert_string_equal(config_text(config, "log.level"), "debug");
}

static void
a_default_may_be_set_where_nobody_has_set_more(void **state)
{
	status set;

	(void)state;
	assert_int_equal(load_file("mail.mode = files\n").code, ST_OK);
	assert_int_equal(config_set_default(config, "mail.mode", "none").code, ST_OK);
	assert_int_equal(config_set_default(config, "mode", "production").code, ST_OK);
	assert_string_equal(config_text(config, "mail.mode"), "files");
	assert_string_equal(config_text(config, "mode"), "production");
	assert_int_equal(config_origin(config, "mode"), CONFIG_DEFAULT);
	assert_int_equal(config_reload(config, &message).code, ST_OK);
	assert_string_equal(strbuf_text(&message), "");
	set = config_set_default(config, "mode", "x");
	assert_string_equal(set.message, "default: mode wants one of development|production");
	assert_string_equal(config_text(config, "mode"), "production");
}

static void
a_file_without_end_is_refused(void **state)
{
	char *argv[] = {(char *)"usherd", NULL};

	(void)state;
	assert_int_equal(
	    config_load(1, argv, "/dev/zero", &config, NULL, &message).code, ST_INVALID_ARGUMENT);
	assert_string_equal(strbuf_text(&message), "cannot read /dev/zero: it is too large");
}

static void
a_variable_that_is_a_slip_of_a_setting_is_found(void **state)
{
	static const char *const right[] = {"USHER_DATABASE_HOST", "USHER_BRIDGE_KEY_FILE",
	    "USHER_CONFIG", "USHER_PORT", "USHER_SERVICE_HOST", "USHER_PORT_7700_TCP_ADDR",
	    "USHER_", "USHER__FILE", "DATABSE_HOST", "USHER_RPC_TLS_FILE", "USHER_HOME",
	    "USHER_ROLE", "USHER_NODE", "USHER_CODE", "USHER_MODEL", "USHER_MODE"};
	static const char *const slips[][2] = {{"USHER_DATABSE_HOST", "USHER_DATABASE_HOST"},
	    {"USHER_BRIDGE_KYE_FILE", "USHER_BRIDGE_KEY_FILE"},
	    {"USHER_MAIL_DRI", "USHER_MAIL_DIR"}, {"USHER_RPC_TSL_FILE", "USHER_RPC_TLS_FILE"},
	    {"USHER_MAIL_DIR_FILE", "USHER_MAIL_DIR"}};
	char *long_name = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		setenv(right[i], "x", 1);
	assert_true(asprintf(&long_name, "USHER_%0500d", 0) > 0);
	setenv(long_name, "x", 1);
	assert_false(config_slip_next(&(struct config_slip){0}));
	unsetenv(long_name);
	free(long_name);
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
		unsetenv(right[i]);
	for (size_t i = 0; i < sizeof(slips) / sizeof(*slips); i++) {
		struct config_slip slip = {0};

		setenv(slips[i][0], "x", 1);
		assert_true(config_slip_next(&slip));
		assert_string_equal(slip.name, slips[i][0]);
		assert_string_equal(slip.nearest, slips[i][1]);
		assert_false(config_slip_next(&slip));
		unsetenv(slips[i][0]);
	}
}

/* With _FILE behind a secret's name too, which is then no other setting's neighbour. */
static void
no_settings_own_variable_is_a_slip(void **state)
{
	(void)state;
	for (const struct config_row *row = config_rows; row->name; row++) {
		struct config_slip slip = {0};
		char variable[CONFIG_VARIABLE_BYTES];

		snprintf(variable, sizeof(variable), "USHER_%s%s", row->name,
		    row->secret ? "_file" : "");
		for (char *at = variable; *at; at++)
			*at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
		setenv(variable, "x", 1);
		assert_false(config_slip_next(&slip));
		unsetenv(variable);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(every_row_is_in_order_and_its_default_suits_it),
	    TEST(a_flag_goes_over_environment_over_file_over_default),
	    TEST(what_is_no_setting_is_left_to_the_caller),
	    TEST(a_flag_without_its_value_is_refused),
	    TEST(the_file_may_be_named_and_must_exist_then),
	    TEST(an_unknown_name_is_refused_with_the_nearest_right_one),
	    TEST(a_wrong_value_is_refused_with_what_is_wanted),
	    TEST(what_mail_and_tokens_would_be_refused_for_is_refused_at_the_start),
	    TEST(a_line_of_another_shape_is_refused),
	    TEST(a_file_is_read_as_its_grammar_says),
	    TEST(a_secret_may_come_from_a_file_and_is_never_shown),
	    TEST(a_secrets_file_is_read_only_where_nothing_goes_over_it),
	    TEST(what_is_printed_can_be_read_as_a_file),
	    TEST(a_reload_takes_over_reloadable_rows_and_names_the_others),
	    TEST(a_default_may_be_set_where_nobody_has_set_more),
	    TEST(a_file_without_end_is_refused),
	    TEST(a_variable_that_is_a_slip_of_a_setting_is_found),
	    TEST(no_settings_own_variable_is_a_slip),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
