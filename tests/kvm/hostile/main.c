/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of bare metal that attacks every device of its machine: see attacks.h. The command line's
 * last word says how many rounds; each prints "round N" when it is through, and the last "done".
 */
#include "tests/kvm/hostile/attacks.h"

static struct device devices[DEVICES_MAX];
static unsigned n_devices;

static void check_works(struct device *device)
{
	if (!device_works(device))
		failed("it does not work afterwards");
	device_reset(device);
}

static void go(const struct attack *attacks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < n_devices; k++) {
			struct device *device = &devices[k];

			if (attacks[i].only && attacks[i].only != device->id)
				continue;
			now_attacking(attacks[i].name, device->name);
			device_start(device);
			attacks[i].go(device);
			check_works(device);
		}
		print("survived: ");
		print(attacks[i].name);
		print("\n");
	}
}

static void check_all(const char *attack)
{
	for (unsigned k = 0; k < n_devices; k++) {
		now_attacking(attack, devices[k].name);
		check_works(&devices[k]);
	}
}

static void one_round(void)
{
	go(ring_attacks, n_ring_attacks);
	go(register_attacks, n_register_attacks);
	go(device_attacks, n_device_attacks);
	go(net_attacks, n_net_attacks);
	attack_configuration();
	check_all("10 configuration space");
	attack_ports();
	check_all("10 ports");
}

/* hvm_start_info: the command line's address stands at 24. */
static unsigned rounds_wanted(const uint8_t *start_info)
{
	const char *text = *(const char *const *)(start_info + 24);
	unsigned rounds = 0;

	for (; *text; text++)
		rounds = *text >= '0' && *text <= '9' ? rounds * 10 + (unsigned)(*text - '0') : 0;
	return rounds ? rounds : 1;
}

_Noreturn void hostile_main(const uint8_t *start_info);

_Noreturn void hostile_main(const uint8_t *start_info)
{
	unsigned rounds = rounds_wanted(start_info);

	/* First, since it leaves of the console what came last. */
	attack_console();
	n_devices = devices_find(devices);
	for (unsigned k = 0; k < n_devices; k++) {
		print("found: ");
		print(devices[k].name);
		print("\n");
	}
	check_all("before any attack");
	for (unsigned round = 0; round <= rounds; round++) {
		if (round > 0)
			one_round();
		print("round ");
		print_number(round);
		print("\n");
		/* For whoever measures the VMM now. */
		pause_a_little(50000);
	}
	print("done\n");
	end();
}
