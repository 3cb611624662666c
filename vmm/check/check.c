/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this host can run virtual machines. */
#include "vmm/check/check.h"

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/check/probe.h"
#include "vmm/file-argument.h"
#include "vmm/kvm/kvm.h"

/* Where results go as they come: text has a line each, JSON an object each. */
struct output {
	FILE *out;
	bool json;
	bool usable;
	unsigned n;
};

static void put_json_string(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)fprintf(out, "\\%c", *p);
		else if (*p < 0x20)
			(void)fprintf(out, "\\u%04x", *p);
		else
			(void)fputc(*p, out);
	}
	(void)fputc('"', out);
}

static void put_json(struct output *output, const char *name, bool ok, bool needed,
		     const char *detail)
{
	(void)fprintf(output->out, "%s{\"name\":", output->n ? "," : "");
	put_json_string(output->out, name);
	(void)fprintf(output->out, ",\"ok\":%s,\"needed\":%s,\"detail\":", ok ? "true" : "false",
		      needed ? "true" : "false");
	put_json_string(output->out, detail);
	(void)fputc('}', output->out);
}

/* detail: what is wrong and what to do where it is not ok; else what more there is to know, or "".
 */
static void put(struct output *output, const char *name, bool ok, bool needed, const char *detail)
{
	if (output->json)
		put_json(output, name, ok, needed, detail);
	else
		(void)fprintf(output->out, "%-8s %s%s%s\n",
			      ok ? "ok" : (needed ? "MISSING" : "without"), name,
			      detail[0] ? ": " : "", detail);
	if (needed && !ok)
		output->usable = false;
	output->n++;
}

static void check_capabilities(struct output *output, int kvm_fd)
{
	for (size_t i = 0; i < kvm_n_capabilities; i++) {
		const struct kvm_capability *cap = &kvm_capabilities[i];
		bool ok = kvm_capability(kvm_fd, cap->id) > 0;
		char detail[160];

		(void)snprintf(detail, sizeof(detail), "%s%s", cap->what,
			       !ok && cap->needed ? "; use a newer host kernel" : "");
		put(output, cap->name, ok, cap->needed, detail);
	}
}

static void check_probe(struct output *output, int kvm_fd)
{
	struct probe_result result;
	char name[96], detail[640];

	probe_run(kvm_fd, &result);
	for (unsigned step = 0; step < PROBE_STEP_DONE; step++) {
		bool ok = result.ok || step < result.step;
		uint32_t needs = probe_step_needs(step);

		(void)snprintf(name, sizeof(name), "guest: %s", probe_step_name(step));
		if (ok) {
			put(output, name, true, true,
			    needs && !(result.have & needs) ? "not offered by this CPU" : "");
			continue;
		}
		(void)snprintf(
			detail, sizeof(detail),
			"%s. A stock Linux kernel cannot run here: this KVM seems to interpret "
			"kernel code instead of running it in hardware. Use a machine whose "
			"CPU virtualization reaches it (bare metal, or nested virtualization "
			"switched on), or an emulated KVM host",
			result.detail);
		put(output, name, false, true, detail);
		return;
	}
}

static void check_all(struct output *output, const char *kvm)
{
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = -1;

	fd = file_argument_is_inherited(kvm) ? file_argument_open(kvm, 0, "KVM", &err)
					     : kvm_open(kvm, &err);
	put(output, kvm, fd >= 0, true, fd < 0 ? err_text(&err) : "there, and may be used");
	if (fd < 0)
		return;
	if (kvm_check_api(fd, &err) < 0) {
		put(output, "KVM API", false, true, err_text(&err));
		return;
	}
	put(output, "KVM API", true, true, "version 12");
	check_capabilities(output, fd);
	if (output->usable)
		check_probe(output, fd);
}

bool check_run(const char *kvm, bool json, FILE *out)
{
	struct output output = { .out = out, .json = json, .usable = true };

	if (json)
		(void)fputs("{\"checks\":[", out);
	check_all(&output, kvm);
	if (json)
		(void)fprintf(out, "],\"usable\":%s}\n", output.usable ? "true" : "false");
	else
		(void)fputs(output.usable ? "\nThis host can run virtual machines.\n"
					  : "\nThis host cannot run virtual machines.\n",
			    out);
	return output.usable;
}
