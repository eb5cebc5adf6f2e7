// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What is mounted where, as pure data: ordered operations that build the root of a sandbox or the
 * overlays of a generation. Printable, comparable, made without root; carried out by mount-apply. */

#include "basic/macro.h"
#include "basic/packet.h"

enum {
        MOUNT_LIST_MAX = 2048,
        MOUNT_LOWERS_MAX = 500,
        MOUNT_INDEX_NONE = UINT32_MAX
};

typedef enum MountKind {
        MOUNT_DIRECTORY, /* made if absent, with @mode */
        MOUNT_LINK,      /* symbolic link to @source */
        MOUNT_TMPFS,
        MOUNT_BIND, /* host path @source, or the directory with index @index */
        MOUNT_SAME, /* host path @source as it is there: link copied, directory or file bound, absent skipped */
        MOUNT_OVERLAY, /* @lowers, @upper, @work: indices */
        MOUNT_PROC,
        MOUNT_DEVICES,   /* minimal /dev with an own devpts */
        MOUNT_MASK,      /* hidden: an empty file or directory without permissions covers it */
        MOUNT_READ_ONLY, /* what is mounted there already becomes read-only (not below it) */
        _MOUNT_KIND_MAX,
        _MOUNT_KIND_INVALID = -EINVAL,
} MountKind;

typedef enum MountFlags {
        MOUNT_FLAG_READ_ONLY = 1 << 0,
        MOUNT_FLAG_OPTIONAL = 1 << 1, /* an absent source or target is no failure */
        MOUNT_FLAG_NOEXEC = 1 << 2,
        MOUNT_FLAG_USERXATTR = 1 << 3,
        _MOUNT_FLAGS_ALL = (1 << 4) - 1,
} MountFlags;

typedef struct Mount {
        MountKind kind;
        uint32_t flags;
        char *target;   /* absolute, inside */
        char *source;   /* host path or link text; NULL */
        uint32_t index; /* of a directory; MOUNT_INDEX_NONE */
        uint32_t upper; /* overlay; MOUNT_INDEX_NONE: read-only, without one */
        uint32_t work;
        uint32_t *lowers; /* topmost first */
        size_t n_lowers;
        uint64_t size_bytes; /* tmpfs; 0: the kernel's */
        uint64_t n_inodes;
        uint32_t mode;
} Mount;

typedef struct MountList {
        Mount *items;
        size_t n_items;
        size_t n_allocated;
} MountList;

void mount_list_done(MountList *list);
#define _cleanup_mount_list_ _cleanup_(mount_list_done)

/* Values of a sandbox's root. Paths are absolute and canonical. */
typedef struct RootSpec {
        const char *home;    /* NULL: none */
        const char *project; /* NULL: none */
        uint32_t project_index;
        const char *generation;    /* path of the generation directory; NULL: none (helper) */
        const char *current_link;  /* "<id>/current", made to lead to it; NULL: none */
        const char *site_packages; /* relative to @generation */
        char *const *entries; /* names in the generation that are shown read-only: "pyvenv.cfg", "share" */
        char *const *entry_links; /* pairs (name, target): links in the generation: "lib64", "lib" */
        const char *python_prefix;
        char *const *read_only_paths;
        char *const *hidden_paths;
        const struct RootDirectory {
                const char *path;
                uint32_t index;
                bool is_writable;
        } * directories;
        size_t n_directories;
        uint64_t scratch_max_bytes;
        bool hides_secrets; /* /etc comes from the generation's filtered view */
} RootSpec;

/* Operations that build the root of a sandbox; parents always come before what lies below them. */
_must_use_ int mount_list_for_root(const RootSpec *spec, MountList *ret);

/* Operations that mount a generation's overlays on the stage: /site, /bin and /etc. */
enum {
        OVERLAY_INDEX_BIN, /* the generation's own bin/ */
        OVERLAY_INDEX_UPPER,
        OVERLAY_INDEX_WORK,
        OVERLAY_INDEX_UPPER_BIN,
        OVERLAY_INDEX_WORK_BIN,
        OVERLAY_INDEX_HIDDEN, /* whiteouts of what not everybody may read in /etc */
        OVERLAY_INDEX_ETC,
        OVERLAY_INDEX_LAYERS, /* and what follows, topmost first */
};

typedef struct OverlaySpec {
        size_t n_layers;
        bool is_in_user_namespace;
        bool etc_is_bound;       /* /etc as it is with masks, where no overlay over it can be had */
        char *const *etc_mounts; /* what is mounted below /etc: "/etc/hosts" in containers; may be NULL */
} OverlaySpec;

_must_use_ int mount_list_for_generation(const OverlaySpec *spec, MountList *ret);

/* One operation a line, as the golden tests and `blast debug plan` show it. */
_must_use_ int mount_list_format(const MountList *list, char **ret);

void packet_put_mount_list(PacketWriter *writer, const MountList *list);
_must_use_ int packet_get_mount_list(PacketReader *reader, MountList *ret);

/* Is @path equal to or below @parent? */
_pure_ bool path_is_below(const char *path, const char *parent);
/* Below /usr or its kin, which every sandbox shows read-only. */
_pure_ bool path_is_in_base(const char *path);

const char *mount_kind_to_string(MountKind kind);
