/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of storage.h, which storage.c keeps and plug.c gives to the VM and takes back. */
#ifndef KATA_LIKE_SHIM_SANDBOX_STORAGE_PRIVATE_H
#define KATA_LIKE_SHIM_SANDBOX_STORAGE_PRIVATE_H

#include "shim/sandbox/storage.h"

#define STORAGE_ADDRESS_MAX 16

struct storage_disk {
	struct disk disk; /* its descriptor until the VM has it */
	bool in_vm;
	char address[STORAGE_ADDRESS_MAX]; /* PCI; "" while it cannot be taken away */
};

/* A container, and what it uses. */
struct storage_user {
	struct storage_user *next;
	char *container_id;
	char serials[PLAN_DISKS_MAX][DISK_SERIAL_MAX + 1];
	size_t n_disks;
	uint32_t numbers[PLAN_ITEMS_MAX];
	size_t n_shares;
};

struct release;

struct storage {
	struct loop *loop;
	const struct state *state;
	const struct place *place;
	struct sandbox *sandbox;
	struct turns turns;
	struct storage_user *users;
	struct storage_disk disks[SANDBOX_DISKS_MAX];
	size_t n_disks;
	struct prepared_share *shares;
	size_t n_shares;
	uint32_t next_number;
	int ns_fd;		 /* the shared folder's namespace, -1 while there is none */
	char program[PATHS_MAX]; /* the file server's, "": the distribution's */
	bool shared_memory;
	struct file_server *server;
	bool served; /* the VM has the shared folder */
	/* What a turn is about: preparing, or plugging. */
	struct job *job;
	struct storage_user *preparing;
	struct prepared *ret_prepared;
	storage_done_fn *done;
	void *done_ctx;
	size_t plugging; /* the disk that is on its way */
	struct release *releases;
};

struct storage_user *storage_take_user(struct storage *storage, const char *container_id);
void storage_free_user(struct storage_user *user);

bool storage_disk_is_used(const struct storage *storage, const char *serial);
bool storage_share_is_used(const struct storage *storage, uint32_t number);
/* The last of the table comes to its place. */
void storage_forget_disk(struct storage *storage, size_t i);
void storage_forget_share(struct storage *storage, size_t i);

/* ret_fd is for the VM. */
int storage_start_server(struct storage *storage, int *ret_fd, struct err *err) _must_check_;

#endif
