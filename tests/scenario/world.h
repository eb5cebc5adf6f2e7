// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A made-up package index and machine for whole resolutions in tests: releases with their files and
 * needs, and a loop that answers a resolver from them. */

#include "basic/macro.h"
#include "package/resolver.h"

typedef struct World World;

/* One release while it is being described. */
typedef struct WorldRelease WorldRelease;

/* The machine that resolutions are for. */
typedef struct WorldMachine {
        const char *python;         /* "3.12.1" */
        const char *sys_platform;   /* "linux", "darwin", "win32" */
        const char *machine;        /* "x86_64" */
        const char *implementation; /* "cpython", "pypy" */
} WorldMachine;

/* What is asked. */
typedef struct WorldQuestion {
        WorldMachine machine;
        bool allow_prereleases;
        int64_t exclude_newer_usec;
        bool has_trace;
} WorldQuestion;

World *world_new(void);
World *world_free(World *world);

/* The texts are copied. Aborts where memory is out, as all of this does: it is a test. */
WorldRelease *world_add_release(World *world, const char *name, const char *version);
void release_add_need(WorldRelease *release, const char *requirement);
/* "needs @requirement if @extra is asked for". */
void release_add_extra_need(WorldRelease *release, const char *extra, const char *requirement);
void release_add_extra(WorldRelease *release, const char *extra);
void release_add_wheel(WorldRelease *release, const char *tags); /* none at all: py3-none-any */
void release_add_source(WorldRelease *release);
void release_set_no_wheel(WorldRelease *release);
void release_set_python(WorldRelease *release, const char *specifiers);
void release_set_yanked(WorldRelease *release, const char *reason);
void release_set_uploaded(WorldRelease *release, const char *time);

void world_add_root(World *world, const char *requirement, const char *origin, bool is_constraint);
void world_add_preference(World *world, const char *name, const char *version);

/* Resolves and returns what came out as lines: "a 1.0" for every package, warnings; or the explanation.
 * With a trace it comes first. @ret_is_solved may be NULL. */
char *world_resolve(World *world, const WorldQuestion *question, bool *ret_is_solved);

DEFINE_CLEANUP(World, world_free)
