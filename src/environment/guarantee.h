// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* One row per promise of the sandbox: what is promised, whether it holds, by what mechanism, and
 * why not. Rows are read back from inside or from the kernel, never from what was wished. */

#include "basic/macro.h"
#include "basic/packet.h"

enum {
        GUARANTEES_MAX = 64
};

typedef enum GuaranteeState {
        GUARANTEE_HELD,
        GUARANTEE_WEAKER,
        GUARANTEE_NOT_HELD,
        GUARANTEE_UNKNOWN,
        _GUARANTEE_STATE_MAX,
        _GUARANTEE_STATE_INVALID = -EINVAL,
} GuaranteeState;

typedef struct Guarantee {
        char *name; /* "network-none" */
        GuaranteeState state;
        char *mechanism; /* "network namespace with lo only" */
        char *reason;    /* why not, or what was read back; "" if there is nothing to say */
} Guarantee;

typedef struct Guarantees {
        Guarantee *items;
        size_t n_items;
        size_t n_allocated;
} Guarantees;

/* What the reader must know of the wish, to compare. */
typedef struct GuaranteeWish {
        const char *home;          /* hidden; NULL: not looked at */
        const char *project;       /* writable */
        const char *site_packages; /* an overlay with private upper */
        bool has_user_namespace;
        bool upper_is_volatile; /* on a tmpfs, because the file system cannot hold one */
        bool proc_is_partial;
        uint64_t memory_max_bytes;      /* 0: not wished */
        uint64_t n_processes_max;       /* 0: not wished */
        uint64_t file_max_bytes;        /* 0: not wished */
        const char *limit_reason;       /* why cgroups hold no limit */
        uint64_t namespaces_outside[6]; /* inodes of mnt pid ipc uts cgroup net outside */
} GuaranteeWish;

void guarantees_done(Guarantees *guarantees);
#define _cleanup_guarantees_ _cleanup_(guarantees_done)
_must_use_ int
guarantees_add(Guarantees *guarantees,
               const char *name,
               GuaranteeState state,
               const char *mechanism,
               const char *reason);
const Guarantee *guarantees_find(const Guarantees *guarantees, const char *name);
_must_use_ int guarantees_copy(const Guarantees *from, Guarantees *ret);
/* True when a row that a written `strict` insists on does not hold; its name in @ret_name. */
bool guarantees_miss_strict(const Guarantees *guarantees, const char **ret_name);

/* Reads every row from the calling process, which is the sandbox's first and fully confined. */
_must_use_ int guarantees_read_back(const GuaranteeWish *wish, Guarantees *ret);
/* Inodes of the caller's namespaces in the order of GuaranteeWish; 0 where unknown. */
void namespaces_identify(uint64_t ret[static 6]);

void packet_put_guarantees(PacketWriter *writer, const Guarantees *guarantees);
_must_use_ int packet_get_guarantees(PacketReader *reader, Guarantees *ret);

const char *
guarantee_state_to_string(GuaranteeState state); /* "held", "weaker", "not-held", "unknown" */
