/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what a vhost-user backend says. Input: a byte of flags, then all of its bytes. Bit 0 of
 * the flags: a descriptor comes with them; bit 1: they come in pieces of 5. Behind them the socket
 * ends.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/fuzz/input.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/vhost-user.h"

#define PIECE_BYTES 5u
#define TIMEOUT_MS  100u
#define MEMORY_SIZE 0x10000u

/* More than the longest dialogue; in pieces it still fits the socket, which nobody reads meanwhile.
 */
#define BYTES_MAX 1024u

static void say(int fd, struct fuzz_input *input, uint8_t flags)
{
	size_t piece = flags & 2 ? PIECE_BYTES : BYTES_MAX;
	size_t n_fds = flags & 1;

	while (input->left > 0) {
		size_t len = MIN(piece, input->left);

		FUZZ_CHECK(fd_send(fd, input->bytes, len, &fd, n_fds) == 0);
		input->bytes += len;
		input->left -= len;
		n_fds = 0;
	}
	FUZZ_CHECK(shutdown(fd, SHUT_WR) == 0);
}

static void use(struct vhost_user *backend, const struct guestmem *mem, int any_fd)
{
	const struct vhost_user_queue queues[] = {
		{ 0, 128, 0x1000, 0x2000, 0x3000, any_fd, any_fd },
		{ 1, 128, 0x4000, 0x5000, 0x6000, any_fd, any_fd },
	};

	for (unsigned round = 0; round < 2; round++) {
		int r = vhost_user_start(backend, mem, VIRTIO_F_VERSION_1, queues, 2);

		FUZZ_CHECK((r == VHOST_USER_E_BROKEN) == (backend->broken != NULL));
		r = vhost_user_stop(backend, queues, 2);
		FUZZ_CHECK((r == VHOST_USER_E_BROKEN) == (backend->broken != NULL));
	}
	/* The end of the socket, or what came too much. */
	FUZZ_CHECK(!vhost_user_is_alive(backend));
	vhost_user_fini(backend);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, MIN(size, (size_t)BYTES_MAX) };
	uint8_t flags = fuzz_take8(&input);
	struct vhost_user backend;
	struct err err = ERR_INIT;
	struct guestmem mem;
	int pair[2], r;

	FUZZ_CHECK(guestmem_init_shared(&mem, MEMORY_SIZE, MEMORY_SIZE, MEMORY_SIZE, &err) == 0);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	say(pair[1], &input, flags);
	r = vhost_user_init(&backend, pair[0], TIMEOUT_MS, &err);
	if (r == 0) {
		FUZZ_CHECK(backend.features & VIRTIO_F_VERSION_1);
		use(&backend, &mem, pair[1]);
	} else {
		FUZZ_CHECK(backend.fd < 0 && err.code == r);
	}
	close(pair[1]);
	guestmem_fini(&mem);
	return 0;
}
