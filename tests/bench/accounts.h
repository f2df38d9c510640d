/* accounts.h - the logins and organisations that bench_seed makes and others use. */
#ifndef TESTS_BENCH_ACCOUNTS_H
#define TESTS_BENCH_ACCOUNTS_H

#define ACCOUNTS 256
#define ACCOUNT_EMAIL "login-%u@example.org"
#define ACCOUNT_PASSWORD "a slow cloud over the harbour"
#define HOSTILE_EMAIL "hostile@example.org"
#define HOSTILE_SLUG "bench-hostile"

#endif
