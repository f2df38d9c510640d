#include "bridge/openapi.h"

/* The assembler takes the file in as it is. */
__asm__(".section .rodata\n"
	"openapi_begin:\n"
	".incbin \"" OPENAPI_FILE "\"\n"
	"openapi_end:\n"
	".byte 0\n"
	".previous\n");

extern const uint8_t openapi_begin[], openapi_end[];

struct slice
openapi_text(void)
{
	return slice_of(openapi_begin, (size_t)(openapi_end - openapi_begin));
}
