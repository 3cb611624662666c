/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controlling process for tests: starts a VMM with a control socket, and then does what it reads
 *on stdin, a word a line:
 *
 *	usage: vmm-client PROGRAM [ARGUMENT]…	(with --control fd:3 --descriptors fd:4 added)
 *
 *	pause, resume, stop	the calls of proto/vmm.proto; prints "ok WORD" or "failed WORD: why"
 *	state			prints "state paused=0|1 cpus=N memory=BYTES exits=N"
 *	add-disk FILE SERIAL	hands FILE over and adds it; prints "ok add-disk ADDRESS"
 *	add-fs TAG		hands descriptor 9 over (see with-fs) and adds the file system
 *	add-net TAP QUEUES MTU	opens the tap's queues, hands them over and adds the interface
 *	net-stats		a line for each interface, then "ok net-stats"
 *	set-link ADDRESS 0|1
 *	add-disk-unsent SERIAL	names a token that was never sent
 *	remove ADDRESS, force-remove ADDRESS
 *	save FILE		makes FILE a template of the VM
 *	fds			prints "fds N", the VMM's open descriptors
 *	close			closes the control socket
 *	wait			waits for the VMM to end and prints "exit N" or "signal N"
 *	pid			prints the VMM's process id
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/fd.h"
#include "lib/loop.h"
#include "proto/descriptor-lane.h"
#include "proto/ttrpc/client.h"
#include "vmm.pb-c.h"

#define SERVICE	   "kata_like.vmm.v1.Vmm"
#define CONTROL_FD 3
#define LANE_FD	   4
#define FS_FD	   9
#define TIMEOUT_MS 20000
#define QUEUES_MAX 8

struct session {
	struct loop *loop;
	struct ttrpc_client *client;
	int lane_fd;
	uint64_t token; /* the last one used */
	pid_t pid;
};

static pid_t start(int control_fd, int lane_fd, char *const argv[], int n)
{
	char **arguments = calloc((size_t)n + 5, sizeof(char *));
	pid_t pid;

	if (!arguments)
		return -1;
	for (int i = 0; i < n; i++)
		arguments[i] = argv[i];
	arguments[n] = "--control";
	arguments[n + 1] = "fd:3";
	arguments[n + 2] = "--descriptors";
	arguments[n + 3] = "fd:4";
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		/* The commands on our stdin are not the guest's. */
		if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(control_fd, CONTROL_FD) < 0 ||
		    dup2(lane_fd, LANE_FD) < 0)
			_exit(126);
		execv(arguments[0], arguments);
		_exit(127);
	}
	free(arguments);
	return pid;
}

static void call(struct session *session, const char *word, const char *method)
{
	struct ttrpc_target target = { SERVICE, method, &kata_like__empty__descriptor };
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;
	struct err err = ERR_INIT;

	if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, NULL,
				   &err) < 0)
		printf("failed %s: %s\n", word, err_text(&err));
	else
		printf("ok %s\n", word);
}

static void print_state(struct session *session)
{
	struct ttrpc_target target = { SERVICE, "State",
				       &kata_like__vmm__v1__state_response__descriptor };
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;
	const KataLike__Vmm__V1__StateResponse *state;
	ProtobufCMessage *response = NULL;
	struct err err = ERR_INIT;
	uint64_t exits = 0;

	if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, &response,
				   &err) < 0) {
		printf("failed state: %s\n", err_text(&err));
		return;
	}
	state = (const KataLike__Vmm__V1__StateResponse *)response;
	for (size_t i = 0; i < state->n_exits; i++)
		exits += state->exits[i]->count;
	printf("state paused=%d cpus=%u memory=%" PRIu64 " exits=%" PRIu64 "\n", state->paused,
	       state->cpus, state->memory_bytes, exits);
	protobuf_c_message_free_unpacked(response, NULL);
}

/* Calls AddDisk or AddFs. The descriptor is sent before, unless it is -1. */
static void add(struct session *session, const char *word, int fd, const char *name)
{
	struct ttrpc_target target = { SERVICE, "AddDisk",
				       &kata_like__vmm__v1__add_device_response__descriptor };
	KataLike__Vmm__V1__AddDiskRequest disk = KATA_LIKE__VMM__V1__ADD_DISK_REQUEST__INIT;
	KataLike__Vmm__V1__AddFsRequest fs = KATA_LIKE__VMM__V1__ADD_FS_REQUEST__INIT;
	struct descriptor_lane_message message = { .token = ++session->token };
	const ProtobufCMessage *request = &disk.base;
	ProtobufCMessage *response = NULL;
	struct err err = ERR_INIT;

	if (fd >= 0 && fd_send(session->lane_fd, &message, sizeof(message), &fd, 1) < 0)
		printf("failed %s: the descriptor cannot be sent\n", word);
	disk.token = fs.token = message.token;
	disk.serial = fs.tag = (char *)name;
	if (strcmp(word, "add-fs") == 0) {
		target.method = "AddFs";
		request = &fs.base;
	}
	if (ttrpc_client_call_wait(session->client, &target, request, TIMEOUT_MS, &response, &err) <
	    0) {
		printf("failed %s: %s\n", word, err_text(&err));
		return;
	}
	printf("ok %s %s\n", word,
	       ((const KataLike__Vmm__V1__AddDeviceResponse *)response)->address);
	protobuf_c_message_free_unpacked(response, NULL);
}

static void add_disk(struct session *session, const char *file, const char *serial)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		printf("failed add-disk: cannot open %s: %s\n", file, strerror(errno));
	else
		add(session, "add-disk", fd, serial);
	if (fd >= 0)
		close(fd);
}

/* A queue of a tap that is there; -1 with errno set. */
static int open_tap(const char *name, bool several)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (several)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	/* What is no tap stays a descriptor of nothing, which the VMM is to refuse. */
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr) < 0)
		(void)fprintf(stderr, "vmm-client: %s: %s\n", name, strerror(errno));
	return fd;
}

static bool send_queue(struct session *session, const char *name, bool several, uint64_t *ret_token)
{
	struct descriptor_lane_message message = { .token = ++session->token };
	int fd = open_tap(name, several);
	bool good = fd >= 0 && fd_send(session->lane_fd, &message, sizeof(message), &fd, 1) == 0;

	*ret_token = message.token;
	if (fd >= 0)
		close(fd);
	return good;
}

static void add_net(struct session *session, const char *name, const char *rest)
{
	struct ttrpc_target target = { SERVICE, "AddNet",
				       &kata_like__vmm__v1__add_device_response__descriptor };
	KataLike__Vmm__V1__AddNetRequest request = KATA_LIKE__VMM__V1__ADD_NET_REQUEST__INIT;
	uint64_t tokens[QUEUES_MAX];
	unsigned queues = 0, mtu = 0;
	ProtobufCMessage *response = NULL;
	struct err err = ERR_INIT;

	if (sscanf(rest, "%u %u", &queues, &mtu) != 2 || queues > QUEUES_MAX) {
		printf("failed add-net: add-net TAP QUEUES MTU\n");
		return;
	}
	for (unsigned i = 0; i < queues; i++)
		if (!send_queue(session, name, queues > 1, &tokens[i]))
			printf("failed add-net: the descriptor cannot be sent\n");
	request.tokens = tokens;
	request.n_tokens = queues;
	request.mtu = mtu;
	if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, &response,
				   &err) < 0) {
		printf("failed add-net: %s\n", err_text(&err));
		return;
	}
	printf("ok add-net %s\n",
	       ((const KataLike__Vmm__V1__AddDeviceResponse *)response)->address);
	protobuf_c_message_free_unpacked(response, NULL);
}

static void print_net(const KataLike__Vmm__V1__NetDevice *device)
{
	printf("net %s mac=", device->address);
	for (size_t i = 0; i < device->mac.len; i++)
		printf("%s%02x", i ? ":" : "", device->mac.data[i]);
	printf(" link=%d rx=%" PRIu64 "/%" PRIu64 "/%" PRIu64 " tx=%" PRIu64 "/%" PRIu64
	       " tx_dropped=%" PRIu64 "\n",
	       device->link_up, device->rx_packets, device->rx_bytes, device->rx_dropped,
	       device->tx_packets, device->tx_bytes, device->tx_dropped);
}

static void print_net_stats(struct session *session)
{
	struct ttrpc_target target = { SERVICE, "NetStats",
				       &kata_like__vmm__v1__net_stats_response__descriptor };
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;
	const KataLike__Vmm__V1__NetStatsResponse *stats;
	ProtobufCMessage *response = NULL;
	struct err err = ERR_INIT;

	if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, &response,
				   &err) < 0) {
		printf("failed net-stats: %s\n", err_text(&err));
		return;
	}
	stats = (const KataLike__Vmm__V1__NetStatsResponse *)response;
	for (size_t i = 0; i < stats->n_devices; i++)
		print_net(stats->devices[i]);
	printf("ok net-stats\n");
	protobuf_c_message_free_unpacked(response, NULL);
}

static void set_link(struct session *session, const char *address, bool up)
{
	struct ttrpc_target target = { SERVICE, "SetNetLink", &kata_like__empty__descriptor };
	KataLike__Vmm__V1__SetNetLinkRequest request =
		KATA_LIKE__VMM__V1__SET_NET_LINK_REQUEST__INIT;
	struct err err = ERR_INIT;

	request.address = (char *)address;
	request.up = up;
	if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, NULL,
				   &err) < 0)
		printf("failed set-link: %s\n", err_text(&err));
	else
		printf("ok set-link\n");
}

static void remove_device(struct session *session, const char *address, bool force)
{
	struct ttrpc_target target = { SERVICE, "RemoveDevice", &kata_like__empty__descriptor };
	KataLike__Vmm__V1__RemoveDeviceRequest request =
		KATA_LIKE__VMM__V1__REMOVE_DEVICE_REQUEST__INIT;
	struct err err = ERR_INIT;

	request.address = (char *)address;
	request.force = force;
	if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, NULL,
				   &err) < 0)
		printf("failed remove: %s\n", err_text(&err));
	else
		printf("ok remove\n");
}

static void save_template(struct session *session, const char *file)
{
	struct ttrpc_target target = { SERVICE, "SaveTemplate", &kata_like__empty__descriptor };
	KataLike__Vmm__V1__SaveTemplateRequest request =
		KATA_LIKE__VMM__V1__SAVE_TEMPLATE_REQUEST__INIT;
	struct descriptor_lane_message message = { .token = ++session->token };
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct err err = ERR_INIT;

	request.token = message.token;
	if (fd < 0 || fd_send(session->lane_fd, &message, sizeof(message), &fd, 1) < 0)
		printf("failed save: %s cannot be handed over\n", file);
	else if (ttrpc_client_call_wait(session->client, &target, &request.base, TIMEOUT_MS, NULL,
					&err) < 0)
		printf("failed save: %s\n", err_text(&err));
	else
		printf("ok save\n");
	if (fd >= 0)
		close(fd);
}

static void print_fds(const struct session *session)
{
	const struct dirent *entry;
	unsigned n = 0;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", session->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	printf("fds %u\n", n);
}

static void print_end(const struct session *session)
{
	int status = 0;

	if (waitpid(session->pid, &status, 0) < 0)
		printf("failed wait: %s\n", strerror(errno));
	else if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("exit %d\n", WEXITSTATUS(status));
}

static void obey(struct session *session, char *line)
{
	const char *word = strsep(&line, " ");
	const char *first = line ? strsep(&line, " ") : "", *second = line ? line : "";

	if (strcmp(word, "add-disk") == 0) {
		add_disk(session, first, second);
	} else if (strcmp(word, "add-disk-unsent") == 0) {
		add(session, "add-disk", -1, first);
	} else if (strcmp(word, "add-net") == 0) {
		add_net(session, first, second);
	} else if (strcmp(word, "net-stats") == 0) {
		print_net_stats(session);
	} else if (strcmp(word, "set-link") == 0) {
		set_link(session, first, second[0] == '1');
	} else if (strcmp(word, "add-fs") == 0) {
		add(session, word, FS_FD, first);
	} else if (strcmp(word, "remove") == 0 || strcmp(word, "force-remove") == 0) {
		remove_device(session, first, word[0] == 'f');
	} else if (strcmp(word, "save") == 0) {
		save_template(session, first);
	} else if (strcmp(word, "fds") == 0) {
		print_fds(session);
	} else if (strcmp(word, "pause") == 0) {
		call(session, word, "Pause");
	} else if (strcmp(word, "resume") == 0) {
		call(session, word, "Resume");
	} else if (strcmp(word, "stop") == 0) {
		call(session, word, "Stop");
	} else if (strcmp(word, "state") == 0) {
		print_state(session);
	} else if (strcmp(word, "close") == 0) {
		ttrpc_client_free(session->client);
		session->client = NULL;
		printf("ok close\n");
	} else if (strcmp(word, "wait") == 0) {
		print_end(session);
	} else if (strcmp(word, "pid") == 0) {
		printf("pid %d\n", session->pid);
	} else {
		printf("failed %s: no such command\n", word);
	}
	(void)fflush(stdout);
}

int main(int argc, char *argv[])
{
	struct session session = { 0 };
	struct err err = ERR_INIT;
	char line[300];
	int pair[2], lane[2];

	if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lane) < 0)
		return 2;
	session.pid = start(pair[1], lane[1], argv + 1, argc - 1);
	session.lane_fd = lane[0];
	close(pair[1]);
	close(lane[1]);
	if (session.pid < 0 || loop_new(&session.loop, &err) < 0 ||
	    ttrpc_client_new(session.loop, pair[0], NULL, NULL, &session.client, &err) < 0) {
		(void)fprintf(stderr, "vmm-client: %s\n", err_text(&err));
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(&session, line);
	}
	ttrpc_client_free(session.client);
	loop_free(session.loop);
	return 0;
}
