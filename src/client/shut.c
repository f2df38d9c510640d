#include "client/shut.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static bool
is_address(const nng_sockaddr *a, const union address *b)
{
	if (a->s_family == NNG_AF_INET)
		return b->any.sa_family == AF_INET && a->s_in.sa_port == b->in.sin_port &&
		       a->s_in.sa_addr == b->in.sin_addr.s_addr;
	return a->s_family == NNG_AF_INET6 && b->any.sa_family == AF_INET6 &&
	       a->s_in6.sa_port == b->in6.sin6_port &&
	       memcmp(a->s_in6.sa_addr, &b->in6.sin6_addr, sizeof(b->in6.sin6_addr)) == 0;
}

static bool
is_between(int fd, const nng_sockaddr *here, const nng_sockaddr *there)
{
	union address address;
	socklen_t bytes = sizeof(address);

	if (getpeername(fd, &address.any, &bytes) != 0 || !is_address(there, &address))
		return false;
	bytes = sizeof(address);
	return getsockname(fd, &address.any, &bytes) == 0 && is_address(here, &address);
}

/* What fd is may be closed, and the number be another file's, between two calls. A copy stays what
 * it is: it is looked at again. Without a descriptor for one the number itself must do. */
static bool
shut_if_between(int fd, const nng_sockaddr *here, const nng_sockaddr *there)
{
	if (!is_between(fd, here, there))
		return false;
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return (errno == EMFILE || errno == ENFILE) && shutdown(fd, SHUT_RDWR) == 0;
	const bool is_shut = is_between(copy, here, there) && shutdown(copy, SHUT_RDWR) == 0;
	(void)close(copy);
	return is_shut;
}

void
pipe_shut(nng_pipe pipe)
{
	nng_sockaddr here, there;
	bool is_shut = false;

	/* Without an address it has ended already, and nng is about to read that. */
	if (nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &here) != 0 ||
	    nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &there) != 0)
		return;
	if (there.s_family != NNG_AF_INET && there.s_family != NNG_AF_INET6) {
		(void)nng_pipe_close(pipe);
		return;
	}
	/* nng does not say which it is. Without a descriptor to list them with, all are tried. */
	DIR *own = opendir("/proc/self/fd");
	for (const struct dirent *entry; own && !is_shut && (entry = readdir(own));)
		is_shut = shut_if_between(atoi(entry->d_name), &here, &there);
	for (int fd = 0; !own && !is_shut && fd < sysconf(_SC_OPEN_MAX); fd++)
		is_shut = shut_if_between(fd, &here, &there);
	if (own)
		(void)closedir(own);
}
