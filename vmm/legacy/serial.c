/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550A serial port (National Semiconductor PC16550D, section 8). */
#include "vmm/legacy/serial.h"

#include <assert.h>

enum {
	REG_DATA = 0,		  /* divisor low while DLAB is set */
	REG_INTERRUPT_ENABLE = 1, /* divisor high while DLAB is set */
	REG_INTERRUPT_ID = 2,	  /* writes: FIFO control */
	REG_LINE_CONTROL = 3,
	REG_MODEM_CONTROL = 4,
	REG_LINE_STATUS = 5,
	REG_MODEM_STATUS = 6,
	REG_SCRATCH = 7,
};

#define IER_RECEIVED 0x01u
#define IER_TRANSMIT 0x02u
#define IER_ALL	     0x0fu

#define IIR_NONE	0x01u
#define IIR_TRANSMIT	0x02u
#define IIR_RECEIVED	0x04u
#define IIR_FIFO_ACTIVE 0xc0u

#define FCR_ENABLE	  0x01u
#define FCR_CLEAR_RECEIVE 0x02u

#define LCR_DIVISOR 0x80u

#define MCR_ALL	 0x1fu
#define MCR_LOOP 0x10u

#define LSR_RECEIVED	   0x01u
#define LSR_TRANSMIT_EMPTY 0x60u /* holding register and shifter: sending takes no time */

#define MSR_CONNECTED 0xb0u /* carrier, data set ready, clear to send */

void serial_init(struct serial *serial, const struct serial_ops *ops, void *ctx)
{
	*serial = (struct serial){ .ops = ops, .ctx = ctx, .divisor = 12 };
}

/* The interrupt with the highest priority that is enabled and pending. */
static uint8_t pending(const struct serial *serial)
{
	if ((serial->interrupt_enable & IER_RECEIVED) && serial->fifo_used > 0)
		return IIR_RECEIVED;
	if ((serial->interrupt_enable & IER_TRANSMIT) && serial->transmit_pending)
		return IIR_TRANSMIT;
	return IIR_NONE;
}

static void update_interrupt(struct serial *serial)
{
	if (pending(serial) != IIR_NONE)
		serial->ops->interrupt(serial->ctx);
}

static void fifo_push(struct serial *serial, uint8_t byte)
{
	serial->fifo[(serial->fifo_first + serial->fifo_used) % SERIAL_FIFO_BYTES] = byte;
	serial->fifo_used++;
}

static uint8_t fifo_pop(struct serial *serial)
{
	uint8_t byte;

	if (serial->fifo_used == 0)
		return 0;
	byte = serial->fifo[serial->fifo_first];
	serial->fifo_first = (serial->fifo_first + 1) % SERIAL_FIFO_BYTES;
	if (serial->fifo_used-- == SERIAL_FIFO_BYTES)
		serial->ops->drained(serial->ctx);
	update_interrupt(serial);
	return byte;
}

static uint8_t read_interrupt_id(struct serial *serial)
{
	uint8_t id = pending(serial);

	/* Reading it acknowledges "transmitter empty", and nothing else. */
	if (id == IIR_TRANSMIT)
		serial->transmit_pending = false;
	if (serial->fifo_control & FCR_ENABLE)
		id |= IIR_FIFO_ACTIVE;
	return id;
}

/* In loop mode the four outputs come back as the inputs: how drivers tell a port from nothing. */
static uint8_t modem_status(const struct serial *serial)
{
	uint8_t out = serial->modem_control;

	if (!(out & MCR_LOOP))
		return MSR_CONNECTED;
	return (uint8_t)((out & 0x02u) << 3 | (out & 0x01u) << 5 | (out & 0x04u) << 4 |
			 (out & 0x08u) << 4);
}

uint8_t serial_read(struct serial *serial, unsigned offset)
{
	bool divisor = serial->line_control & LCR_DIVISOR;

	switch (offset) {
	case REG_DATA:
		return divisor ? (uint8_t)serial->divisor : fifo_pop(serial);
	case REG_INTERRUPT_ENABLE:
		return divisor ? (uint8_t)(serial->divisor >> 8) : serial->interrupt_enable;
	case REG_INTERRUPT_ID:
		return read_interrupt_id(serial);
	case REG_LINE_CONTROL:
		return serial->line_control;
	case REG_MODEM_CONTROL:
		return serial->modem_control;
	case REG_LINE_STATUS:
		return LSR_TRANSMIT_EMPTY | (serial->fifo_used > 0 ? LSR_RECEIVED : 0);
	case REG_MODEM_STATUS:
		return modem_status(serial);
	default:
		return serial->scratch;
	}
}

static void write_data(struct serial *serial, uint8_t value)
{
	if (serial->modem_control & MCR_LOOP) {
		if (serial->fifo_used < SERIAL_FIFO_BYTES)
			fifo_push(serial, value);
	} else {
		serial->ops->output(serial->ctx, value);
	}
	serial->transmit_pending = true;
	update_interrupt(serial);
}

static void write_interrupt_enable(struct serial *serial, uint8_t value)
{
	/* Drivers count on an interrupt right after they switch this one on. */
	if (!(serial->interrupt_enable & IER_TRANSMIT) && (value & IER_TRANSMIT))
		serial->transmit_pending = true;
	serial->interrupt_enable = value & IER_ALL;
	update_interrupt(serial);
}

static void write_fifo_control(struct serial *serial, uint8_t value)
{
	serial->fifo_control = value;
	if ((value & FCR_CLEAR_RECEIVE) && serial->fifo_used > 0) {
		bool was_full = serial->fifo_used == SERIAL_FIFO_BYTES;

		serial->fifo_used = 0;
		if (was_full)
			serial->ops->drained(serial->ctx);
	}
}

void serial_write(struct serial *serial, unsigned offset, uint8_t value)
{
	bool divisor = serial->line_control & LCR_DIVISOR;

	switch (offset) {
	case REG_DATA:
		if (divisor)
			serial->divisor = (uint16_t)((serial->divisor & 0xff00u) | value);
		else
			write_data(serial, value);
		break;
	case REG_INTERRUPT_ENABLE:
		if (divisor)
			serial->divisor =
				(uint16_t)((serial->divisor & 0xffu) | (unsigned)value << 8);
		else
			write_interrupt_enable(serial, value);
		break;
	case REG_INTERRUPT_ID:
		write_fifo_control(serial, value);
		break;
	case REG_LINE_CONTROL:
		serial->line_control = value;
		break;
	case REG_MODEM_CONTROL:
		serial->modem_control = value & MCR_ALL;
		break;
	case REG_SCRATCH:
		serial->scratch = value;
		break;
	default:
		/* Both status registers are read-only. */
		break;
	}
}

size_t serial_room(const struct serial *serial)
{
	return SERIAL_FIFO_BYTES - serial->fifo_used;
}

void serial_input(struct serial *serial, const uint8_t *bytes, size_t len)
{
	assert(len <= serial_room(serial));
	for (size_t i = 0; i < len; i++)
		fifo_push(serial, bytes[i]);
	update_interrupt(serial);
}
