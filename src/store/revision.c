#include "store/store.h"

#include <endian.h>

uint64_t
revision_epoch(uint64_t system_identifier, uint32_t timeline)
{
	/* splitmix64's finish: the same on every node, and never 0, which stands for none. */
	uint64_t x = system_identifier + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)timeline + 1);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x ? x : 1;
}

void
revision_pack(const struct revision *revision, uint8_t out[REVISION_BYTES])
{
	uint64_t epoch = htobe64(revision->epoch), xid = htobe64(revision->xid);

	memcpy(out, &epoch, sizeof(epoch));
	memcpy(out + sizeof(epoch), &xid, sizeof(xid));
}

bool
revision_unpack(struct slice bytes, struct revision *out)
{
	uint64_t epoch, xid;

	if (bytes.bytes != REVISION_BYTES)
		return false;
	memcpy(&epoch, bytes.data, sizeof(epoch));
	memcpy(&xid, bytes.data + sizeof(epoch), sizeof(xid));
	if (epoch == 0 || xid == 0)
		return false;
	*out = (struct revision){.epoch = be64toh(epoch), .xid = be64toh(xid)};
	return true;
}
