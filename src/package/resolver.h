// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* The resolution of requirements to versions as a step engine: says which releases and which metadata
 * it needs next and never blocks, reads no file and asks no index. For one interpreter; a resolution for
 * many will hold several of these side by side. */

#include "basic/macro.h"
#include "package/candidate.h"
#include "package/marker.h"
#include "package/metadata.h"
#include "package/requirement.h"
#include "package/solver.h"

typedef struct Resolver Resolver;

/* One requirement of the project. */
typedef struct ResolverRoot {
        const Requirement *requirement;
        const char *origin;  /* "pyproject.toml:12"; NULL: not written anywhere */
        char *const *hashes; /* "sha256:…": only these files; NULL: any */
        bool is_constraint;  /* bounds the versions, asks for nothing */
} ResolverRoot;

typedef struct ResolverPreference {
        const char *name;
        const Version *version;
} ResolverPreference;

/* All borrowed until resolver_free(). */
typedef struct ResolverInput {
        const MarkerEnvironment *markers;
        const TagSet *tags;
        const Version *python;
        const ResolverRoot *roots;
        size_t n_roots;
        const ResolverPreference *preferences; /* versions of an older lock */
        size_t n_preferences;
        int64_t exclude_newer_usec; /* 0: none */
        bool allow_prereleases;
        Builder *trace; /* decisions and lessons as lines; NULL: none */
} ResolverInput;

typedef enum ResolverState {
        RESOLVER_PROGRESS,       /* call again */
        RESOLVER_NEEDS_RELEASES, /* of @name */
        RESOLVER_NEEDS_METADATA, /* of @name in @version, from @file */
        RESOLVER_SOLVED,
        RESOLVER_UNSOLVABLE, /* explain.h says why */
} ResolverState;

typedef struct ResolverStep {
        ResolverState state;
        const char *name;
        const char *url;       /* of releases: the package is this one file, not one of an index */
        uint32_t version;      /* number of the candidate */
        const IndexFile *file; /* the wheel that would be used */
} ResolverStep;

/* A package of the solution. */
typedef struct ResolverPackage {
        const char *name;
        const char *url; /* asked for by URL; NULL: from an index */
        const Version *version;
        const IndexFile *wheel;
        uint32_t number;          /* of the candidate */
        bool is_direct;           /* the project asks for it */
        const char *const *needs; /* names of packages it needs here, sorted */
        size_t n_needs;
} ResolverPackage;

/* Errors: -EINVAL with a fault PROJECT_INVALID: two URLs for one package; -ENOMEM. */
_must_use_ int resolver_new(const ResolverInput *input, Resolver **ret, Fault *fault);
Resolver *resolver_free(Resolver *resolver);

/* Advances by at most one decision. Errors: -ENOMEM. */
_must_use_ int resolver_step(Resolver *resolver, ResolverStep *ret);

/* What will likely be needed, to be asked for ahead: returns false when the list is empty. Each thing
 * comes up once. */
bool resolver_next_wanted(Resolver *resolver, ResolverStep *ret);

bool resolver_has_releases(const Resolver *resolver, const char *name);
bool resolver_has_metadata(const Resolver *resolver, const char *name, uint32_t version);

/* What the indexes say of @name; no pages or pages without files: it does not exist.
 * Ownership: the pages become the resolver's, on failure too. Errors: -ENOMEM. */
_must_use_ int
resolver_add_releases(Resolver *resolver, const char *name, IndexPage **pages, size_t n_pages);
/* Ownership: borrowed for the call. Metadata that cannot be used makes the version unusable; that is
 * no error. Errors: -ENOMEM. */
_must_use_ int resolver_add_metadata(
                Resolver *resolver,
                const char *name,
                uint32_t version,
                const Metadata *metadata);
/* There is none that can be read; @reason is the second half of a sentence: "its metadata …". */
_must_use_ int
resolver_refuse(Resolver *resolver, const char *name, uint32_t version, const char *reason);

/* The solution, sorted by name, valid until resolver_free(). Errors: -ENOMEM. */
_must_use_ int resolver_packages(Resolver *resolver, const ResolverPackage **ret, size_t *ret_n);
/* Sentences about the solution: extras that do not exist, bounds on Python that were passed over.
 * Errors: -ENOMEM. */
_must_use_ int resolver_warnings(Resolver *resolver, char ***ret);

uint32_t resolver_count_decisions(const Resolver *resolver);
uint32_t resolver_count_conflicts(const Resolver *resolver);

DEFINE_CLEANUP(Resolver, resolver_free)
