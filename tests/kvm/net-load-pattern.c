/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes with a pattern. */
#include "tests/kvm/net-load-pattern.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The pattern's period: prime, so that no buffer's length divides it. */
#define PERIOD	    251u
#define AT_ONCE_MAX (1u << 18)

static uint8_t pattern[AT_ONCE_MAX + PERIOD], buffer[AT_ONCE_MAX];

static void make_pattern(void)
{
	static bool made;

	for (size_t i = 0; !made && i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % PERIOD * 37 % PERIOD);
	made = true;
}

void net_load_fill(uint8_t *bytes, size_t n, uint64_t at)
{
	make_pattern();
	memcpy(bytes, pattern + at % PERIOD, n);
}

bool net_load_check(const uint8_t *bytes, size_t n, uint64_t at)
{
	make_pattern();
	return memcmp(bytes, pattern + at % PERIOD, n) == 0;
}

bool net_load_take(int fd, uint64_t bytes, uint32_t at_once)
{
	if (at_once == 0 || at_once > AT_ONCE_MAX)
		return false;
	for (uint64_t done = 0; done < bytes;) {
		ssize_t n = recv(fd, buffer, at_once, 0);

		if (n <= 0 || !net_load_check(buffer, (size_t)n, done))
			return false;
		done += (uint64_t)n;
	}
	return true;
}

bool net_load_give(int fd, uint64_t bytes, uint32_t at_once)
{
	if (at_once == 0 || at_once > AT_ONCE_MAX)
		return false;
	make_pattern();
	for (uint64_t done = 0; done < bytes;) {
		size_t want = bytes - done < at_once ? (size_t)(bytes - done) : at_once;
		ssize_t n = send(fd, pattern + done % PERIOD, want, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		done += (uint64_t)n;
	}
	return true;
}

bool net_load_echo(int fd, uint64_t bytes, uint32_t at_once)
{
	if (at_once == 0 || at_once > AT_ONCE_MAX)
		return false;
	for (uint64_t done = 0; done < bytes; done += at_once) {
		if (recv(fd, buffer, at_once, MSG_WAITALL) != (ssize_t)at_once ||
		    send(fd, buffer, at_once, MSG_NOSIGNAL) != (ssize_t)at_once)
			return false;
	}
	return true;
}
