# A thin front for meson and the scripts: each target says what it runs.
BUILD ?= build
SAN = $(BUILD)-sanitized
export KATA_LIKE_BUILD = $(abspath $(BUILD))

.PHONY: all build guest demo check bench shell install clean format help

all: build guest

help:
	@echo 'make demo     install what is needed, build, run a container in a VM'
	@echo 'make check    install what is needed, build, run every test suite'
	@echo 'make          build the programs and the guest (kernel, initramfs) in $(BUILD)/'
	@echo 'make bench    measure start-up, size and throughput (bench/)'
	@echo 'make shell    a shell in an emulated KVM host, for machines without KVM'
	@echo 'make install  install into PREFIX (/usr/local)'
	@echo 'make format   lay out the C files as .clang-format says'

$(BUILD)/build.ninja:
	meson setup $(BUILD)

$(SAN)/build.ninja:
	meson setup $(SAN) -Db_sanitize=address,undefined -Db_lundef=false

build: $(BUILD)/build.ninja
	meson compile -C $(BUILD)

# The guest kernel is built once and cached; see guest-kernel-config/.
guest: build
	scripts/guest.sh $(BUILD)

demo:
	scripts/setup.sh build demo
	$(MAKE) all
	scripts/demo.sh

check:
	scripts/setup.sh build check
	$(MAKE) all $(SAN)/build.ninja
	scripts/check.sh $(BUILD) $(SAN)

bench: all
	bench/run.sh

shell: all
	tests/kvmhost/kvmhost shell

PREFIX ?= /usr/local
install: all
	meson configure $(BUILD) --prefix=$(PREFIX)
	meson install -C $(BUILD)
	install -d $(DESTDIR)$(PREFIX)/share/kata-like
	install -m 0644 $(BUILD)/guest/vmlinux $(BUILD)/guest/initramfs.img $(DESTDIR)$(PREFIX)/share/kata-like

format:
	find lib proto oci shim cli vmm agent tests bench -name '*.[ch]' -exec clang-format -i {} +

clean:
	rm -rf $(BUILD) $(SAN)
