/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of config.json. Input: the text; its first byte chooses which of the three
 * readers. */
#include <string.h>

#include "oci/spec.h"
#include "tests/fuzz/input.h"

static void check(int r, const void *result, const struct err *err)
{
	FUZZ_CHECK((r == 0) == (result != NULL));
	FUZZ_CHECK(r == 0 || (err->code == r && err->text[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oci_process_doc *process = NULL;
	struct oci_resources_doc *resources = NULL;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	const char *text = (const char *)data + 1;
	int r;

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		r = oci_spec_parse(text, size - 1, &spec, &err);
		check(r, spec, &err);
		oci_spec_free(spec);
		break;
	case 1:
		r = oci_process_parse(text, size - 1, &process, &err);
		check(r, process, &err);
		oci_process_free(process);
		break;
	default:
		r = oci_resources_parse(text, size - 1, &resources, &err);
		check(r, resources, &err);
		oci_resources_free(resources);
	}
	return 0;
}
