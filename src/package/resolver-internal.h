// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* What resolver.c, resolver-input.c and explain.c share of a resolution: which package of the solver is what, and the
 * reasons behind its numbers. Not for others. */

#include "basic/table.h"
#include "package/resolver.h"

enum {
        RESOLVER_NUMBER_NONE = UINT32_MAX
};

typedef enum DetailKind {
        DETAIL_NONE,
        DETAIL_REQUIREMENT, /* @requirement, of the project at @origin or of a version */
        DETAIL_EXTRA,       /* a package with an extra is that version of the package */
        DETAIL_CANDIDATE,   /* versions in @state; @text: the Python they need */
        DETAIL_REFUSED,     /* @text is the reason */
} DetailKind;

typedef struct Distribution Distribution;

/* Why an incompatibility was told to the solver. */
typedef struct Detail {
        DetailKind kind;
        CandidateState state;
        const Distribution *distribution;
        const Requirement *requirement;
        const char *origin;
        const char *text;
} Detail;

/* What is known of one version. */
typedef struct Release {
        const Requirement *const *requirements;
        size_t n_requirements;
        const char *const *extras; /* it provides, normalised; NULL-terminated */
        const char *refusal;       /* NULL: it can be used */
        bool is_known;
        bool was_wanted;
} Release;

typedef struct Extra {
        const char *name;
        uint32_t number; /* in the solver */
        struct Extra *next;
} Extra;

struct Distribution {
        const char *name;
        const char *url;
        Candidates *candidates; /* NULL: not told yet */
        Release *releases;      /* by candidate */
        IndexPage **pages;      /* owned */
        size_t n_pages;
        uint32_t number; /* in the solver */
        Extra *extras;
        Range hint; /* what was required of it so far, for guessing ahead */
        bool has_hint;
        bool was_wanted;
        bool was_guessed;
        bool is_direct;
        CandidateWish wish;
        Range allowed; /* what @wish points to */
        Range pinned;
        const char *constraint_origin;
};

typedef struct SolverPackage {
        Distribution *distribution; /* NULL: the project */
        const char *extra;          /* NULL: the package itself */
} SolverPackage;

struct Resolver {
        ResolverInput input;
        Arena *arena;
        CandidateRules *rules;
        Solver *solver;
        Table *distributions; /* by name */
        SolverPackage *packages;
        size_t n_packages;
        size_t n_packages_allocated;
        Detail *details;
        size_t n_details;
        size_t n_details_allocated;
        ResolverStep *wanted;
        size_t n_wanted;
        size_t n_wanted_allocated;
        size_t wanted_position;
        uint32_t conflict; /* of RESOLVER_UNSOLVABLE */
        bool has_failed;   /* memory was out inside a callback */
};

/* Errors: -ENOMEM. */
_must_use_ int resolver_distribution(Resolver *resolver, const char *name, Distribution **ret);
/* Whether @requirement counts here, for the package itself or for one of its extras. */
bool resolver_applies(const Resolver *resolver, const Requirement *requirement, const char *extra);
/* Only the project may name URLs: otherwise any package could bring in files from anywhere. */
bool resolver_refuses_url(const Resolver *resolver, const Requirement *requirement);
/* Remembers that @requirement may be needed and puts on the list what to ask for. Errors: -ENOMEM. */
_must_use_ int resolver_expect(Resolver *resolver, const Requirement *requirement);
/* Puts metadata of a version on the list. Errors: -ENOMEM. */
_must_use_ int
resolver_want_metadata(Resolver *resolver, Distribution *distribution, uint32_t version);
/* Puts the details of one requirement into the table; 0 is never a valid number. Errors: -ENOMEM. */
_must_use_ int resolver_add_detail(Resolver *resolver, const Detail *detail, uint32_t *ret);

/* Appends versions in words: "2.0", ">=1.0,<2.0", "" where every version is meant. Only for positive sets. */
void resolver_add_set(
                const Resolver *resolver,
                Builder *builder,
                uint32_t package,
                const VersionSet *set);
/* Appends the name, with its extra: "a", "a[b]", "the project". */
void resolver_add_name(const Resolver *resolver, Builder *builder, uint32_t package);
/* The solver's callback for the trace; @userdata is the resolver. */
void resolver_note(void *userdata, const SolverNote *note);
