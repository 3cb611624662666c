/* SPDX-License-Identifier: Apache-2.0 */
/* Small kernels made in memory. */
#include "tests/unit/vmm/boot/kernel-files.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/fd.h"

void elf_file_make(struct elf_file *file)
{
	_Static_assert(sizeof(*file) == FILE_BYTES, "as laid out");
	*file = (struct elf_file){
		.ehdr = { .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 2 },
		.load = { .p_type = PT_LOAD,
			  .p_offset = FILE_SEGMENT_OFFSET,
			  .p_paddr = 16 << 20,
			  .p_filesz = 0x1000,
			  .p_memsz = 0x2000 },
		.note = { .p_type = PT_NOTE, .p_offset = FILE_NOTE_OFFSET, .p_filesz = 20 },
		.note_header = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
		.note_name = "Xen",
		.note_value = (16 << 20) + 0x40,
	};
	memcpy(file->ehdr.e_ident, ELFMAG, SELFMAG);
	file->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	file->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	memset(file->segment, 'K', sizeof(file->segment));
}

static void put(uint8_t *file, size_t at, uint64_t value, size_t bytes)
{
	memcpy(file + at, &value, bytes);
}

void bzimage_file_make(uint8_t file[static BZIMAGE_FILE_BYTES])
{
	memset(file, 'Z', BZIMAGE_FILE_BYTES);
	memset(file, 0, 1024);
	put(file, 0x1f1, 1, 1); /* one sector of setup beside the first */
	put(file, 0x1f4, (BZIMAGE_FILE_BYTES - 1024) / 16, 4);
	put(file, 0x1fe, 0xaa55, 2);
	put(file, 0x200, 0x6aeb, 2); /* jumps to 0x26c */
	memcpy(file + 0x202, "HdrS", 4);
	put(file, 0x206, 0x020f, 2);
	put(file, 0x211, 1, 1); /* loaded high */
	put(file, 0x22c, 0x7fffffff, 4);
	put(file, 0x230, 0x200000, 4);
	put(file, 0x234, 1, 1); /* relocatable */
	put(file, 0x236, 1, 2); /* has a 64-bit entry */
	put(file, 0x238, 2047, 4);
	put(file, 0x258, 16 << 20, 8);
	put(file, 0x260, 1 << 20, 4);
}

int file_with(const void *bytes, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert(fd >= 0);
	if (fd_write_full(fd, bytes, len) < 0)
		assert(!"a memfd can be written");
	return fd;
}
