/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to a seccomp listener. */
#include "agent/container/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"

int listener_connect(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_say(err, ENAMETOOLONG, "listenerPath is longer than a socket's may be");
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "cannot connect to listenerPath %s in the guest", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

char *listener_message(const struct oci_spec *spec, const struct oci_state *state, pid_t pid)
{
	const char *metadata = spec->linux_.seccomp->listener_metadata;
	struct json_object *message = json_object_new_object();
	struct json_object *names = json_object_new_array();
	const char *text;
	char *copy;

	json_object_array_add(names, json_object_new_string("seccompFd"));
	json_object_object_add(message, "ociVersion", json_object_new_string(spec->version));
	json_object_object_add(message, "fds", names);
	json_object_object_add(message, "pid", json_object_new_int(pid));
	if (metadata)
		json_object_object_add(message, "metadata", json_object_new_string(metadata));
	json_object_object_add(message, "state", oci_state_describe(spec, state));
	text = json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN);
	copy = text ? strdup(text) : NULL;
	json_object_put(message);
	return copy;
}
