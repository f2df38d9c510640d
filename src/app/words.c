#include "app/words.h"

#include "base/version.h"

#include <stdio.h>
#include <string.h>

int
words_answer(const char *program, void (*print_help)(void), const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_help();
		return 0;
	}
	if (strcmp(word, "--version") == 0) {
		printf("%s %s\n", program, USHER_VERSION);
		return 0;
	}
	fprintf(stderr, "%s: what is \"%s\"? See %s --help\n", program, word, program);
	return 2;
}

void
words_complain(const char *program, const char *reason, const char *message)
{
	fprintf(stderr, "%s: %s%s%s\n", program, reason ? reason : "", reason ? ": " : "", message);
}
