/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim says about itself. */
#include "shim/info.h"

#include <errno.h>

#include "lib/fd.h"
#include "runtime.pb-c.h"

#define RUNTIME_NAME "io.containerd.kata-like.v2"

int info_print(struct err *err)
{
	KataLike__Runtime__RuntimeInfo info = KATA_LIKE__RUNTIME__RUNTIME_INFO__INIT;
	KataLike__Runtime__RuntimeVersion version = KATA_LIKE__RUNTIME__RUNTIME_VERSION__INIT;
	uint8_t packed[256];
	size_t len;
	int r;

	version.version = (char *)KATA_LIKE_VERSION;
	info.name = (char *)RUNTIME_NAME;
	info.version = &version;
	if (kata_like__runtime__runtime_info__get_packed_size(&info) > sizeof(packed))
		return err_say(err, EMSGSIZE, "the answer does not fit");
	len = kata_like__runtime__runtime_info__pack(&info, packed);
	r = fd_write_full(STDOUT_FILENO, packed, len);
	return r < 0 ? err_set(err, -r, "cannot write the answer") : 0;
}

void info_print_version(void)
{
	printf("containerd-shim-kata-like-v2 " KATA_LIKE_VERSION "\n");
}
