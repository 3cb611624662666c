/* SPDX-License-Identifier: Apache-2.0 */
/* What network a pod asks for. */
#include "shim/net/request.h"

#include <errno.h>
#include <string.h>

#include "shim/net/user.h"

void net_request_init(struct net_request *request)
{
	*request =
		(struct net_request){ .netns_fd = -1, .model = &net_model_tcfilter, .queues = 1 };
}

int net_request_set_model(struct net_request *request, const char *value, struct err *err)
{
	request->model = NULL;
	if (strcmp(value, NET_MODEL_NONE) == 0)
		return 0;
	request->model = net_model_find(value);
	if (!request->model || request->model == &net_model_tap)
		return err_say(err, EINVAL, "\"%.80s\" is not " NET_MODEL_NAMES, value);
	return 0;
}

void net_request_set_user(struct net_request *request, const char *value)
{
	if (strcmp(value, "false") == 0)
		request->user = NULL;
	else
		request->user = strcmp(value, "true") == 0 ? user_slirp.name : value;
}

int net_request_set_publish(struct net_request *request, const char *value, struct err *err)
{
	if (strlen(value) >= sizeof(request->publish))
		return err_say(err, EINVAL, "the ports to publish are longer than %d bytes",
			       NET_PUBLISH_MAX - 1);
	(void)snprintf(request->publish, sizeof(request->publish), "%s", value);
	return 0;
}
