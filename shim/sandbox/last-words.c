/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest's agent says before it ends the VM. */
#include "shim/sandbox/last-words.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/text.h"
#include "proto/vsock-link.h"

/* Leaves room in a struct err for what stands before it. */
#define WORDS_MAX 512

struct last_words {
	struct loop *loop;
	struct vsock_link *link;
	struct vsock_listener *listener;
	struct loop_source *source; /* of the connection under way */
	int fd;			    /* the same; -1 for none */
	size_t len;
	char under_way[WORDS_MAX], text[WORDS_MAX];
};

static void hang_up(struct last_words *words)
{
	loop_source_free(words->source);
	words->source = NULL;
	if (words->fd >= 0)
		close(words->fd);
	words->fd = -1;
	words->len = 0;
}

/* One line of it, in which nothing commands a terminal. */
static void keep(struct last_words *words)
{
	size_t used = 0;

	for (size_t i = 0; i < words->len && used < WORDS_MAX - TEXT_CLEAN_MAX; i++) {
		char byte = words->under_way[i];

		used += text_clean(byte == '\n' || byte == '\t' ? ' ' : byte, words->text + used);
	}
	words->text[used] = '\0';
}

static int listen_for_words(struct last_words *words);

/* Without memory for it there is nothing more to hear. */
static void listen_again(struct last_words *words)
{
	hang_up(words);
	if (listen_for_words(words) < 0)
		words->listener = NULL;
}

static void readable(void *ctx, int fd, uint32_t events)
{
	struct last_words *words = ctx;
	ssize_t n = read(fd, words->under_way + words->len, WORDS_MAX - words->len);

	(void)events;
	if (n > 0)
		words->len += (size_t)n;
	if ((n > 0 && words->len < WORDS_MAX) || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (words->len > 0)
		keep(words);
	listen_again(words);
}

static void connected(void *ctx, int fd)
{
	struct last_words *words = ctx;

	words->listener = NULL;
	words->fd = fd;
	if (fd >= 0 && loop_add_fd(words->loop, fd, EPOLLIN, readable, words, &words->source) == 0)
		return;
	listen_again(words);
}

static int listen_for_words(struct last_words *words)
{
	return vsock_link_listen(words->link, VSOCK_PORT_LAST_WORDS, connected, words,
				 &words->listener);
}

int last_words_new(struct loop *loop, struct vsock_link *link, struct last_words **ret_words,
		   struct err *err)
{
	struct last_words *words = calloc(1, sizeof(*words));
	int r = -ENOMEM;

	if (words) {
		*words = (struct last_words){ .loop = loop, .link = link, .fd = -1 };
		r = listen_for_words(words);
	}
	if (r < 0) {
		free(words);
		return err_set(err, -r, "cannot listen to the guest's last words");
	}
	*ret_words = words;
	return 0;
}

void last_words_free(struct last_words *words)
{
	if (!words)
		return;
	vsock_listener_free(words->listener);
	hang_up(words);
	free(words);
}

const char *last_words_text(const struct last_words *words)
{
	return words->text;
}
