// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * The report is JSON from a program that ran inside a sandbox, so it is foreign text: every value
 * has to have its type, paths have to be absolute, the one path relative to an environment must
 * stay in it. Then two things are built from it once: the marker environment (PEP 508), and the
 * list of tags (PEP 425, 600, 656) from the interpreter's ABIs and the C library.
 *
 * Keys that are not known are passed over, so that a newer probe can say more; "format" is raised
 * only when a key changes its meaning. */

#include <jansson.h>
#include <stdio.h>

#include "basic/fault.h"
#include "package/interpreter.h"

enum {
        FORMAT = 1,
        ABIS_MAX = 8,
        VALUE_LENGTH_MAX = 4096
};

typedef struct Reader {
        Interpreter *interpreter;
        const json_t *root;
        Fault *fault;
} Reader;

static _printf_(2, 3) int fail(const Reader *reader, const char *format, ...) {
        char sentence[512];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);

        return fault_set(
                        reader->fault,
                        -EINVAL,
                        FAULT_PYTHON_INVALID,
                        reader->interpreter->path,
                        "%s",
                        sentence);
}

/* @object's text of that name; NULL is kept as NULL where @is_optional. */
static int
get_string(const Reader *reader,
           const json_t *object,
           const char *key,
           bool is_optional,
           const char **ret) {
        const json_t *value = json_object_get(object, key);
        const char *text = json_string_value(value);

        if (is_optional && (!value || json_is_null(value))) {
                *ret = NULL;
                return 0;
        }
        if (text_is_empty(text) || strlen(text) > VALUE_LENGTH_MAX ||
            strlen(text) != json_string_length(value))
                return fail(reader, "The interpreter's report has no usable '%s'.", key);

        *ret = arena_text(reader->interpreter->memory, text);
        return *ret ? 0 : -ENOMEM;
}

static int get_bool(const Reader *reader, const char *key, bool *ret) {
        const json_t *value = json_object_get(reader->root, key);

        if (!json_is_boolean(value))
                return fail(reader, "The interpreter's report has no usable '%s'.", key);

        *ret = json_is_true(value);
        return 0;
}

static int get_strings(const Reader *reader) {
        Interpreter *interpreter = reader->interpreter;
        const struct {
                const char *key;
                const char **slot;
                bool is_optional;
        } fields[] = {
                { "version", &interpreter->version, false },
                { "implementation", &interpreter->implementation, false },
                { "cache_tag", &interpreter->cache_tag, false },
                { "soabi", &interpreter->soabi, true },
                { "prefix", &interpreter->prefix, false },
                { "base_prefix", &interpreter->base_prefix, false },
                { "base_executable", &interpreter->base_executable, false },
                { "stdlib", &interpreter->stdlib, false },
                { "site_packages", &interpreter->site_packages, false },
                { "machine", &interpreter->machine, false },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                r = get_string(reader,
                               reader->root,
                               fields[i].key,
                               fields[i].is_optional,
                               fields[i].slot);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_flags(const Reader *reader) {
        Interpreter *interpreter = reader->interpreter;
        const struct {
                const char *key;
                bool *slot;
        } fields[] = {
                { "is_venv", &interpreter->is_venv },
                { "is_externally_managed", &interpreter->is_externally_managed },
                { "is_free_threaded", &interpreter->is_free_threaded },
                { "is_debug", &interpreter->is_debug },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                r = get_bool(reader, fields[i].key, fields[i].slot);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int check_version(const Reader *reader) {
        Interpreter *interpreter = reader->interpreter;
        int r;

        if (!streq(interpreter->implementation, "cpython"))
                return fail(reader,
                            "This is the implementation '%.40s' of Python; only CPython can be used.",
                            interpreter->implementation);

        r =
                        version_parse(interpreter->memory,
                                      text_of(interpreter->version),
                                      &interpreter->parsed_version);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || interpreter->parsed_version->n_release < 3)
                return fail(reader, "'%.40s' is not a version of Python.", interpreter->version);

        if (interpreter->parsed_version->release[0] != 3 ||
            interpreter->parsed_version->release[1] < INTERPRETER_MINOR_MIN ||
            interpreter->parsed_version->release[1] > UINT16_MAX)
                return fail(reader,
                            "Python %.40s is too old; at least 3.%d is needed.",
                            interpreter->version,
                            INTERPRETER_MINOR_MIN);
        interpreter->major = (uint32_t) interpreter->parsed_version->release[0];
        interpreter->minor = (uint32_t) interpreter->parsed_version->release[1];
        return 0;
}

static bool has_parent(const char *path) {
        Text rest = text_of(path), part;

        while (text_cut(&rest, '/', &part))
                if (text_equals_string(part, ".."))
                        return true;

        return false;
}

static int check_paths(const Reader *reader) {
        const Interpreter *interpreter = reader->interpreter;

        if (interpreter->prefix[0] != '/' || interpreter->base_prefix[0] != '/' ||
            interpreter->stdlib[0] != '/' || interpreter->base_executable[0] != '/')
                return fail(reader, "The interpreter's report names a path that is not absolute.");
        if (has_parent(interpreter->prefix) || has_parent(interpreter->base_prefix))
                return fail(reader, "The interpreter's report names a path that leads upwards.");
        if (interpreter->site_packages[0] == '/' || has_parent(interpreter->site_packages))
                return fail(reader,
                            "The interpreter's report puts packages outside of an environment.");
        /* Part of a directory's name in the store. */
        if (strchr(interpreter->cache_tag, '/') || interpreter->cache_tag[0] == '.')
                return fail(reader, "The interpreter's report has no usable 'cache_tag'.");

        return 0;
}

static int read_markers(const Reader *reader) {
        const json_t *markers = json_object_get(reader->root, "markers");
        Interpreter *interpreter = reader->interpreter;
        int r;

        for (MarkerVariable variable = 0; variable < _MARKER_VARIABLE_MAX; variable++) {
                const char *value;

                if (variable == MARKER_EXTRA || variable == MARKER_EXTRAS ||
                    variable == MARKER_DEPENDENCY_GROUPS)
                        continue;
                r = get_string(reader, markers, marker_variable_to_string(variable), false, &value);
                if (r < 0)
                        return r;
                r = marker_environment_set(
                                interpreter->memory, &interpreter->markers, variable, value);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int read_libc(const Reader *reader, uint32_t *ret_major, uint32_t *ret_minor) {
        Interpreter *interpreter = reader->interpreter;
        const char *glibc, *musl;
        unsigned major, minor;
        int r;

        r = get_string(reader, reader->root, "glibc", true, &glibc);
        if (r < 0)
                return r;
        r = get_string(reader, reader->root, "musl", true, &musl);
        if (r < 0)
                return r;

        interpreter->libc = glibc ? LIBC_GLIBC : musl ? LIBC_MUSL : LIBC_UNKNOWN;
        interpreter->libc_version = glibc ?: musl;
        *ret_major = *ret_minor = 0;
        if (!interpreter->libc_version)
                return 0;

        /* "2.36", "2.35-0ubuntu3", "1.2.4" */
        if (sscanf(interpreter->libc_version, "%3u.%4u", &major, &minor) != 2 || major > 100)
                return fail(reader,
                            "'%.40s' is not a version of the C library.",
                            interpreter->libc_version);
        *ret_major = major;
        *ret_minor = minor;
        return 0;
}

static int read_tags(const Reader *reader) {
        const json_t *abis = json_object_get(reader->root, "abis");
        Interpreter *interpreter = reader->interpreter;
        const char *names[ABIS_MAX + 1] = {};
        const char *const *platforms;
        uint32_t major, minor;
        TagInterpreter tags;
        int r;

        if (!json_is_array(abis) || json_array_size(abis) < 1 || json_array_size(abis) > ABIS_MAX)
                return fail(reader, "The interpreter's report has no usable 'abis'.");
        for (size_t i = 0; i < json_array_size(abis); i++) {
                const char *name = json_string_value(json_array_get(abis, i));

                if (text_is_empty(name) || strlen(name) > 32)
                        return fail(reader, "The interpreter's report has no usable 'abis'.");
                names[i] = arena_text(interpreter->memory, name);
                if (!names[i])
                        return -ENOMEM;
        }

        r = read_libc(reader, &major, &minor);
        if (r < 0)
                return r;
        r = tag_linux_platforms(
                        interpreter->memory,
                        interpreter->machine,
                        interpreter->libc,
                        major,
                        minor,
                        &platforms);
        if (r == -EINVAL)
                return fail(reader, "The interpreter's report names a platform that is not known.");
        if (r < 0)
                return r;

        tags = (TagInterpreter){
                .implementation = "cp",
                .major = interpreter->major,
                .minor = interpreter->minor,
                .abis = names,
                .platforms = platforms,
        };
        r = tag_set_of_interpreter(interpreter->memory, &tags, &interpreter->tags);
        if (r == -EINVAL)
                return fail(reader, "The interpreter's report gives no tags of wheels.");
        return r;
}

static int read_report(const Reader *reader) {
        const json_t *format = json_object_get(reader->root, "format");
        int r;

        if (!json_is_integer(format) || json_integer_value(format) != FORMAT)
                return fail(reader,
                            "The interpreter's report is not of the form that is read here.");

        r = get_strings(reader);
        if (r < 0)
                return r;
        r = check_version(reader);
        if (r < 0)
                return r;
        r = check_paths(reader);
        if (r < 0)
                return r;
        r = get_flags(reader);
        if (r < 0)
                return r;
        if (!json_is_object(json_object_get(reader->root, "markers")))
                return fail(reader, "The interpreter's report has no usable 'markers'.");
        r = read_markers(reader);
        if (r < 0)
                return r;

        return read_tags(reader);
}

int interpreter_parse(const char *path, const char *report, Interpreter **ret, Fault *fault) {
        _cleanup_(interpreter_freep) Interpreter *interpreter = NULL;
        Reader reader;
        json_t *root;
        int r;

        interpreter = new0(Interpreter, 1);
        if (!interpreter)
                return -ENOMEM;
        interpreter->memory = arena_new();
        if (!interpreter->memory)
                return -ENOMEM;
        interpreter->path = arena_text(interpreter->memory, path);
        if (!interpreter->path)
                return -ENOMEM;

        reader = (Reader){ .interpreter = interpreter, .fault = fault };
        if (strlen(report) > INTERPRETER_REPORT_MAX)
                return fail(&reader, "The interpreter's report is too long.");
        root = json_loads(report, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(root)) {
                json_decref(root);
                return fail(&reader, "The interpreter gave no report about itself.");
        }

        reader.root = root;
        r = read_report(&reader);
        json_decref(root);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(interpreter);
        return 0;
}

Interpreter *interpreter_free(Interpreter *interpreter) {
        if (!interpreter)
                return NULL;

        arena_free(interpreter->memory);
        free(interpreter);
        return NULL;
}
