/* SPDX-License-Identifier: Apache-2.0 */
/* passt as a child process. */
#include "shim/net/passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/rtnetlink.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "shim/job.h"

/* Addresses of the guest's own little world; what it reaches outside sees the host's. */
#define GUEST_ADDRESS  "10.0.2.15"
#define GUEST_PREFIX   24
#define GUEST_GATEWAY  "10.0.2.2"
#define GUEST_ADDRESS6 "fd00:2::15"
#define GUEST_PREFIX6  64
#define GUEST_GATEWAY6 "fe80::2"
#define GATEWAY_MAC    "02:00:00:00:00:02"
#define GUEST_MTU      65520
#define ARGS_MAX       32
#define PORTS_MAX      1024
#define COMPLAINT_MAX  512

struct passt {
	pid_t pid;	  /* 0 once it has ended */
	int complaint_fd; /* its standard error, in memory */
	struct loop_source *child;
};

struct command {
	char *argv[ARGS_MAX];
	char fd[16], tcp[PORTS_MAX], udp[PORTS_MAX];
};

static struct scan_ip ip_from(const char *text)
{
	struct scan_ip ip = { .len_bytes = strchr(text, ':') ? 16 : 4 };

	(void)inet_pton(ip.len_bytes == 16 ? AF_INET6 : AF_INET, text, ip.bytes);
	return ip;
}

static void add_address(struct scan_interface *interface, struct scan_ip ip, uint8_t prefix_len,
			uint8_t scope)
{
	struct scan_address *address = &interface->addresses[interface->n_addresses++];
	struct scan_route *route = &interface->routes[interface->n_routes++];
	uint8_t bits = prefix_len;

	*address = (struct scan_address){ .address = ip, .prefix_len = prefix_len, .scope = scope };
	*route = (struct scan_route){
		.destination = { .len_bytes = ip.len_bytes },
		.prefix_len = prefix_len,
		.scope = ip.len_bytes == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.type = RTN_UNICAST,
		.protocol = RTPROT_KERNEL,
		.metric = ip.len_bytes == 16 ? 256 : 0,
	};
	for (size_t i = 0; bits > 0; i++, bits = (uint8_t)(bits - MIN(bits, 8)))
		route->destination.bytes[i] = ip.bytes[i];
}

static void add_default_route(struct scan_interface *interface, const char *gateway)
{
	struct scan_ip ip = ip_from(gateway);

	interface->routes[interface->n_routes++] = (struct scan_route){
		.destination = { .len_bytes = ip.len_bytes },
		.gateway = ip,
		.type = RTN_UNICAST,
		.protocol = RTPROT_BOOT,
		.metric = ip.len_bytes == 16 ? 1024 : 0,
	};
}

/* The address that IPv6 needs to talk to neighbours at all, from the MAC address as usual. */
static struct scan_ip link_local(const uint8_t mac[SCAN_MAC_BYTES])
{
	return (struct scan_ip){ .len_bytes = 16,
				 .bytes = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2u, mac[1],
					    mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] } };
}

static int describe(struct scan_interface *interface, struct err *err)
{
	*interface = (struct scan_interface){ .name = "eth0", .mtu = GUEST_MTU };
	if (getrandom(interface->mac, SCAN_MAC_BYTES, 0) != (ssize_t)SCAN_MAC_BYTES)
		return err_set(err, EIO, "cannot make up a MAC address");
	interface->mac[0] = (uint8_t)((interface->mac[0] & ~1u) | 2u);
	add_address(interface, ip_from(GUEST_ADDRESS), GUEST_PREFIX, RT_SCOPE_UNIVERSE);
	add_address(interface, ip_from(GUEST_ADDRESS6), GUEST_PREFIX6, RT_SCOPE_UNIVERSE);
	add_address(interface, link_local(interface->mac), GUEST_PREFIX6, RT_SCOPE_LINK);
	add_default_route(interface, GUEST_GATEWAY);
	add_default_route(interface, GUEST_GATEWAY6);
	return 0;
}

/* "8080:80/tcp,5353:53/udp" as passt wants it: for each protocol a list "8080:80". */
static void split_ports(const char *publish, struct command *command)
{
	char copy[PORTS_MAX], *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", publish);
	for (char *entry = strtok_r(copy, ",", &save); entry; entry = strtok_r(NULL, ",", &save)) {
		char *slash = strchr(entry, '/');
		char *list = slash && slash[1] == 'u' ? command->udp : command->tcp;
		size_t used = strlen(list);

		if (slash)
			*slash = '\0';
		(void)snprintf(list + used, PORTS_MAX - used, "%s%s", used ? "," : "", entry);
	}
}

static void build(struct command *command, int fd, const char *publish, const char *log_path)
{
	const char *const fixed[] = {
		"passt",       "-f", "-1",	     "--fd", command->fd,    "-l",
		log_path,      "-a", GUEST_ADDRESS,  "-n",   "24",	     "-g",
		GUEST_GATEWAY, "-a", GUEST_ADDRESS6, "-g",   GUEST_GATEWAY6, "--dns-forward",
		PASST_DNS,     "-D", "none",	     "-M",   GATEWAY_MAC,    "-m",
		"65520",
	};
	size_t n = 0;

	split_ports(publish, command);
	(void)snprintf(command->fd, sizeof(command->fd), "%d", fd);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		command->argv[n++] = (char *)(uintptr_t)fixed[i];
	if (*command->tcp) {
		command->argv[n++] = (char *)"-t";
		command->argv[n++] = command->tcp;
	}
	if (*command->udp) {
		command->argv[n++] = (char *)"-u";
		command->argv[n++] = command->udp;
	}
	command->argv[n] = NULL;
}

_noreturn_ static void child_main(pid_t parent, struct command *command, int fd, int err_fd)
{
	if (job_child_reset(parent) < 0 || job_child_streams(-1, -1, err_fd) < 0 ||
	    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 || fcntl(fd, F_SETFD, 0) < 0)
		_exit(126);
	execvp(command->argv[0], command->argv);
	dprintf(STDERR_FILENO, "cannot execute it: %s", strerror(errno));
	_exit(127);
}

/* The last line that it wrote, which says why it ended. */
static void read_complaint(const struct passt *passt, char ret_text[COMPLAINT_MAX])
{
	ssize_t n = fd_pread_full(passt->complaint_fd, ret_text, COMPLAINT_MAX - 1, 0);
	char *last;

	ret_text[n > 0 ? n : 0] = '\0';
	while (n > 0 && strchr("\r\n ", ret_text[n - 1]))
		ret_text[--n] = '\0';
	last = strrchr(ret_text, '\n');
	if (last)
		memmove(ret_text, last + 1, strlen(last));
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct passt *passt = ctx;

	(void)pid;
	passt->child = NULL;
	passt->pid = 0;
	/* Asked to by a VM that has gone, it ends with 0. */
	if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
		log_error("passt has ended, and with it the VM's network (wait status %#x)",
			  (unsigned int)wait_status);
}

int passt_check(const struct passt *passt, struct err *err)
{
	char text[COMPLAINT_MAX];

	if (passt->pid > 0)
		return 0;
	read_complaint(passt, text);
	return err_say(err, EIO, "passt, the network of a VM without privileges, has ended: %s",
		       text);
}

void passt_free(struct passt *passt)
{
	if (!passt)
		return;
	loop_source_free(passt->child);
	if (passt->pid > 0) {
		(void)kill(passt->pid, SIGKILL);
		(void)waitpid(passt->pid, NULL, 0);
	}
	cleanup_fd(&passt->complaint_fd);
	free(passt);
}

/* passt leaves out what it cannot open without a word, so each port is tried before. */
static int try_port(const char *entry, struct err *err)
{
	unsigned int port = (unsigned int)atoi(entry);
	bool udp = strstr(entry, "/udp");
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons((uint16_t)port) };
	_cleanup_fd_ int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return err_set(err, errno, "cannot make a socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	(void)err_set(err, errno, "cannot publish %s port %u of the host", udp ? "UDP" : "TCP",
		      port);
	return err_hint(err, "choose another one, as in -p 18080:80");
}

static int try_ports(const char *publish, struct err *err)
{
	char copy[PORTS_MAX], *save = NULL;
	int r = 0;

	(void)snprintf(copy, sizeof(copy), "%s", publish);
	for (char *entry = strtok_r(copy, ",", &save); entry && r == 0;
	     entry = strtok_r(NULL, ",", &save))
		r = try_port(entry, err);
	return r;
}

static int find_program(struct err *err)
{
	static const char *const places[] = { "/usr/bin/passt", "/usr/local/bin/passt",
					      "/bin/passt" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return 0;
	return err_say(err, ENOENT,
		       "the program passt is missing, which makes a network without privileges; "
		       "install the package passt, or choose another --net");
}

static int spawn(struct loop *loop, struct passt *passt, struct command *command, int fd,
		 struct err *err)
{
	pid_t parent = getpid();
	int r;

	passt->complaint_fd = memfd_create("passt", MFD_CLOEXEC);
	if (passt->complaint_fd < 0)
		return err_set(err, errno, "cannot start passt");
	passt->pid = fork();
	if (passt->pid == 0)
		child_main(parent, command, fd, passt->complaint_fd);
	if (passt->pid < 0) {
		passt->pid = 0;
		return err_set(err, errno, "cannot start passt");
	}
	r = loop_add_child(loop, passt->pid, child_ended, passt, &passt->child);
	return r < 0 ? err_set(err, -r, "cannot watch passt") : 0;
}

int passt_start(struct loop *loop, const char *publish, const char *log_path,
		struct passt **ret_passt, int *ret_fd, struct scan_interface *ret_interface,
		struct err *err)
{
	_cleanup_fd_ int ours = -1, theirs = -1;
	_cleanup_free_ struct command *command = calloc(1, sizeof(*command));
	struct passt *passt = calloc(1, sizeof(*passt));
	int pair[2] = { -1, -1 }, r;

	if (!passt || !command) {
		free(passt);
		(void)err_set(err, ENOMEM, "cannot start passt");
		return -ENOMEM;
	}
	passt->complaint_fd = -1;
	r = find_program(err);
	if (r == 0)
		r = try_ports(publish, err);
	if (r == 0)
		r = describe(ret_interface, err);
	if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		r = err_set(err, errno, "cannot start passt");
	if (r == 0) {
		ours = pair[0];
		theirs = pair[1];
		build(command, theirs, publish, log_path);
		r = spawn(loop, passt, command, theirs, err);
	}
	if (r < 0) {
		passt_free(passt);
		return r;
	}
	*ret_fd = TAKE_FD(ours);
	*ret_passt = passt;
	return 0;
}
