/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed access to JSON, on json-c, whose errors name the place: "config.json: process.args[1] must
 * be a string, is a number". A node knows its parent, so that a path is only built when it is
 * needed.
 *
 * Getters return 1 when the member is there, 0 when it is absent or null (the output then keeps
 * what it had), and -EINVAL or -ENOMEM with the reader's err set. JSON_REQUIRED makes absence an
 * error. What they hand out lives in the reader's arena.
 */
#ifndef KATA_LIKE_OCI_JSON_H
#define KATA_LIKE_OCI_JSON_H

#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "oci/arena.h"

/* Texts beyond this are refused unread. */
#define JSON_MAX_BYTES (4u << 20)

struct json_reader {
	const char *file; /* what errors call the text */
	struct arena *arena;
	struct err *err;
};

struct json_node {
	const struct json_reader *reader;
	const struct json_node *parent; /* NULL at the top */
	const char *key;		/* in the parent, or NULL where the parent is an array */
	size_t index;			/* in the parent's array */
	struct json_object *value;
};

enum json_presence {
	JSON_OPTIONAL,
	JSON_REQUIRED,
};

struct json_name {
	const char *name;
	int64_t value;
};

/* A pair of strings of an object such as annotations. */
struct json_pair {
	char *key, *value;
};

/* Fills the element at `element` from a node of the array. 0 or negative. */
typedef int json_element_fn(const struct json_node *node, void *element);
/* Reads a nested object. 0 or negative. */
typedef int json_object_fn(const struct json_node *node, void *out);

/* Parses text; the object is released with json_object_put(). -EINVAL, -EFBIG, -ENOMEM. */
int json_parse(const char *file, const char *text, size_t len, struct json_object **ret_object,
	       struct err *err) _must_check_;

/*
 * Writing: puts value, which may be NULL for want of memory, under key; it is the object's, or
 * gone, afterwards. 0 or -ENOMEM.
 */
int json_add(struct json_object *object, const char *key, struct json_object *value) _must_check_;
int json_add_text(struct json_object *object, const char *key, const char *text) _must_check_;

/* Records "<file>: <path> <what>" and returns -EINVAL. */
int json_fail(const struct json_node *node, const char *fmt, ...) _printf_(2, 3);
/* The same for a member of node. */
int json_fail_member(const struct json_node *node, const char *key, const char *fmt, ...)
	_printf_(3, 4);

/* Checks that node itself is of this type. */
int json_expect(const struct json_node *node, enum json_type type) _must_check_;

int json_get_string(const struct json_node *node, const char *key, enum json_presence presence,
		    char **ret) _must_check_;
int json_get_bool(const struct json_node *node, const char *key, enum json_presence presence,
		  bool *ret) _must_check_;
int json_get_int(const struct json_node *node, const char *key, enum json_presence presence,
		 int64_t min, int64_t max, int64_t *ret) _must_check_;
int json_get_uint(const struct json_node *node, const char *key, enum json_presence presence,
		  uint64_t max, uint64_t *ret) _must_check_;
/* A number of 32 bits, as ids, modes and the like are. */
int json_get_u32(const struct json_node *node, const char *key, enum json_presence presence,
		 uint32_t *ret) _must_check_;
/* One of the names in table; an unknown one is an error that lists them. */
int json_get_enum(const struct json_node *node, const char *key, enum json_presence presence,
		  const struct json_name *table, size_t n_table, int64_t *ret) _must_check_;
/* Looks one string up in such a table. */
int json_enum_value(const struct json_node *node, const struct json_name *table, size_t n_table,
		    int64_t *ret) _must_check_;

/* An array of strings; the result has a NULL behind the last. */
int json_get_strings(const struct json_node *node, const char *key, enum json_presence presence,
		     char ***ret, size_t *ret_n) _must_check_;
int json_get_u32s(const struct json_node *node, const char *key, enum json_presence presence,
		  uint32_t **ret, size_t *ret_n) _must_check_;
/* An object whose values are strings. */
int json_get_pairs(const struct json_node *node, const char *key, enum json_presence presence,
		   struct json_pair **ret, size_t *ret_n) _must_check_;
int json_get_array(const struct json_node *node, const char *key, enum json_presence presence,
		   size_t element_bytes, json_element_fn *fn, void **ret, size_t *ret_n)
	_must_check_;
int json_get_object(const struct json_node *node, const char *key, enum json_presence presence,
		    json_object_fn *fn, void *out) _must_check_;

#endif
