/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A serial port, as much of it as kernels use for a console: no modem lines, no real baud
 * rate. What the guest sends goes to a sink at once. Not thread-safe: the device lock covers it.
 */
#ifndef KATA_LIKE_VMM_LEGACY_SERIAL_H
#define KATA_LIKE_VMM_LEGACY_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_PORT_FIRST 0x3f8u
#define SERIAL_PORTS	  8u
#define SERIAL_IRQ	  4u
#define SERIAL_FIFO_BYTES 64u

struct serial_ops {
	/* A byte that the guest sent. Must not block for long. */
	void (*output)(void *ctx, uint8_t byte);
	/* Raise the interrupt (an edge). */
	void (*interrupt)(void *ctx);
	/* There is room for input again after serial_room() was 0. */
	void (*drained)(void *ctx);
};

struct serial {
	const struct serial_ops *ops;
	void *ctx;
	uint8_t interrupt_enable, line_control, modem_control, scratch, fifo_control;
	uint16_t divisor;
	bool transmit_pending; /* the interrupt "transmitter empty" waits to be acknowledged */
	uint8_t fifo[SERIAL_FIFO_BYTES]; /* input, a ring */
	size_t fifo_first, fifo_used;
};

/* ops and ctx are borrowed. */
void serial_init(struct serial *serial, const struct serial_ops *ops, void *ctx);

/* offset is 0 to SERIAL_PORTS - 1. Each register has one byte. */
uint8_t serial_read(struct serial *serial, unsigned offset);
void serial_write(struct serial *serial, unsigned offset, uint8_t value);

/* How many bytes serial_input() takes now. */
size_t serial_room(const struct serial *serial);
/* Input for the guest; len is at most serial_room(). */
void serial_input(struct serial *serial, const uint8_t *bytes, size_t len);

#endif
