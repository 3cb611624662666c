/* SPDX-License-Identifier: Apache-2.0 */
/* The table of network models. */
#include "shim/net/model.h"

#include <string.h>

/* tap joins what is a tap already, whatever model was asked for. */
static const struct net_model *const models[] = {
	&net_model_tcfilter,
	&net_model_macvtap,
	&net_model_bridge,
	&net_model_tap,
};

const struct net_model *net_model_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (strcmp(models[i]->name, name) == 0)
			return models[i];
	return NULL;
}
