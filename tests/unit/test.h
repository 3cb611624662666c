/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka and the headers that it wants in front of it. */
#ifndef KATA_LIKE_TESTS_UNIT_TEST_H
#define KATA_LIKE_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
