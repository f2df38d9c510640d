#include "app/words.h"

#include "base/config.h"
#include "base/log.h"
#include "base/version.h"

#include <stdio.h>
#include <string.h>

bool
words_have(char **argv, const char *name)
{
	for (; *argv && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, name) == 0)
			return true;
	return false;
}

bool
words_answer(const char *program, void (*print_help)(void), char **argv)
{
	if (words_have(argv, "--help") || words_have(argv, "-h"))
		print_help();
	else if (words_have(argv, "--version"))
		printf("%s %s\n", program, USHER_VERSION);
	else
		return false;
	return true;
}

int
words_refuse(const char *program, const char *word)
{
	fprintf(stderr, "%s: what is \"%s\"? See %s --help\n", program, word, program);
	return 2;
}

void
words_warn_of_slips(void)
{
	struct config_slip slip = {0};

	while (config_slip_next(&slip))
		log_event(
		    LOG_WARN, "no_setting", "variable", slip.name, "nearest", slip.nearest, NULL);
}

void
words_complain(const char *program, const char *reason, const char *message)
{
	fprintf(stderr, "%s: %s%s%s\n", program, reason ? reason : "", reason ? ": " : "", message);
}
