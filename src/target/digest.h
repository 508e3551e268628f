/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC32C, the digest of iSCSI. Source: RFC 7143 sections 7.4 and 13.1, vectors in appendix A.4. */
#ifndef ISCSIFS_TARGET_DIGEST_H
#define ISCSIFS_TARGET_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/*
 * The CRC32C of what @crc covers followed by @len bytes at @data; @crc is 0 to begin with. On the
 * wire it stands with its least significant byte first.
 */
uint32_t digest_crc32c(uint32_t crc, const void *data, size_t len);

/* The same without the processor's instruction, for machines (and tests) that lack it. */
uint32_t digest_crc32c_table(uint32_t crc, const void *data, size_t len);

#endif
