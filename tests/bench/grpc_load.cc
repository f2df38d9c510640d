/* Closed loop over gRPC: some connections, some unary calls under way on each, through completion
 * queues with a thread each. Raw bytes, so that nothing is packed or parsed. */
#include "load.h"

#include <cstdio>
#include <cstdlib>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>
#include <memory>
#include <optional>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{

const std::string method = "/usher.bench.Echo/Call";

struct Caller {
	grpc::GenericStub *stub;
	grpc::CompletionQueue *queue;
	struct load_slot *slot;
	std::optional<grpc::ClientContext> context;
	std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
	grpc::ByteBuffer reply;
	grpc::Status status;

	void
	send()
	{
		const struct load_request *request = load_slot_next(slot);

		if (!request)
			return;
		grpc::Slice slice(request->data, request->bytes);
		context.emplace();
		reader = stub->PrepareUnaryCall(
		    &*context, method, grpc::ByteBuffer(&slice, 1), queue);
		reader->StartCall();
		reader->Finish(&reply, &status, this);
	}

	void
	answered()
	{
		grpc::Slice slice;

		if (!status.ok() || !reply.DumpToSingleSlice(&slice).ok()) {
			(void)fprintf(stderr, "grpc_load: %s\n", status.error_message().c_str());
			_exit(2);
		}
		load_slot_answered(slot, slice.begin(), slice.size());
		send();
	}
};

void
queue_serve(grpc::CompletionQueue *queue)
{
	void *tag = nullptr;
	bool ok = false;

	while (queue->Next(&tag, &ok))
		static_cast<Caller *>(tag)->answered();
}

} // namespace

int
main(int argc, char **argv)
{
	struct load_options options;

	load_options_read(argc, argv, &options);
	load_begin(&options);

	std::vector<std::unique_ptr<grpc::CompletionQueue>> queues;
	std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
	std::vector<std::unique_ptr<Caller>> callers;
	for (unsigned i = 0; i < options.threads; i++)
		queues.push_back(std::make_unique<grpc::CompletionQueue>());
	for (unsigned i = 0; i < options.connections; i++) {
		grpc::ChannelArguments arguments;
		/* A connection of its own for each. */
		arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
		stubs.push_back(std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
		    options.target, grpc::InsecureChannelCredentials(), arguments)));
		for (unsigned k = 0; k < options.calls; k++) {
			callers.push_back(std::make_unique<Caller>());
			callers.back()->stub = stubs.back().get();
			callers.back()->queue = queues[i % queues.size()].get();
			callers.back()->slot = load_slot_at((unsigned)callers.size() - 1);
		}
	}
	for (auto &caller : callers)
		caller->send();
	for (auto &queue : queues)
		std::thread(queue_serve, queue.get()).detach();
	const int code = load_finish();
	/* gRPC's threads are still about: nothing is to be torn down under them. */
	_exit(code);
}
