# journeyd. GNU Make, gcc or clang, pkg-config.
#
#   make           build/release/journeyd
#   make unit      unit tests (Criterion)
#   make lint      layers, purity, cppcheck, clang-tidy, format, shell
#   make format    clang-format in place
#   make install   PREFIX, DESTDIR
#   make clean     removes build/
#   make help      this text
# V=1 shows commands; BUILD=release|debug|asan|tsan|faults picks the build; CC, CFLAGS, LDFLAGS are yours.
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
$(foreach l,$(LAYERS),$(eval SRC_$l := $(sort $(shell find daemon/$l -name '*.c'))) \
                      $(eval OBJ_$l := $$(patsubst %.c,$(O)/%.o,$$(SRC_$l))))
OBJ_all := $(foreach l,$(LAYERS),$(OBJ_$l))
PKGS := rdkafka hiredis avro-c yaml-0.1 libmicrohttpd jansson libcurl zlib libcrypto
ifneq ($(filter-out clean format help,$(or $(MAKECMDGOALS),all)),)
  PKG_CF := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
  PKG_LD := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

.PHONY: all help
all: $(O)/journeyd
help:
	@sed -n 's/^#  \{0,1\}//p;/^\.DELETE/q' Makefile

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
	$(Q)set -e; for t in $^; do echo "  TEST   $$t"; ASAN_OPTIONS=abort_on_error=1 $$t $(TESTFLAGS); done

C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.[ch]')
.PHONY: lint format clean
lint:
	$(Q)tests/lint/layers.sh
format:
	clang-format -i $(C_FILES)
clean:
	rm -rf build

-include $(patsubst %.o,%.d,$(OBJ_all)) $(wildcard $(O)/tests/*/*.d $(O)/tests/*/*/*.d)
