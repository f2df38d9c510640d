/* words.h - the words of a command line that are no settings: a question, or a slip. */
#ifndef USHER_APP_WORDS_H
#define USHER_APP_WORDS_H

/* Answer --help and --version on standard output, and all else with a line on standard error that
 * says where help is. word is the first of them. Returns the exit code: 0, or 2 for a slip. */
int words_answer(const char *program, void (*print_help)(void), const char *word);

/* Why it does not start, on stderr; the reason, which docs/operations.md lists, may be NULL. */
void words_complain(const char *program, const char *reason, const char *message);

#endif
