/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of a guest with a network: gives eth0 the address test_ip and serves net-load.h. Its own
 * operations, each of which is answered with a line:
 *
 *	'n' ADDRESS	looks for new PCI devices and gives the new interface that address:
 *			"NAME PCI-ADDRESS MAC mtu=N queues=N carrier=N"
 *	'r' PCI-ADDRESS	lets go of that device
 *	'i' NAME	the same line about an interface
 *	'q' NUMBER	has eth0 use so many queue pairs
 *	's' 0|1		whether eth0 is given segments larger than a frame to send
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/kvm/net-load.h"

static bool request(const char *name, unsigned long call, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool good;

	(void)snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	good = fd >= 0 && ioctl(fd, call, ifr) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool set_address(const char *name, unsigned long call, const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct ifreq ifr = { 0 };

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return false;
	memcpy(&ifr.ifr_addr, &at, sizeof(at));
	return request(name, call, &ifr);
}

static bool bring_up(const char *name, const char *address)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP | IFF_RUNNING };

	return (!address || (set_address(name, SIOCSIFADDR, address) &&
			     set_address(name, SIOCSIFNETMASK, "255.255.255.0"))) &&
	       request(name, SIOCSIFFLAGS, &ifr);
}

static void read_word(const char *name, const char *file, char *ret_word, size_t size)
{
	char path[200];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, file);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, ret_word, size - 1);
		close(fd);
	}
	ret_word[n > 0 ? n : 0] = '\0';
	ret_word[strcspn(ret_word, "\n")] = '\0';
}

static unsigned count_queues(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ifr = { .ifr_data = (void *)&channels };

	return request(name, SIOCETHTOOL, &ifr) ? channels.combined_count : 0;
}

static void describe(const char *name, char *ret_line, size_t size)
{
	char mac[32], mtu[16], carrier[8], path[100], *device;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.20s/device/..", name);
	device = realpath(path, NULL);
	read_word(name, "address", mac, sizeof(mac));
	read_word(name, "mtu", mtu, sizeof(mtu));
	read_word(name, "carrier", carrier, sizeof(carrier));
	(void)snprintf(ret_line, size, "%s %s %s mtu=%s queues=%u carrier=%s", name,
		       device ? strrchr(device, '/') + 1 : "?", mac, mtu, count_queues(name),
		       carrier);
	free(device);
}

static bool is_up(const char *name)
{
	struct ifreq ifr = { 0 };

	return request(name, SIOCGIFFLAGS, &ifr) && (ifr.ifr_flags & IFF_UP);
}

static bool poke(const char *path)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, "1", 1) == 1;

	if (fd >= 0)
		close(fd);
	return good;
}

static void meet(const char *address, char *ret_line, size_t size)
{
	DIR *dir;

	(void)snprintf(ret_line, size, "BAD: no new interface");
	if (!poke("/sys/bus/pci/rescan"))
		(void)snprintf(ret_line, size, "BAD: rescan");
	dir = opendir("/sys/class/net");
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, "eth", 3) != 0 || is_up(entry->d_name))
			continue;
		if (bring_up(entry->d_name, address))
			describe(entry->d_name, ret_line, size);
		else
			(void)snprintf(ret_line, size, "BAD: %s", strerror(errno));
	}
	if (dir)
		closedir(dir);
}

static void set_queues(unsigned n, char *ret_line, size_t size)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_SCHANNELS, .combined_count = n };
	struct ifreq ifr = { .ifr_data = (void *)&channels };

	if (request("eth0", SIOCETHTOOL, &ifr))
		describe("eth0", ret_line, size);
	else
		(void)snprintf(ret_line, size, "BAD: %s", strerror(errno));
}

static bool set_offload(uint32_t command, uint32_t on)
{
	struct ethtool_value value = { .cmd = command, .data = on };
	struct ifreq ifr = { .ifr_data = (void *)&value };

	return request("eth0", SIOCETHTOOL, &ifr);
}

static void other(const struct net_load_request *asked, char *ret_line, size_t size)
{
	char path[200];

	switch (asked->op) {
	case 'n':
		meet(asked->text, ret_line, size);
		break;
	case 'r':
		(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", asked->text);
		(void)snprintf(ret_line, size, "%s", poke(path) ? "gone" : "BAD");
		break;
	case 'i':
		describe(asked->text, ret_line, size);
		break;
	case 'q':
		set_queues((unsigned)atoi(asked->text), ret_line, size);
		break;
	case 's':
		(void)snprintf(ret_line, size, "%s",
			       set_offload(ETHTOOL_STSO, asked->text[0] == '1') &&
					       set_offload(ETHTOOL_SGSO, asked->text[0] == '1')
				       ? "done"
				       : "BAD");
		break;
	default:
		(void)snprintf(ret_line, size, "BAD: no such operation");
		break;
	}
}

int main(void)
{
	const char *address = getenv("test_ip");
	char line[200];
	int console;

	(void)mkdir("/dev", 0755);
	(void)mkdir("/sys", 0755);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	(void)mount("sys", "/sys", "sysfs", 0, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console >= 0) {
		(void)dup2(console, STDOUT_FILENO);
		(void)dup2(console, STDERR_FILENO);
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)bring_up("lo", NULL);
	if (!bring_up("eth0", address))
		printf("guest: eth0 BAD: %s\n", strerror(errno));
	describe("eth0", line, sizeof(line));
	printf("guest: %s\n", line);
	return net_load_serve(other);
}
