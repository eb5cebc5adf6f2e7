// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/* A place in a short text that is being read by a hand-written parser, and the way to say what is
 * wrong at it. Shared by requirements, markers and specifiers, which nest in each other. */

#include "basic/fault.h"
#include "basic/macro.h"
#include "basic/text.h"

typedef struct Syntax {
        Text text;
        size_t position;
        const char *kind;   /* what is being read: "a requirement" */
        const char *spaces; /* which characters are white space here */
        size_t *ret_offset; /* where the byte of a mistake goes; may be NULL */
        Fault *fault;       /* may be NULL */
} Syntax;

/* Spaces of PEP 508, and of texts that are read alone. */
#define SYNTAX_BLANKS " \t"
#define SYNTAX_SPACES " \t\n\r\f\v"

static inline bool syntax_at_end(const Syntax *syntax) {
        return syntax->position == syntax->text.length;
}

/* The next character, '\0' at the end (a NUL within the text is no syntax of any grammar here). */
static inline char syntax_peek(const Syntax *syntax) {
        return syntax_at_end(syntax) ? '\0' : syntax->text.data[syntax->position];
}

static inline Text syntax_since(const Syntax *syntax, size_t start) {
        return (Text){ syntax->text.data + start, syntax->position - start };
}

/* Returns whether there was any. */
bool syntax_skip_space(Syntax *syntax);
/* Moves behind @literal if it is next. */
bool syntax_accept(Syntax *syntax, const char *literal);
/* The same for a word that no letter, digit or '_' continues. */
bool syntax_accept_word(Syntax *syntax, const char *word);

/* Reports a mistake at @position: "'name[' is not a requirement: expected the name of an extra
 * (character 6)." The text is shown shortened and without control characters. Returns -EINVAL. */
_printf_(3, 4) int syntax_fail(Syntax *syntax, size_t position, const char *format, ...);
