#include "net/mail.h"

#include "base/clock.h"
#include "base/email.h"
#include "base/files.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_CHARS_MAX 76 /* RFC 2045, 6.7, without CRLF */
/* Of an encoded-word: 60 characters of base64, 72 with its frame. Behind "Subject: " 52 and 64. */
#define WORD_SOURCE_BYTES 45
#define WORD_FIRST_SOURCE_BYTES 39
#define MESSAGE_OVERHEAD_BYTES 4096u

static bool
char_is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

static bool
line_is_good(const char *line, size_t bytes_max)
{
	struct slice text = slice_text(line);

	if (text.bytes > bytes_max || !utf8_is_valid(text))
		return false;
	for (size_t i = 0; i < text.bytes; i++)
		if (char_is_control(text.data[i]))
			return false;
	return true;
}

static bool
body_is_good(const char *body)
{
	struct slice text = slice_text(body);

	if (text.bytes > MAIL_TEXT_BYTES_MAX || !utf8_is_valid(text))
		return false;
	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t c = text.data[i];
		bool crlf = c == '\r' && text.data[i + 1] == '\n';
		if (char_is_control(c) && c != '\n' && c != '\t' && !crlf)
			return false;
	}
	return true;
}

static status
check(const struct mail *mail)
{
	if (!email_is_bare(mail->from) || !email_is_bare(mail->to))
		return REFUSE(ST_INVALID_ARGUMENT, "the mail's sender or recipient is no address");
	if (!line_is_good(mail->subject, MAIL_SUBJECT_BYTES_MAX))
		return REFUSE(ST_INVALID_ARGUMENT,
		    "the mail's subject is not one line of UTF-8, or longer than 400 bytes");
	if (!body_is_good(mail->text))
		return REFUSE(ST_INVALID_ARGUMENT,
		    "the mail's text is not UTF-8, has control characters, or is over 64 KiB");
	return STATUS_OK;
}

static void
add_date(struct strbuf *out, int64_t time_us)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(time_us / US_PER_S);
	struct tm tm;

	/* Not strftime(), which speaks the locale's language. */
	gmtime_r(&seconds, &tm);
	strbuf_add_format(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
	    tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Plain ASCII that fits its line and can't be taken for an encoded-word goes as it is. */
static bool
subject_is_plain(struct slice subject)
{
	if (subject.bytes > LINE_CHARS_MAX - strlen("Subject: ") ||
	    (subject.bytes && (subject.data[0] == ' ' || subject.data[subject.bytes - 1] == ' ')))
		return false;
	for (size_t i = 0; i < subject.bytes; i++)
		if (subject.data[i] >= 0x80 ||
		    (subject.data[i] == '=' && i + 1 < subject.bytes && subject.data[i + 1] == '?'))
			return false;
	return true;
}

/* RFC 2047: words of at most 75 characters, one a line of at most 76, none of which ends inside a
 * character. */
static void
add_subject(struct strbuf *out, struct slice subject)
{
	strbuf_add_text(out, "Subject: ");
	if (subject_is_plain(subject)) {
		strbuf_add(out, subject.data, subject.bytes);
		strbuf_add_text(out, "\r\n");
		return;
	}
	for (size_t at = 0; at < subject.bytes;) {
		char word[BASE64_TEXT_BYTES(WORD_SOURCE_BYTES)];
		const size_t most = at ? WORD_SOURCE_BYTES : WORD_FIRST_SOURCE_BYTES;
		size_t bytes = subject.bytes - at;
		if (bytes > most)
			for (bytes = most; (subject.data[at + bytes] & 0xc0) == 0x80;)
				bytes--;
		base64_encode(slice_of(subject.data + at, bytes), BASE64_STANDARD, word);
		strbuf_add_format(out, "%s=?UTF-8?B?%s?=\r\n", at ? " " : "", word);
		at += bytes;
	}
}

/* Where a line of quoted-printable has no room left, it goes on after a soft break. */
static void
add_quoted(struct strbuf *out, size_t *column, const char *text, size_t bytes)
{
	if (*column + bytes > LINE_CHARS_MAX - 1) {
		strbuf_add_text(out, "=\r\n");
		*column = 0;
	}
	strbuf_add(out, text, bytes);
	*column += bytes;
}

/* RFC 2045, 6.7. Spaces at a line's end would be lost on the way, so they are quoted. */
static void
add_body(struct strbuf *out, struct slice text)
{
	size_t column = 0;

	for (size_t i = 0; i < text.bytes; i++) {
		uint8_t c = text.data[i];
		uint8_t next = i + 1 < text.bytes ? text.data[i + 1] : '\n';
		bool ends_line = next == '\n' || next == '\r';
		char quoted[4];
		if (c == '\r')
			continue;
		if (c == '\n') {
			strbuf_add_text(out, "\r\n");
			column = 0;
		} else if (c == '=' || c >= 0x7f || ((c == ' ' || c == '\t') && ends_line)) {
			snprintf(quoted, sizeof quoted, "=%02X", c);
			add_quoted(out, &column, quoted, 3);
		} else {
			add_quoted(out, &column, (const char *)&c, 1);
		}
	}
	if (column)
		strbuf_add_text(out, "\r\n");
}

status
mail_write(const struct mail *mail, struct strbuf *out)
{
	char id[UUID_TEXT_BYTES];

	TRY(check(mail));
	uuid_format(&mail->id, id);
	strbuf_add_format(out, "From: <%s>\r\nTo: <%s>\r\n", mail->from, mail->to);
	add_subject(out, slice_text(mail->subject));
	add_date(out, mail->created_at_us);
	strbuf_add_format(out, "Message-ID: <%s%s>\r\n", id, strchr(mail->from, '@'));
	strbuf_add_text(out, "Auto-Submitted: auto-generated\r\n"
			     "MIME-Version: 1.0\r\n"
			     "Content-Type: text/plain; charset=utf-8\r\n"
			     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	add_body(out, slice_text(mail->text));
	return strbuf_status(out);
}

/* A descriptor that closes itself. */
static void
close_at_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define SCOPED_FD __attribute__((cleanup(close_at_end))) int

#define FOLDER_FAILED                                                                              \
	REFUSE_FOR(ST_UNAVAILABLE, "MAIL_FOLDER", "mail can't be written to its folder")

/* Under another name first, so that nobody ever reads half a mail. */
static status
write_file(int folder, const char *name, struct slice data)
{
	char draft[96];

	snprintf(draft, sizeof draft, ".%s.%d.tmp", name, (int)gettid());
	{
		SCOPED_FD fd = openat(
		    folder, draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return FOLDER_FAILED;
		if (!files_write_all(fd, data)) {
			unlinkat(folder, draft, 0);
			return FOLDER_FAILED;
		}
	}
	if (renameat(folder, draft, folder, name) != 0) {
		unlinkat(folder, draft, 0);
		return FOLDER_FAILED;
	}
	return fsync(folder) == 0 ? STATUS_OK : FOLDER_FAILED;
}

static void
strbuf_done_at_end(struct strbuf *buf)
{
	strbuf_done(buf);
}

status
mail_deliver_to_folder(const struct mail *mail, const char *directory)
{
	__attribute__((cleanup(strbuf_done_at_end))) struct strbuf message;
	char id[UUID_TEXT_BYTES], name[80];

	/* Quoting makes three bytes of one at the most, and breaks lines. */
	strbuf_init(&message, MAIL_TEXT_BYTES_MAX * 4 + MESSAGE_OVERHEAD_BYTES);
	TRY(mail_write(mail, &message));
	uuid_format(&mail->id, id);
	snprintf(name, sizeof name, "%" PRId64 "-%s.eml", mail->created_at_us, id);

	SCOPED_FD folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return FOLDER_FAILED;
	return write_file(folder, name, slice_of(message.data, message.bytes));
}
