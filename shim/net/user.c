/* SPDX-License-Identifier: Apache-2.0 */
/* A network without any privilege. */
#include "shim/net/user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

#include "lib/fd.h"
#include "shim/net/helper.h"

#define PROGRAM_PATH_MAX 64

/* --- What the guest is to set --- */

static struct scan_ip ip_from(const char *text)
{
	struct scan_ip ip = { .len_bytes = strchr(text, ':') ? 16 : 4 };

	(void)inet_pton(ip.len_bytes == 16 ? AF_INET6 : AF_INET, text, ip.bytes);
	return ip;
}

static void add_address(struct scan_interface *interface, struct scan_ip ip, const char *prefix,
			uint8_t scope)
{
	struct scan_address *address = &interface->addresses[interface->n_addresses++];
	struct scan_route *route = &interface->routes[interface->n_routes++];
	uint8_t bits = (uint8_t)atoi(prefix);

	*address = (struct scan_address){ .address = ip, .prefix_len = bits, .scope = scope };
	*route = (struct scan_route){
		.destination = { .len_bytes = ip.len_bytes },
		.prefix_len = bits,
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
	*interface = (struct scan_interface){ .name = "eth0", .mtu = (uint32_t)atoi(USER_MTU) };
	if (getrandom(interface->mac, SCAN_MAC_BYTES, 0) != (ssize_t)SCAN_MAC_BYTES)
		return err_set(err, EIO, "cannot make up a MAC address");
	interface->mac[0] = (uint8_t)((interface->mac[0] & ~1u) | 2u);
	add_address(interface, ip_from(USER_ADDRESS), USER_PREFIX, RT_SCOPE_UNIVERSE);
	add_address(interface, ip_from(USER_ADDRESS6), USER_PREFIX6, RT_SCOPE_UNIVERSE);
	add_address(interface, link_local(interface->mac), USER_PREFIX6, RT_SCOPE_LINK);
	add_default_route(interface, USER_GATEWAY);
	add_default_route(interface, USER_GATEWAY6);
	return 0;
}

/* --- Ports --- */

bool user_next_port(const char **list, struct user_port *ret_port)
{
	char protocol[4] = "";
	int used = 0;

	if (sscanf(*list, "%u:%u/%3[a-z]%n", &ret_port->host, &ret_port->guest, protocol, &used) !=
	    3)
		return false;
	ret_port->udp = strcmp(protocol, "udp") == 0;
	*list += used;
	if (**list == ',')
		(*list)++;
	return true;
}

/* The programs leave out what they cannot open, or say little, so each port is tried before. */
static int try_port(const struct user_port *port, struct err *err)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons((uint16_t)port->host) };
	_cleanup_fd_ int fd =
		socket(AF_INET, (port->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0 || (!port->udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0))
		return err_set(err, errno, "cannot make a socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return 0;
	(void)err_set(err, errno, "cannot publish %s port %u of the host",
		      port->udp ? "UDP" : "TCP", port->host);
	return err_hint(err, "choose another one, as in -p 18080:80");
}

static int try_ports(const char *list, struct err *err)
{
	struct user_port port;
	int r = 0;

	while (r == 0 && user_next_port(&list, &port))
		r = try_port(&port, err);
	return r;
}

/* --- Which program --- */

/* What the administrator installed beside the distribution's is the one to take. */
static bool find(const char *name, char ret_path[PROGRAM_PATH_MAX])
{
	static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		(void)snprintf(ret_path, PROGRAM_PATH_MAX, "%s/%s", folders[i], name);
		if (access(ret_path, X_OK) == 0)
			return true;
	}
	return false;
}

static int choose(const char *name, const struct user_program **ret_program,
		  char ret_path[PROGRAM_PATH_MAX], struct err *err)
{
	*ret_program = strcmp(name, user_passt.name) == 0 ? &user_passt : &user_slirp;
	if (find((*ret_program)->name, ret_path))
		return 0;
	(void)err_say(err, ENOENT,
		      "the program %s is missing, which makes a network without "
		      "privileges",
		      name);
	return err_hint(err, "install the package %s, or choose another --net", name);
}

int user_start(struct loop *loop, const struct user_request *request, struct helper **ret_helper,
	       int *ret_fd, struct scan_interface *ret_interface, struct err *err)
{
	const struct user_program *program;
	char path[PROGRAM_PATH_MAX];
	int r;

	r = choose(request->program, &program, path, err);
	if (r == 0)
		r = try_ports(request->publish, err);
	if (r == 0)
		r = describe(ret_interface, err);
	return r < 0 ? r : program->start(loop, path, request, ret_helper, ret_fd, err);
}
