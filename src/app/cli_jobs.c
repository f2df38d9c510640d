/* usher jobs: what runs by itself on a server, and running it now. */
#include "app/cli.h"

#include "gen/client/ops.h"
#include "gen/meta/ops.h"

#include <string.h>

static void
print_job(const Usher__V1__JobStatus *job)
{
	char at[TIME_TEXT_BYTES] = "never";

	if (job->last_run_at)
		time_format(
		    job->last_run_at->seconds * US_PER_S + job->last_run_at->nanos / 1000, at);
	printf("%-12s last run %-27s %9.1f ms  %lld runs, %lld errors, %lld done, "
	       "backlog %lld%s%s\n",
	    job->name, at, job->last_duration_ms, (long long)job->runs, (long long)job->errors,
	    (long long)job->done, (long long)job->backlog, *job->last_error ? ": " : "",
	    job->last_error);
}

static enum cli_exit
list(struct cli *cli, struct client *client, const struct client_options *options)
{
	Usher__V1__ListJobsRequest request = USHER__V1__LIST_JOBS_REQUEST__INIT;
	struct client_result result;
	enum cli_exit code = CLI_OK;
	status st = ops_list_jobs_rpc(client, options, &request, &result);

	if (st.code != ST_OK) {
		code = cli_fail_status(cli, st);
	} else if (cli->json) {
		code = cli_print_message(cli, &meta_usher_v1_list_jobs_reply, result.payload);
	} else {
		const Usher__V1__ListJobsReply *reply = ops_list_jobs_reply(&result);

		for (size_t i = 0; i < reply->n_jobs; i++) {
			print_job(reply->jobs[i]);
			printf("%-12s %s%s, every %g s\n", "", reply->jobs[i]->about,
			    reply->jobs[i]->of_cluster ? ", on one node at a time" : "",
			    reply->jobs[i]->period_ms / 1000.0);
		}
	}
	client_result_done(&result);
	return code;
}

static enum cli_exit
run_now(struct cli *cli, struct client *client, const struct client_options *options)
{
	Usher__V1__RunJobRequest request = USHER__V1__RUN_JOB_REQUEST__INIT;
	struct client_result result;
	enum cli_exit code = CLI_OK;
	status st;

	request.job = (char *)cli->words[1];
	st = ops_run_job_rpc(client, options, &request, &result);
	if (st.code != ST_OK) {
		code = cli_fail_status(cli, st);
	} else {
		const Usher__V1__RunJobReply *reply = ops_run_job_reply(&result);

		if (cli->json)
			code = cli_print_message(cli, &meta_usher_v1_run_job_reply, result.payload);
		else
			print_job(reply->job);
		if (*reply->job->last_error)
			code = CLI_FAILED;
	}
	client_result_done(&result);
	return code;
}

static enum cli_exit
run(struct cli *cli)
{
	const bool lists = strcmp(cli->words[0], "list") == 0;
	/* A run may take a minute; that there is no server is said sooner. */
	struct client_options options = {
	    .credential = slice_text(cli_credential(cli)), .connect_ms = DEADLINE_MS_DEFAULT};
	struct client *client;
	enum cli_exit code;
	status st;

	if (!lists && strcmp(cli->words[0], "run") != 0)
		return cli_fail(cli, CLI_USAGE, "what is \"%s\"? list, or run NAME", cli->words[0]);
	if (cli->words_count != (lists ? 1 : 2))
		return cli_fail(cli, CLI_USAGE,
		    lists ? "list takes no name" : "run wants the name of a job: usher jobs list");
	st = cli_connect(cli, &client);
	if (st.code != ST_OK)
		return cli_fail_status(cli, st);
	code = lists ? list(cli, client, &options) : run_now(cli, client, &options);
	client_free(&client);
	return code;
}

const struct cli_command cli_jobs = {
    .name = "jobs",
    .words = "list|run [NAME]",
    .summary = "show what runs by itself on a server, or run it now",
    .text =
	"list shows each job's last run, duration, backlog and errors on that server; run NAME "
	"runs\n"
	"one now and waits for its end. Exit code 1 when that run failed. A job of the cluster "
	"that\n"
	"another server is at passes. A backlog is counted up to 10,000 rows of a table. list\n"
	"wants an operator's token or the bridge's key, run an operator's token: --credential,\n"
	"USHER_CREDENTIAL, or the setting bridge.key.\n\n"
	"  usher jobs list\n"
	"  usher jobs list --json | jq -r '.jobs[] | select(.errors != \"0\") | .name'\n"
	"  USHER_CREDENTIAL=\"$TOKEN\" usher jobs run sweep",
    .words_min = 1,
    .words_max = 2,
    .options =
	{
	    {"--url", "URL", "where usherd listens; otherwise the setting bridge.upstream"},
	    {"--credential", "TEXT", "an operator's access token, or a key"},
	},
    .run = run,
};
