/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an ELF vmlinux. */
#include "vmm/boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18u

static const char *machine_name(unsigned machine, char *buffer, size_t size)
{
	switch (machine) {
	case EM_AARCH64:
		return "aarch64";
	case EM_386:
		return "i386";
	case EM_ARM:
		return "32-bit arm";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	default:
		(void)snprintf(buffer, size, "ELF machine %u", machine);
		return buffer;
	}
}

int elf_parse_header(const uint8_t header[static ELF_HEADER_BYTES], uint64_t file_bytes,
		     struct elf_table *ret_table, struct err *err)
{
	Elf64_Ehdr ehdr;
	char name[32];
	size_t bytes;

	_Static_assert(sizeof(ehdr) == ELF_HEADER_BYTES, "a 64-bit ELF header");
	_Static_assert(sizeof(Elf64_Phdr) * ELF_SEGMENTS_MAX * 4 == ELF_TABLE_MAX, "table size");
	memcpy(&ehdr, header, sizeof(ehdr));
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0)
		return err_say(err, EINVAL, "not an ELF file");
	/* The machine stands at the same offset in 32-bit and 64-bit files: name it first. */
	if (ehdr.e_ident[EI_DATA] == ELFDATA2LSB && ehdr.e_machine != EM_X86_64)
		return err_say(err, ENOEXEC,
			       "built for %s, but this machine runs x86-64 guests; give a kernel "
			       "built for x86-64",
			       machine_name(ehdr.e_machine, name, sizeof(name)));
	if (ehdr.e_ident[EI_CLASS] != ELFCLASS64 || ehdr.e_ident[EI_DATA] != ELFDATA2LSB)
		return err_say(err, ENOEXEC,
			       "a 32-bit or big-endian ELF file; give a kernel built for x86-64");
	if (ehdr.e_phentsize != sizeof(Elf64_Phdr) || ehdr.e_phnum == 0)
		return err_say(err, EINVAL,
			       "an ELF file without program headers; give the linked "
			       "vmlinux, not an object file");
	bytes = (size_t)ehdr.e_phnum * sizeof(Elf64_Phdr);
	if (bytes > ELF_TABLE_MAX)
		return err_say(err, EINVAL, "has %u program headers, more than any kernel",
			       ehdr.e_phnum);
	if (ehdr.e_phoff > file_bytes || bytes > file_bytes - ehdr.e_phoff)
		return err_say(err, EINVAL,
			       "cut short: its program headers end beyond its %" PRIu64
			       " bytes; copy or build it again",
			       file_bytes);
	*ret_table = (struct elf_table){ .offset = ehdr.e_phoff, .bytes = bytes };
	return 0;
}

static int check_load(const Elf64_Phdr *phdr, uint64_t file_bytes, struct err *err)
{
	if (phdr->p_offset > file_bytes || phdr->p_filesz > file_bytes - phdr->p_offset)
		return err_say(err, EINVAL,
			       "cut short: a segment ends at byte %" PRIu64 " + %" PRIu64
			       " of %" PRIu64 "; copy or build it again",
			       (uint64_t)phdr->p_offset, (uint64_t)phdr->p_filesz, file_bytes);
	if (phdr->p_filesz > phdr->p_memsz)
		return err_say(err, EINVAL,
			       "malformed: a segment is larger in the file (%" PRIu64
			       " bytes) than in memory (%" PRIu64 ")",
			       (uint64_t)phdr->p_filesz, (uint64_t)phdr->p_memsz);
	if (phdr->p_paddr > UINT64_MAX - phdr->p_memsz)
		return err_say(err, EINVAL,
			       "malformed: a segment at 0x%" PRIx64 " ends beyond the last address",
			       (uint64_t)phdr->p_paddr);
	if (phdr->p_paddr < LAYOUT_KERNEL_MIN)
		return err_say(err, EINVAL,
			       "loads at 0x%" PRIx64 ", below 1 MiB where boot data lies; give a "
			       "Linux vmlinux",
			       (uint64_t)phdr->p_paddr);
	return 0;
}

/* Keeps the segments ascending, and refuses one that overlaps another. */
static int add_load(struct elf_segments *segments, const Elf64_Phdr *phdr, struct err *err)
{
	struct elf_segment *load = segments->load;
	size_t at = segments->n_load;

	if (segments->n_load == ELF_SEGMENTS_MAX)
		return err_say(err, EINVAL, "has more than %u segments to load", ELF_SEGMENTS_MAX);
	while (at > 0 && load[at - 1].gpa > phdr->p_paddr) {
		load[at] = load[at - 1];
		at--;
	}
	load[at] = (struct elf_segment){ .offset = phdr->p_offset,
					 .file_bytes = phdr->p_filesz,
					 .gpa = phdr->p_paddr,
					 .memory_bytes = phdr->p_memsz };
	segments->n_load++;
	if ((at > 0 && load[at - 1].gpa + load[at - 1].memory_bytes > load[at].gpa) ||
	    (at + 1 < segments->n_load && load[at].gpa + load[at].memory_bytes > load[at + 1].gpa))
		return err_say(err, EINVAL, "malformed: two segments overlap at 0x%" PRIx64,
			       (uint64_t)phdr->p_paddr);
	return 0;
}

int elf_parse_segments(const uint8_t *table, size_t table_bytes, uint64_t file_bytes,
		       struct elf_segments *ret_segments, struct err *err)
{
	*ret_segments = (struct elf_segments){ 0 };
	for (size_t at = 0; at + sizeof(Elf64_Phdr) <= table_bytes; at += sizeof(Elf64_Phdr)) {
		Elf64_Phdr phdr;
		int r = 0;

		memcpy(&phdr, table + at, sizeof(phdr));
		if (phdr.p_type == PT_LOAD && phdr.p_memsz > 0) {
			r = check_load(&phdr, file_bytes, err);
			if (r == 0)
				r = add_load(ret_segments, &phdr, err);
		} else if (phdr.p_type == PT_NOTE && phdr.p_offset <= file_bytes &&
			   phdr.p_filesz <= file_bytes - phdr.p_offset) {
			ret_segments->notes_offset = phdr.p_offset;
			ret_segments->notes_bytes = MIN(phdr.p_filesz, (uint64_t)ELF_NOTES_MAX);
		}
		if (r < 0)
			return r;
	}
	if (ret_segments->n_load == 0)
		return err_say(err, EINVAL, "an ELF file with nothing to load");
	return 0;
}

static bool in_segments(const struct elf_segments *segments, gpa_t gpa)
{
	for (size_t i = 0; i < segments->n_load; i++) {
		const struct elf_segment *s = &segments->load[i];

		if (gpa >= s->gpa && gpa - s->gpa < s->memory_bytes)
			return true;
	}
	return false;
}

/* The value of a note's payload: kernels write 4 or 8 bytes. False for any other size. */
static bool note_value(const uint8_t *payload, size_t bytes, uint64_t *ret_value)
{
	uint32_t value32;

	if (bytes == sizeof(uint64_t)) {
		memcpy(ret_value, payload, sizeof(uint64_t));
		return true;
	}
	if (bytes != sizeof(uint32_t))
		return false;
	memcpy(&value32, payload, sizeof(value32));
	*ret_value = value32;
	return true;
}

int elf_find_pvh_entry(const uint8_t *notes, size_t notes_bytes,
		       const struct elf_segments *segments, gpa_t *ret_entry, struct err *err)
{
	size_t at = 0;

	while (notes_bytes - at >= sizeof(Elf64_Nhdr)) {
		size_t name_room, payload_room;
		uint64_t value;
		Elf64_Nhdr note;

		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		/* 32-bit sizes rounded up to 4 fit a size_t, so the sums below do not wrap. */
		name_room = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		payload_room = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name_room > notes_bytes - at || note.n_descsz > notes_bytes - at - name_room)
			break;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
		    memcmp(notes + at, "Xen", 4) == 0 &&
		    note_value(notes + at + name_room, note.n_descsz, &value)) {
			if (!in_segments(segments, value) || value > UINT32_MAX)
				return err_say(err, EINVAL,
					       "malformed: its PVH entry 0x%" PRIx64
					       " lies outside its segments",
					       value);
			*ret_entry = value;
			return 0;
		}
		if (payload_room > notes_bytes - at - name_room)
			break;
		at += name_room + payload_room;
	}
	return err_say(err, ENOEXEC,
		       "has no PVH entry point: not a Linux kernel, or one built without "
		       "CONFIG_PVH=y; give a vmlinux with it, or a bzImage");
}
