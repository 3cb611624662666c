/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of what net-load.h moves: bytes with a pattern, so that a lost or a wrong one shows.
 */
#ifndef KATA_LIKE_TESTS_KVM_NET_LOAD_PATTERN_H
#define KATA_LIKE_TESTS_KVM_NET_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The byte at a place in a stream. */
void net_load_fill(uint8_t *bytes, size_t n, uint64_t at);
bool net_load_check(const uint8_t *bytes, size_t n, uint64_t at);

/* Each moves so many bytes over a connected TCP socket. False: they broke off or were wrong. */
bool net_load_take(int fd, uint64_t bytes, uint32_t at_once);
bool net_load_give(int fd, uint64_t bytes, uint32_t at_once);
bool net_load_echo(int fd, uint64_t bytes, uint32_t at_once);

#endif
