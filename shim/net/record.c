/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of what was changed: a line "netns PATH", then one "MODEL INDEX MAC NAME" a joint. A
 * name comes last since it may hold any character but a slash and white space.
 */
#include "shim/net/record.h"

#include <errno.h>
#include <fcntl.h>
#include <netlink/netlink.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "shim/net/netns.h"

#define RECORD_FILE  "network"
#define RECORD_BYTES 4096
#define MAC_FORMAT   "%02x:%02x:%02x:%02x:%02x:%02x"
#define MAC_SCAN     "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx"

static int remove_record(const char *path, struct err *err)
{
	return unlink(path) < 0 && errno != ENOENT ? err_set(err, errno, "cannot remove %s", path)
						   : 0;
}

int net_record_write(const struct state *state, const char *netns_path,
		     const struct joint *const *joints, size_t n, struct err *err)
{
	char path[PATHS_MAX], text[RECORD_BYTES];
	int len, r = state_file(state, RECORD_FILE, path, err);

	if (r < 0 || n == 0)
		return r < 0 ? r : remove_record(path, err);
	len = snprintf(text, sizeof(text), "netns %s\n", netns_path);
	for (size_t i = 0; i < n && len < RECORD_BYTES; i++) {
		const uint8_t *mac = joints[i]->mac;

		len += snprintf(text + len, sizeof(text) - (size_t)len, "%s %d " MAC_FORMAT " %s\n",
				joints[i]->model->name, joints[i]->index, mac[0], mac[1], mac[2],
				mac[3], mac[4], mac[5], joints[i]->name);
	}
	if (len >= RECORD_BYTES)
		return err_say(err, E2BIG, "too many interfaces");
	return file_write_atomic(path, text, (size_t)len, 0600, err);
}

static int undo_line(const struct net_place *place, const char *line, struct err *err)
{
	struct joint joint = { .n_fds = 0 };
	char model[16];
	uint8_t *mac = joint.mac;

	if (sscanf(line, "%15s %d " MAC_SCAN " %15s", model, &joint.index, &mac[0], &mac[1],
		   &mac[2], &mac[3], &mac[4], &mac[5], joint.name) != 9)
		return err_say(err, EINVAL, "\"%.80s\" is no record of an interface", line);
	joint.model = net_model_find(model);
	if (!joint.model)
		return err_say(err, EINVAL, "model %s is not known", model);
	return joint.model->part(place, &joint, err);
}

static int undo_lines(char *text, struct err *err)
{
	static const char netns_key[] = "netns ";
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	_cleanup_fd_ int netns_fd = -1;
	struct net_place place = { .netns_fd = -1 };
	int r;

	if (!line || strncmp(line, netns_key, strlen(netns_key)) != 0)
		return err_say(err, EINVAL, "it names no network namespace");
	r = netns_open(line + strlen(netns_key), &netns_fd, err);
	/* What was a namespace is a plain file once that is unmounted. */
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	place.netns_fd = netns_fd;
	if (r == 0)
		r = netns_rtnl(netns_fd, &place.sock, err);
	if (r < 0)
		return r;
	while (r == 0 && (line = strtok_r(NULL, "\n", &save)))
		r = undo_line(&place, line, err);
	nl_socket_free(place.sock);
	return r;
}

int net_record_undo(const struct state *state, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char path[PATHS_MAX];
	int r = state_file(state, RECORD_FILE, path, err);

	if (r < 0)
		return r;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = file_read(AT_FDCWD, path, RECORD_BYTES, &text, NULL, err);
	if (r == 0)
		r = undo_lines(text, err);
	return r < 0 ? err_push(err, "%s", path) : remove_record(path, err);
}
