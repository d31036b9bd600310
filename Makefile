# journeyd. GNU Make 4, gcc or clang, pkg-config.
#
#   make              build/release/journeyd
#   make demo         71,036 real records through Kafka and the daemon, then a planned-visit scene
#   make check        everything that can be proved in 20 minutes: lint, unit, law, broker
#   make unit         unit tests only (Criterion); needs no service
#   make crash        kill -9 at labelled points and at random: KILLS=300 SEED=1
#   make asan | tsan  unit and broker tests under AddressSanitizer + UBSan | the daemon under ThreadSanitizer
#   make bench        the daemon against a bare librdkafka loop on the same records; tests/bench/repeat.py feeds
#                     the real records to replay until they are 100 million, and watches its memory
#   make lint         layers, purity, cppcheck, clang-tidy, format, shell, options against README
#   make format       clang-format in place
#   make reference    the generated parts of README.md and config/journeyd.yaml
#   make install      PREFIX, DESTDIR, SYSCONFDIR, UNITDIR; make uninstall takes it back
#   make clean        removes build/ (the download cache stays)
#   make help         this text
#
# V=1 shows commands; BUILD=release|debug|asan|tsan|faults picks the build; CC, CFLAGS, LDFLAGS are yours.
# demo and check say what they download and install (Debian packages as root only), then start their own
# Kafka, Redis and registry on free ports, or use KAFKA=host:port REDIS=url REGISTRY=url.
# JD_CACHE=DIR keeps downloads elsewhere than .cache/.
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
SHELL := /bin/bash

VERSION    := 0.1.0
BUILD      ?= release
O          := build/$(BUILD)
.PRECIOUS: $(O)/%.o
PREFIX     ?= /usr/local
CFLAGS     ?= -O2 -g
PKG_CONFIG ?= pkg-config
WERROR     ?= -Werror
ifeq ($(origin CC),default)
CC := gcc
endif

try = $(shell $(CC) $(1) -Werror -x c -c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wstrict-prototypes \
        -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Wcast-qual -Wwrite-strings \
        -Wpointer-arith -Wdouble-promotion -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference \
        $(foreach f,-Wlogical-op -Wduplicated-cond -Wcast-align=strict -Wtrampolines,$(call try,$(f)))
HARDEN := -fPIE -fstack-protector-strong -fno-delete-null-pointer-checks -fno-strict-overflow \
        $(foreach f,-fstack-clash-protection -fcf-protection=full,$(call try,$(f)))
# -ffp-contract=off: the same decision on every machine.
JD_CFLAGS   := -std=c17 $(WARN) -fno-omit-frame-pointer -ffp-contract=off
JD_CPPFLAGS := -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DJD_VERSION='"$(VERSION)"' -Iinclude -Idaemon -I$(O)/gen
JD_LDFLAGS  := -Wl,--as-needed

ifeq ($(BUILD),release)
  JD_CFLAGS   += $(HARDEN)
  JD_CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
  JD_LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack
else ifeq ($(BUILD),debug)
  override CFLAGS := -O0 -g3
else ifeq ($(BUILD),asan)
  override CFLAGS := -O1 -g
  SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(BUILD),tsan)
  override CFLAGS := -O1 -g
  SAN := -fsanitize=thread
  SHIM := $(O)/tests/support/c11threads_shim.o
  JD_LDFLAGS += -rdynamic
else ifeq ($(BUILD),faults)
  # As release, with labelled crash points, switches for safeguards and shifted clocks (tests only).
  JD_CFLAGS   += $(HARDEN)
  JD_CPPFLAGS += -DJD_FAULTS
else
  $(error BUILD must be release, debug, asan, tsan or faults)
endif

# Layers, lowest first: each may use only those before it (tests/lint/layers.sh).
LAYERS := base engine policy wire adapters shard cli
$(foreach l,$(LAYERS),$(eval SRC_$l := $(sort $(shell find daemon/$l -name '*.c' 2>/dev/null))) \
                      $(eval OBJ_$l := $$(patsubst %.c,$(O)/%.o,$$(SRC_$l))))
OBJ_all := $(foreach l,$(LAYERS),$(OBJ_$l))
PKGS := rdkafka hiredis avro-c yaml-0.1 libmicrohttpd jansson libcurl zlib libcrypto
ifneq ($(filter-out clean format help uninstall setup setup-check lint demo check crash asan tsan bench,$(or $(MAKECMDGOALS),all)),)
  PKG_CF := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
  PKG_LD := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

.PHONY: all help
all: $(O)/journeyd
help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile

# A change of compiler or flags rebuilds everything.
FLAGS = $(CC) $(CFLAGS) $(JD_CFLAGS) $(SAN) $(WERROR) $(CPPFLAGS) $(JD_CPPFLAGS) $(PKG_CF)
$(O)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' > $@
FORCE:

# The contract is compiled in: event types, schemas.
GEN := $(O)/gen/types.inc $(O)/gen/schemas.inc
$(O)/gen/types.inc: schemas/types.csv daemon/base/types.awk
	@mkdir -p $(@D)
	$(Q)awk -f daemon/base/types.awk $< > $@
$(O)/gen/schemas.inc: $(wildcard schemas/*.avsc) daemon/base/schemas.awk
	@mkdir -p $(@D)
	$(Q)awk -f daemon/base/schemas.awk $(sort $(wildcard schemas/*.avsc)) > $@

$(O)/%.o: %.c $(O)/flags | $(GEN)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(JD_CPPFLAGS) $(CPPFLAGS) $(JD_CFLAGS) $(WERROR) $(CFLAGS) $(SAN) $(PKG_CF) -MMD -MP -c $< -o $@

LINK = $(CC) $(CFLAGS) $(SAN) $(JD_LDFLAGS) $(LDFLAGS)
$(O)/journeyd: $(OBJ_all) $(SHIM)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) $(LDLIBS) -pthread

# One unit-test binary a layer, linked with that layer and those below it: an upward arrow does not link.
below = $(if $(filter $(1),$(firstword $(2))),$(1),$(firstword $(2)) $(call below,$(1),$(wordlist 2,99,$(2))))
UNIT_LAYERS := $(patsubst tests/unit/%,%,$(wildcard tests/unit/*))
NOT_MAIN = $(filter-out $(O)/daemon/cli/main.o,$(1))
define unit_rule
$(O)/tests/unit-$(1): $(patsubst %.c,$(O)/%.o,$(wildcard tests/unit/$(1)/*.c)) $(call NOT_MAIN,$(foreach l,$(call below,$(1),$(LAYERS)),$(OBJ_$l)))
	$$(call say,LINK,$$@)
	$$(Q)$$(LINK) -o $$@ $$^ $$(PKG_LD) -lcriterion -pthread
endef
$(foreach l,$(UNIT_LAYERS),$(eval $(call unit_rule,$(l))))
UNIT_BINS := $(UNIT_LAYERS:%=$(O)/tests/unit-%)
.PHONY: unit
unit: $(UNIT_BINS)
	$(Q)set -e; for t in $^; do echo "  TEST   $$t"; ASAN_OPTIONS=abort_on_error=1 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/support/lsan.supp:print_suppressions=0 $$t $(TESTFLAGS); done

# The adapters against real services; a plain program.
$(O)/tests/adapters-run: $(patsubst %.c,$(O)/%.o,$(wildcard tests/adapters/*.c)) $(foreach l,base engine policy wire adapters,$(OBJ_$l)) $(SHIM)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) -pthread

# What a check needs beside the release build: the build with crash points, the bare loop of the bench.
.PHONY: demo check crash asan tsan bench setup setup-check
setup:
	@echo "setup: Kafka, Redis and the daemon together take about 1.5 GB of memory"
	$(Q)tests/setup/packages.sh run
	$(Q)$(if $(KAFKA),,tests/setup/services.sh kafka)
setup-check:
	@echo "setup: compilers, Kafka, Redis, the registry and the daemons together take about 3 GB of memory"
	$(Q)tests/setup/packages.sh check
	$(Q)$(if $(KAFKA),,tests/setup/services.sh kafka) ; $(if $(REGISTRY),,tests/setup/services.sh registry)

demo: setup
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/demo/run.sh
check: setup-check
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(MAKE) --no-print-directory BUILD=faults all build/faults/tests/rebuild
	$(Q)$(MAKE) --no-print-directory unit-build $(O)/tests/rebuild
	$(Q)tests/run.sh $(SUITES)
crash: setup-check
	$(Q)$(MAKE) --no-print-directory BUILD=faults all
	$(Q)tests/crash/run.sh --kills $(or $(KILLS),60) --seed $(or $(SEED),1)
	$(Q)tests/crash/run.sh outage --seed $(or $(SEED),1)
asan: setup-check
	$(Q)$(MAKE) --no-print-directory BUILD=asan all unit-build
	$(Q)ASAN_OPTIONS=quarantine_size_mb=16 BUILD=asan tests/run.sh $(or $(SUITES),unit adapters cli records commands doors formats)
tsan: setup-check
	$(Q)$(MAKE) --no-print-directory BUILD=tsan all build/tsan/tests/adapters-run
	$(Q)TSAN_OPTIONS=suppressions=$(CURDIR)/tests/support/tsan.supp BUILD=tsan tests/run.sh $(or $(SUITES),adapters records doors formats)
bench: setup-check
	$(Q)$(MAKE) --no-print-directory all $(O)/tests/floor $(O)/tests/engine $(O)/tests/wire
	$(Q)tests/bench/run.sh
$(O)/tests/engine: $(O)/tests/bench/engine.o $(OBJ_base) $(OBJ_engine) $(OBJ_policy)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) -pthread
$(O)/tests/wire: $(O)/tests/bench/wire.o $(OBJ_base) $(OBJ_engine) $(OBJ_wire)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) -pthread
$(O)/tests/floor: $(O)/tests/bench/floor.o
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) -pthread

# Histories in random batches with states rebuilt on the way; the law's second half.
$(O)/tests/rebuild: $(O)/tests/law/rebuild.o $(foreach l,base engine policy wire,$(OBJ_$l))
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) -pthread

C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.[ch]')
.PHONY: lint reference format clean unit-build engine-objects
unit-build: $(UNIT_BINS)
engine-objects: $(OBJ_engine) $(GEN)
# Purity is read off an unoptimised build: an optimiser may delete a call that should not be there.
lint:
	$(Q)$(MAKE) --no-print-directory BUILD=debug engine-objects build/debug/tests/reference
	$(Q)tests/lint/lint.sh
# The generated parts of README.md and config/journeyd.yaml.
reference: $(O)/tests/reference
	$(Q)tests/lint/reference.sh write $<
$(O)/tests/reference: $(O)/tests/lint/reference.o $(OBJ_base) $(OBJ_engine) $(OBJ_policy)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LD) -pthread
format:
	$(Q)for run in 1 2 3 4 5 6 7 8; do \
	    files=$$(clang-format --dry-run $(C_FILES) 2>&1 | sed -n 's/:.*warning:.*//p' | sort -u); \
	    [ -n "$$files" ] || break; clang-format -i $$files; done
clean:
	rm -rf build

BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share/journeyd
SYSCONFDIR ?= /etc
LIBDIR     ?= $(PREFIX)/lib
UNITDIR    ?= $(LIBDIR)/systemd/system
INSTALL    ?= install
# Everything that install writes, for uninstall; the configuration is an administrator's and stays.
.PHONY: install uninstall
install: $(O)/journeyd
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(SYSCONFDIR)/journeyd' '$(DESTDIR)$(DATADIR)/schemas' \
	    '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(LIBDIR)/sysusers.d' '$(DESTDIR)$(LIBDIR)/tmpfiles.d'
	$(INSTALL) -m 0755 $(O)/journeyd '$(DESTDIR)$(BINDIR)/journeyd'
	$(INSTALL) -m 0644 $(wildcard schemas/*) '$(DESTDIR)$(DATADIR)/schemas/'
	cp -R --no-preserve=ownership config/policies '$(DESTDIR)$(DATADIR)/'
	$(INSTALL) -m 0644 config/journeyd.yaml '$(DESTDIR)$(DATADIR)/'
	test -e '$(DESTDIR)$(SYSCONFDIR)/journeyd/1.yaml' || \
	    $(INSTALL) -m 0644 config/journeyd.yaml '$(DESTDIR)$(SYSCONFDIR)/journeyd/1.yaml'
	sed -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' 'systemd/journeyd@.service.in' \
	    > '$(DESTDIR)$(UNITDIR)/journeyd@.service'
	$(INSTALL) -m 0644 systemd/sysusers.conf '$(DESTDIR)$(LIBDIR)/sysusers.d/journeyd.conf'
	$(INSTALL) -m 0644 systemd/tmpfiles.conf '$(DESTDIR)$(LIBDIR)/tmpfiles.d/journeyd.conf'
uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/journeyd' '$(DESTDIR)$(UNITDIR)/journeyd@.service' \
	    '$(DESTDIR)$(LIBDIR)/sysusers.d/journeyd.conf' '$(DESTDIR)$(LIBDIR)/tmpfiles.d/journeyd.conf'
	rm -rf '$(DESTDIR)$(DATADIR)'

-include $(patsubst %.o,%.d,$(OBJ_all)) $(wildcard $(O)/tests/*/*.d $(O)/tests/*/*/*.d)
