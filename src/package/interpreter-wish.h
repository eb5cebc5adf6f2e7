// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A request for a Python, read once: a path, up to three numbers, or specifiers, within the bounds of
 * requires-python. Private to the search. */

#include "basic/macro.h"
#include "package/interpreter-find.h"
#include "package/specifier.h"

typedef struct Wish {
        Arena *memory;
        const char *path; /* of a request for a path */
        int major;        /* -1: any; so the next two */
        int minor;
        int micro;
        bool has_specifiers;
        SpecifierSet specifiers; /* of the request */
        SpecifierSet bounds;     /* of requires-python */
} Wish;

#define WISH_ANY(arena) \
        { .memory = (arena), .major = -1, .minor = -1, .micro = -1 }

/* Errors: -EINVAL with a fault PROJECT_INVALID: it cannot be read; -ENOMEM. */
_must_use_ int wish_read(const InterpreterRequest *request, Wish *wish, Fault *fault);

/* Whether a version with these numbers is what is wanted; @micro < 0: whether one with some third
 * number is. Returns 1, 0, or -ENOMEM. */
_must_use_ int wish_fits(const Wish *wish, int major, int minor, int micro);

/* "3", "3.11" or "3.11.4"; numbers that are not there become -1. */
bool wish_parse_numbers(const char *text, int *ret_major, int *ret_minor, int *ret_micro);

/* Appends what is wanted, with a space before it, as part of a sentence. */
void wish_describe(Builder *builder, const InterpreterRequest *request);
