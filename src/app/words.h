/* words.h - the words of a command line that are no settings: a question, or a slip. */
#ifndef USHER_APP_WORDS_H
#define USHER_APP_WORDS_H

#include <stdbool.h>

/* Answer --help and --version on standard output, wherever they stand: before any settings are
 * read, for those may be what is wrong. false: neither is asked for. */
bool words_answer(const char *program, void (*print_help)(void), char **argv);
/* Does name stand among them, before "--"? */
bool words_have(char **argv, const char *name);
/* Say on stderr that word is no setting, and where help is. Returns the exit code. */
int words_refuse(const char *program, const char *word);
/* In the log: variables that are called almost as a setting is. */
void words_warn_of_slips(void);
/* Why it does not start, on stderr; the reason, which docs/operations.md lists, may be NULL. */
void words_complain(const char *program, const char *reason, const char *message);

#endif
