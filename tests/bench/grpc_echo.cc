/* The other peer: gRPC's C++ server, callback API, unary, without any message to parse or pack (raw
 * bytes), which answers each request with as many bytes as Resolve does.
 *
 *     grpc_echo ADDRESS:PORT REPLY_BYTES */
#include "echo.grpc.pb.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>
#include <vector>

namespace
{

size_t reply_bytes;

class Service final
    : public usher::bench::Echo::WithRawCallbackMethod_Call<usher::bench::Echo::Service>
{
	grpc::ServerUnaryReactor *
	Call(grpc::CallbackServerContext *context, const grpc::ByteBuffer *request,
	    grpc::ByteBuffer *reply) override
	{
		grpc::Slice in;
		grpc::ServerUnaryReactor *reactor = context->DefaultReactor();

		if (!request->DumpToSingleSlice(&in).ok()) {
			reactor->Finish(grpc::Status(grpc::StatusCode::INTERNAL, "no slice"));
			return reactor;
		}
		/* The request's bytes come first, so that it is an echo. */
		grpc_slice out = grpc_slice_malloc(reply_bytes);
		const size_t copied = in.size() < reply_bytes ? in.size() : reply_bytes;
		memcpy(GRPC_SLICE_START_PTR(out), in.begin(), copied);
		memset(GRPC_SLICE_START_PTR(out) + copied, 'e', reply_bytes - copied);
		grpc::Slice slice(out, grpc::Slice::STEAL_REF);
		grpc::ByteBuffer buffer(&slice, 1);
		reply->Swap(&buffer);
		reactor->Finish(grpc::Status::OK);
		return reactor;
	}
};

} // namespace

int
main(int argc, char **argv)
{
	Service service;
	sigset_t end;
	int signal_number;

	if (argc != 3 || (reply_bytes = strtoul(argv[2], nullptr, 10)) == 0) {
		(void)fprintf(stderr, "usage: grpc_echo ADDRESS:PORT REPLY_BYTES\n");
		return 2;
	}
	(void)sigemptyset(&end);
	(void)sigaddset(&end, SIGTERM);
	(void)sigaddset(&end, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &end, nullptr);

	grpc::ServerBuilder builder;
	int port = 0;
	builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials(), &port);
	builder.RegisterService(&service);
	std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
	if (!server || port == 0) {
		(void)fprintf(stderr, "grpc_echo: can't listen on %s\n", argv[1]);
		return 2;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	(void)sigwait(&end, &signal_number);
	server->Shutdown();
	return 0;
}
