/* Mail: what goes into the folder is one well-formed message, or nothing. */
#include "net/mail.h"

#include "base/clock.h"
#include "tests/lib/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct mail mail;
	struct strbuf out;
	char folder[SCRATCH_PATH_BYTES];
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	strbuf_init(&f->out, 1 << 20);
	scratch_make(f->folder);
	f->mail = (struct mail){.from = "usher@example.org",
	    .to = "ada@example.com",
	    .subject = "Your code",
	    .text = "Your code is 123456.\n",
	    .created_at_us = INT64_C(1790000000) * US_PER_S + 5};
	assert_true(uuid_parse(slice_text("0198f3c0-5b7a-7d51-a2c4-e0f1a2b3c4d5"), &f->mail.id));
	*state = f;
	return 0;
}

/* The names in the folder, and how many there are. */
static size_t
list_folder(struct fixture *f, char name[256], bool remove)
{
	DIR *folder = opendir(f->folder);
	size_t count = 0;

	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		count++;
		snprintf(name, 256, "%s", entry->d_name);
		if (remove)
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	closedir(folder);
	return count;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char name[256];

	strbuf_done(&f->out);
	chmod(f->folder, 0700);
	list_folder(f, name, true);
	rmdir(f->folder);
	return 0;
}

static const char *
written(struct fixture *f)
{
	strbuf_reset(&f->out);
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_OK);
	return strbuf_text(&f->out);
}

static void
a_message_has_the_headers_that_mail_needs(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(written(f),
	    "From: <usher@example.org>\r\n"
	    "To: <ada@example.com>\r\n"
	    "Subject: Your code\r\n"
	    "Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
	    "Message-ID: <0198f3c0-5b7a-7d51-a2c4-e0f1a2b3c4d5@example.org>\r\n"
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "\r\n"
	    "Your code is 123456.\r\n");
}

static void
no_header_can_be_injected(void **state)
{
	struct fixture *f = *state;
	static const char *const lines[] = {"a\r\nBcc: eve@example.net", "a\nBcc: eve@example.net",
	    "a\rBcc: eve@example.net", "a\r\n\r\nbody", "a\tb",
	    "a\x7f"
	    "b",
	    "a\x01"
	    "b",
	    "\xff", "\xed\xa0\x80", "\xc0\x8a"};
	static const char *const addresses[] = {"", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n",
	    "a@b\r\nBcc: eve@example.net", "<a@b>", "a@b,c@d", "a@b>,<c", "\"a\"@b", "a(b)@c",
	    "\xc3\xa9@b", "a:b@c", "a;b@c", "a@[b]", "a\\b@c"};
	struct mail good = f->mail;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		f->mail.subject = lines[i];
		assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		f->mail = good;
		f->mail.to = addresses[i];
		assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
		f->mail = good;
		f->mail.from = addresses[i];
		assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	}
	assert_int_equal(f->out.bytes, 0);
}

static void
what_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	static char text[MAIL_TEXT_BYTES_MAX + 2];
	struct mail good = f->mail;

	memset(text, 'x', sizeof text - 1);
	f->mail.text = text;
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	f->mail.text = text + 1;
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_OK);
	f->mail = good;
	f->mail.subject = text + sizeof text - 1 - MAIL_SUBJECT_BYTES_MAX;
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_OK);
	f->mail.subject--;
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	f->mail = good;
	text[sizeof text - 3] = '@';
	f->mail.to = text + sizeof text - 1 - 255;
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	f->mail.to++;
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_OK);
}

static void
lines_stay_within_the_limits_whatever_the_text(void **state)
{
	struct fixture *f = *state;
	char text[2001], subject[MAIL_SUBJECT_BYTES_MAX + 1];

	for (size_t i = 0; i < 2000; i += 4)
		memcpy(text + i, i % 8 ? "a=b " : "\xf0\x9f\x94\x91", 4);
	text[2000] = 0;
	for (size_t i = 0; i < 400; i += 2)
		memcpy(subject + i, "\xc3\xa9", 2);
	subject[400] = 0;
	f->mail.text = text;
	f->mail.subject = subject;
	for (const char *line = written(f); *line;) {
		const char *end = strstr(line, "\r\n");
		assert_non_null(end);
		assert_in_range(end - line, 0, 76);
		assert_null(memchr(line, '\n', (size_t)(end - line)));
		for (const char *c = line; c < end; c++)
			assert_in_range(*c, 0x20, 0x7e);
		line = end + 2;
	}
}

static void
a_subject_beyond_ascii_is_encoded_and_never_cut_inside_a_character(void **state)
{
	struct fixture *f = *state;
	char subject[100] = {0};

	f->mail.subject = "Gr\xc3\xbc\xc3\x9f"
			  "e";
	assert_non_null(strstr(written(f), "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"));
	/* Something that looks encoded goes through as itself. */
	f->mail.subject = "=?UTF-8?Q?x?=";
	assert_non_null(strstr(written(f), "Subject: =?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?=\r\n"));
	for (size_t i = 0; i < 14; i++)
		memcpy(subject + 3 + i * 4, "\xf0\x9f\x94\x91", 4);
	memset(subject, 'x', 3);
	f->mail.subject = subject;
	/* 3 + 9 characters of 4 bytes are 39; with four in front the ninth has no room. */
	assert_non_null(strstr(written(f), "?=\r\n =?UTF-8?B?8J+UkfCflJHwn5SR8J+UkfCflJE=?=\r\n"));
	memmove(subject + 1, subject, 59);
	assert_non_null(
	    strstr(written(f), "?=\r\n =?UTF-8?B?8J+UkfCflJHwn5SR8J+UkfCflJHwn5SR?=\r\n"));
}

static const char *
body_of(struct fixture *f, const char *text)
{
	f->mail.text = text;
	return strstr(written(f), "\r\n\r\n") + 4;
}

static void
the_body_comes_through_as_it_was(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(body_of(f, ""), "");
	assert_string_equal(body_of(f, "one\ntwo\r\nthree"), "one\r\ntwo\r\nthree\r\n");
	assert_string_equal(body_of(f, "a=b"), "a=3Db\r\n");
	assert_string_equal(
	    body_of(f, "tail \nof\t\r\nspace "), "tail=20\r\nof=09\r\nspace=20\r\n");
	assert_string_equal(body_of(f, "\xc3\xa9\n"), "=C3=A9\r\n");
	assert_string_equal(body_of(f, "\n\n"), "\r\n\r\n");
	assert_string_equal(
	    body_of(f, "https://example.org/reset?token=ush_reset_0123456789abcdef0123456789abcdef"
		       "_0123\n"),
	    "https://example.org/reset?token=3Dush_reset_0123456789abcdef0123456789abcde=\r\n"
	    "f_0123\r\n");
	f->mail.text = "bare\rreturn";
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	f->mail.text = "bell\a";
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	f->mail.text = "\xc3";
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
	f->mail.text = "return at the end\r";
	assert_int_equal(mail_write(&f->mail, &f->out).code, ST_INVALID_ARGUMENT);
}

static void
a_mail_is_one_private_file_however_often_it_is_delivered(void **state)
{
	struct fixture *f = *state;
	char name[256], path[512], content[4096] = {0};
	struct stat info;

	for (int i = 0; i < 2; i++)
		assert_int_equal(mail_deliver_to_folder(&f->mail, f->folder).code, ST_OK);
	assert_int_equal(list_folder(f, name, false), 1);
	assert_string_equal(name, "1790000000000005-0198f3c0-5b7a-7d51-a2c4-e0f1a2b3c4d5.eml");
	snprintf(path, sizeof path, "%s/%s", f->folder, name);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, content, sizeof content - 1), info.st_size);
	close(fd);
	assert_string_equal(content, written(f));
}

static void
a_folder_that_is_not_there_is_said_and_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	char name[256], path[512];

	assert_int_equal(
	    mail_deliver_to_folder(&f->mail, "/nonexistent/usher").code, ST_UNAVAILABLE);
	/* A folder where the file should be: the rename fails, and the draft goes. */
	snprintf(path, sizeof path, "%s/1790000000000005-0198f3c0-5b7a-7d51-a2c4-e0f1a2b3c4d5.eml",
	    f->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mail_deliver_to_folder(&f->mail, f->folder).code, ST_UNAVAILABLE);
	assert_int_equal(list_folder(f, name, false), 1);
	assert_int_equal(rmdir(path), 0);
	f->mail.subject = "a\nb";
	assert_int_equal(mail_deliver_to_folder(&f->mail, f->folder).code, ST_INVALID_ARGUMENT);
	assert_int_equal(list_folder(f, name, false), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_message_has_the_headers_that_mail_needs),
	    TEST(no_header_can_be_injected),
	    TEST(what_is_too_long_is_refused),
	    TEST(lines_stay_within_the_limits_whatever_the_text),
	    TEST(a_subject_beyond_ascii_is_encoded_and_never_cut_inside_a_character),
	    TEST(the_body_comes_through_as_it_was),
	    TEST(a_mail_is_one_private_file_however_often_it_is_delivered),
	    TEST(a_folder_that_is_not_there_is_said_and_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
