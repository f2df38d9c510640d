/* usher completion: a script for bash, made from the commands' own rows. */
#include "app/cli.h"

static void
print_words(const struct cli_command *command)
{
	for (const struct cli_option *option = command->options; option->name; option++)
		printf(" %s", option->name);
	printf(" --json%s --help", command->without_settings ? "" : " --config");
}

static enum cli_exit
run(struct cli *cli)
{
	(void)cli;
	printf("# usher's completion for bash:  source <(usher completion)\n"
	       "_usher() {\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} words\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "\t\twords=\"");
	for (size_t i = 0; cli_command_at(i); i++)
		printf("%s%s", i ? " " : "", cli_command_at(i)->name);
	printf("\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; cli_command_at(i); i++) {
		printf("\t\t%s) words=\"", cli_command_at(i)->name);
		print_words(cli_command_at(i));
		printf("\" ;;\n");
	}
	printf("\t\tesac\n"
	       "\t\tif [ \"${COMP_WORDS[1]}\" = call ] && [[ $word != -* ]]; then\n"
	       "\t\t\twords=$(usher call --list --timeout-ms 500 2>/dev/null)\n"
	       "\t\tfi\n"
	       "\tfi\n"
	       "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
	       "}\n"
	       "complete -F _usher usher\n");
	return CLI_OK;
}

const struct cli_command cli_completion = {
    .name = "completion",
    .words = "",
    .summary = "print completion for bash",
    .text = "  source <(usher completion)\n"
	    "  usher completion | sudo tee /etc/bash_completion.d/usher",
    .without_settings = true,
    .run = run,
};
