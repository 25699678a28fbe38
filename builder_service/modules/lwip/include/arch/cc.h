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

/* One instruction instead of a call. */
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS 1
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_ntohs(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)
#define lwip_ntohl(x) __builtin_bswap32(x)

/* Copies of a known size, such as an address, in place. */
#define MEMCPY(to, from, size) __builtin_memcpy(to, from, size)
#define SMEMCPY(to, from, size) __builtin_memcpy(to, from, size)
#define MEMMOVE(to, from, size) __builtin_memmove(to, from, size)

#define LWIP_RAND() u0_lwip_random()
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) u0_lwip_failed(x)

#endif
