/* SPDX-License-Identifier: Apache-2.0 */
#ifndef U0_LWIP_ARCH_CC_H
#define U0_LWIP_ARCH_CC_H

#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

void* u0_lwip_malloc(size_t bytes);
void* u0_lwip_calloc(size_t count, size_t bytes);
void u0_lwip_free(void* block);
uint16_t u0_lwip_checksum(const void* bytes, int size);
uint32_t u0_lwip_random(void);
void u0_lwip_failed(const char* text);

#ifdef __cplusplus
}
#endif

#define LWIP_RAND() u0_lwip_random()
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) u0_lwip_failed(x)

#endif
