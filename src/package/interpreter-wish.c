// SPDX-License-Identifier: LGPL-2.1-or-later

#include <stdio.h>

#include "basic/fault.h"
#include "package/interpreter-wish.h"

enum {
        MICRO_MAX = 99
};

/* "3", "3.11" or "3.11.4". */
bool wish_parse_numbers(const char *text, int *ret_major, int *ret_minor, int *ret_micro) {
        int numbers[3] = { -1, -1, -1 };
        size_t n = 0;

        while (n < ELEMENTSOF(numbers)) {
                size_t length = strspn(text, "0123456789");

                if (length == 0 || length > 3)
                        return false;
                numbers[n++] = atoi(text);
                text += length;
                if (!*text) {
                        *ret_major = numbers[0];
                        *ret_minor = numbers[1];
                        *ret_micro = numbers[2];
                        return true;
                }
                if (*text++ != '.')
                        return false;
        }

        return false;
}

static int fail_request(const char *text, const char *origin, const char *reason, Fault *fault) {
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_PROJECT_INVALID,
                        origin,
                        "'%.100s' does not say which Python is wanted: %s",
                        text,
                        reason ?: "\"3.11\", \">=3.10,<3.13\" or a path would.");
}

static int
read_specifiers(Arena *memory,
                const char *text,
                const char *origin,
                SpecifierSet *ret,
                Fault *fault) {
        _cleanup_fault_ Fault reason = {};
        int r;

        r = specifier_set_parse(memory, text_of(text), ret, NULL, &reason);
        return r < 0 && r != -ENOMEM ? fail_request(text, origin, reason.message, fault) : r;
}

int wish_read(const InterpreterRequest *request, Wish *wish, Fault *fault) {
        static const char *const prefixes[] = { "cpython", "python" };
        const char *text = request->python;
        int r;

        if (request->requires_python) {
                r =
                                read_specifiers(wish->memory,
                                                request->requires_python,
                                                request->requires_python_origin,
                                                &wish->bounds,
                                                fault);
                if (r < 0)
                        return r;
        }
        if (text_is_empty(text))
                return 0;

        if (strchr(text, '/')) {
                if (text[0] != '/')
                        return fail_request(
                                        text,
                                        request->python_origin,
                                        "the path is not absolute.",
                                        fault);
                wish->path = text;
                return 0;
        }

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
                const char *rest = string_after(text, prefixes[i]);

                if (rest) {
                        text = rest + strspn(rest, "-@");
                        break;
                }
        }
        if (!*text || wish_parse_numbers(text, &wish->major, &wish->minor, &wish->micro))
                return 0;

        r = read_specifiers(wish->memory, text, request->python_origin, &wish->specifiers, fault);
        if (r < 0)
                return r;
        wish->has_specifiers = true;
        return 0;
}

/* Whether a version with these numbers is what is wanted; @micro < 0: some third number would be. */
int wish_fits(const Wish *wish, int major, int minor, int micro) {
        int first = micro < 0 ? 0 : micro, last = micro < 0 ? MICRO_MAX : micro;
        char text[48];
        int r;

        if ((wish->major >= 0 && wish->major != major) ||
            (wish->minor >= 0 && wish->minor != minor))
                return false;
        if (wish->micro >= 0 && micro >= 0 && wish->micro != micro)
                return false;
        if (wish->micro >= 0)
                first = last = wish->micro;

        for (int i = first; i <= last; i++) {
                const Version *version;

                (void) snprintf(text, sizeof(text), "%d.%d.%d", major, minor, i);
                r = version_parse(wish->memory, text_of(text), &version);
                if (r < 0)
                        return r;
                if (specifier_set_contains(&wish->specifiers, version) &&
                    specifier_set_contains(&wish->bounds, version))
                        return true;
        }

        return false;
}

void wish_describe(Builder *builder, const InterpreterRequest *request) {
        if (!text_is_empty(request->python)) {
                builder_add_format(builder, " '%s'", request->python);
                if (request->python_origin)
                        builder_add_format(builder, " (%s)", request->python_origin);
        }
        if (!text_is_empty(request->requires_python)) {
                builder_add_format(
                                builder,
                                "%s '%s'",
                                text_is_empty(request->python) ? "" : " within",
                                request->requires_python);
                builder_add_format(
                                builder,
                                " (requires-python%s%s)",
                                request->requires_python_origin ? " in " : "",
                                request->requires_python_origin ?: "");
        }
}
