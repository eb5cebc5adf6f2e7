// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * A wheel says everything twice: name and version in the file name, in the name of .dist-info and in
 * METADATA; tags in the file name and in WHEEL; the list of files in the archive and in RECORD. It is
 * opened only if all of them agree:
 *
 *   file name ──▶ name, version, tags
 *   archive   ──▶ exactly one top directory <name>-<version>.dist-info, at most one .data beside it
 *   WHEEL     ──▶ Wheel-Version 1.x, Root-Is-Purelib, tags that hold all of the file name's
 *   METADATA  ──▶ Name, Version
 *   RECORD    ──▶ every file of the archive and no other; all with SHA-256 but RECORD and its signatures
 *
 * Then each file gets its place. The archive's root, .data/purelib and .data/platlib are one
 * directory here: both libraries are on the path of a virtual environment at the same place. Left out
 * are __pycache__ (bytecode is a tree of its own, made here, never taken from outside) and what only
 * an installer may write.
 */

#include <stdio.h>

#include "basic/memory.h"
#include "package/entry-points.h"
#include "package/metadata.h"
#include "package/name.h"
#include "package/tag.h"
#include "package/wheel-file.h"
#include "package/wheel.h"

struct Wheel {
        Arena *arena;
        Zip *zip;
        Record *record;
        const char *subject;
        const WheelName *name;
        const char *information; /* "numpy-2.0.0.dist-info" */
        const char *data;        /* "numpy-2.0.0.data" */
        WheelFile *files;
        size_t n_files;
        UnpackAnswer scripts; /* only @scripts of it */
};

static const char *const scheme_names[_WHEEL_SCHEME_MAX] = {
        [WHEEL_SITE_PACKAGES] = "site-packages",
        [WHEEL_SCRIPTS] = "scripts",
        [WHEEL_DATA] = "data",
        [WHEEL_HEADERS] = "headers",
        [WHEEL_NOWHERE] = "",
};

const char *wheel_scheme_to_string(WheelScheme scheme) {
        return scheme_names[scheme];
}

static int refuse(const Wheel *wheel, Fault *fault, const char *reason) {
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_WHEEL_INVALID,
                        wheel->subject,
                        "The wheel cannot be installed: %s.",
                        reason);
}

_printf_(4, 5) static int refuse_text(
                const Wheel *wheel,
                Fault *fault,
                FaultCode code,
                const char *format,
                ...) {
        _cleanup_(freep) char *reason = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&reason, format, arguments);
        va_end(arguments);
        if (n < 0) {
                reason = NULL;
                return -ENOMEM;
        }
        return fault_set(
                        fault,
                        -EBADMSG,
                        code,
                        wheel->subject,
                        "The wheel cannot be installed: %s.",
                        reason);
}

Wheel *wheel_free(Wheel *wheel) {
        if (!wheel)
                return NULL;
        unpack_answer_done(&wheel->scripts);
        (void) record_free(wheel->record);
        (void) zip_free(wheel->zip);
        free(wheel->files);
        (void) arena_free(wheel->arena);
        free(wheel);
        return NULL;
}

/* Reads a member of .dist-info that must be there. */
static int read_information(
                Wheel *wheel,
                const char *name,
                size_t size_max,
                char **ret,
                Text *ret_text,
                Fault *fault) {
        _cleanup_(freep) char *path = string_format("%s/%s", wheel->information, name);
        const ZipMember *member;
        int r;

        if (!path)
                return -ENOMEM;
        member = zip_find(wheel->zip, path);
        if (!member || member->is_directory)
                return refuse_text(
                                wheel,
                                fault,
                                FAULT_WHEEL_INVALID,
                                "it has no %s in its .dist-info",
                                name);
        r = zip_read_text(wheel->zip, member, size_max, ret, fault);
        if (r < 0)
                return r;
        *ret_text = (Text){ *ret, member->size };
        return 0;
}

/* --- the name ---------------------------------------------------------------------------------- */

static int check_version(Wheel *wheel, Text text, const char *where, Fault *fault) {
        const Version *version = NULL;
        int r;

        r = version_parse(wheel->arena, text, &version);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !version_equals(version, wheel->name->version))
                return refuse_text(
                                wheel,
                                fault,
                                FAULT_METADATA_INVALID,
                                "%s says version '%.*s', its file name says '%s'",
                                where,
                                (int) MIN(text.length, (size_t) 100),
                                text.data,
                                wheel->name->version->text);
        return 0;
}

static int check_name(Wheel *wheel, Text text, const char *where, Fault *fault) {
        if (name_equals(text, text_of(wheel->name->name)))
                return 0;
        return refuse_text(
                        wheel,
                        fault,
                        FAULT_METADATA_INVALID,
                        "%s says its name is '%.*s', its file name says '%s'",
                        where,
                        (int) MIN(text.length, (size_t) 100),
                        text.data,
                        wheel->name->name);
}

static Text top_directory(const char *path) {
        Text rest = text_of(path), part;

        (void) text_cut(&rest, '/', &part);
        return part;
}

/* The one top directory that ends with @suffix; NULL if there is none. */
static int find_top(Wheel *wheel, const char *suffix, const char **ret, Fault *fault) {
        const char *found = NULL;

        for (size_t i = 0; i < zip_count(wheel->zip); i++) {
                const ZipMember *member = zip_get(wheel->zip, i);
                Text top = top_directory(member->name);

                if (!text_ends_with(top, suffix) || (found && text_equals_string(top, found)))
                        continue;
                if (found)
                        return refuse_text(
                                        wheel,
                                        fault,
                                        FAULT_WHEEL_INVALID,
                                        "it has more than one directory that ends in %s",
                                        suffix);
                found = arena_text_n(wheel->arena, top.data, top.length);
                if (!found)
                        return -ENOMEM;
        }
        *ret = found;
        return 0;
}

/* "<name>-<version><suffix>" */
static int check_top(Wheel *wheel, const char *top, const char *suffix, Fault *fault) {
        Text stem = { top, strlen(top) - strlen(suffix) }, name = stem;
        const char *dash;
        int r;

        dash = memrchr(stem.data, '-', stem.length);
        if (!dash)
                return refuse(wheel, fault, "its .dist-info or .data has no version");
        name.length = (size_t) (dash - stem.data);
        r = check_name(wheel, name, top, fault);
        if (r < 0)
                return r;
        return check_version(wheel, (Text){ dash + 1, stem.length - name.length - 1 }, top, fault);
}

static int find_directories(Wheel *wheel, Fault *fault) {
        int r;

        r = find_top(wheel, ".dist-info", &wheel->information, fault);
        if (r < 0)
                return r;
        if (!wheel->information)
                return refuse(wheel, fault, "it has no .dist-info directory");
        r = check_top(wheel, wheel->information, ".dist-info", fault);
        if (r < 0)
                return r;
        r = find_top(wheel, ".data", &wheel->data, fault);
        if (r < 0)
                return r;
        return wheel->data ? check_top(wheel, wheel->data, ".data", fault) : 0;
}

/* --- WHEEL and METADATA ----------------------------------------------------------------------- */

static int check_wheel_file(Wheel *wheel, Fault *fault) {
        _cleanup_(freep) char *data = NULL;
        Text text = {};
        int r;

        r = read_information(wheel, "WHEEL", WHEEL_FILE_SIZE_MAX, &data, &text, fault);
        if (r < 0)
                return r;
        return wheel_file_check(text, &wheel->name->tags, wheel->subject, fault);
}

static int check_metadata(Wheel *wheel, Fault *fault) {
        _cleanup_(freep) char *data = NULL;
        Text rest = {}, key, value, name = {}, version = {};
        int r;

        r = read_information(wheel, "METADATA", METADATA_SIZE_MAX, &data, &rest, fault);
        if (r < 0)
                return r;
        while (wheel_file_next_header(&rest, &key, &value)) {
                Text *slot = wheel_file_key_is(key, "Name")         ? &name
                                : wheel_file_key_is(key, "Version") ? &version
                                                                    : NULL;

                if (!slot)
                        continue;
                if (slot->data)
                        return refuse(wheel, fault, "its METADATA has Name or Version twice");
                *slot = value;
        }
        if (!name.data || !version.data)
                return refuse(wheel, fault, "its METADATA has no Name or no Version");
        r = check_name(wheel, name, "METADATA", fault);
        if (r < 0)
                return r;
        return check_version(wheel, version, "METADATA", fault);
}

static int read_scripts(Wheel *wheel, Fault *fault) {
        _cleanup_(freep) char *path = NULL, *data = NULL;
        const ZipMember *member;
        int r;

        path = string_format("%s/entry_points.txt", wheel->information);
        if (!path)
                return -ENOMEM;
        member = zip_find(wheel->zip, path);
        if (!member)
                return 0;
        r = zip_read_text(wheel->zip, member, ENTRY_POINTS_SIZE_MAX, &data, fault);
        if (r < 0)
                return r;
        return entry_points_parse(
                        (Text){ data, member->size },
                        wheel->subject,
                        &wheel->scripts.scripts,
                        &wheel->scripts.n_scripts,
                        fault);
}

/* --- RECORD ---------------------------------------------------------------------------------- */

/* RECORD cannot hold its own digest, and signatures of it are made afterwards. */
static bool is_unrecorded(const Wheel *wheel, const char *path) {
        const char *name = string_after(path, wheel->information);

        return name &&
                        (streq(name, "/RECORD") || streq(name, "/RECORD.jws") ||
                         streq(name, "/RECORD.p7s"));
}

/* The entry of one file, which must be there and whole. */
static int
match_record(Wheel *wheel, const ZipMember *member, const RecordEntry **ret, Fault *fault) {
        const RecordEntry *entry = record_find(wheel->record, member->name);

        if (is_unrecorded(wheel, member->name)) {
                *ret = NULL;
                return 0;
        }
        if (!entry || !entry->has_digest)
                return refuse_text(
                                wheel,
                                fault,
                                FAULT_WHEEL_INVALID,
                                "its RECORD has no digest of '%s'",
                                member->name);
        if (entry->has_size && entry->size_bytes != member->size)
                return refuse_text(
                                wheel,
                                fault,
                                FAULT_HASH_MISMATCH,
                                "'%s' has another size than RECORD says",
                                member->name);
        *ret = entry;
        return 0;
}

static int check_nothing_missing(Wheel *wheel, Fault *fault) {
        for (size_t i = 0; i < record_count(wheel->record); i++) {
                const RecordEntry *entry = record_get(wheel->record, i);
                const ZipMember *member = zip_find(wheel->zip, entry->path);

                /* Signatures may be recorded without being there: they are made afterwards. */
                if (!member && is_unrecorded(wheel, entry->path))
                        continue;
                if (!member || member->is_directory)
                        return refuse_text(
                                        wheel,
                                        fault,
                                        FAULT_WHEEL_INVALID,
                                        "its RECORD lists '%s', which is not there",
                                        entry->path);
        }
        return 0;
}

/* --- places ---------------------------------------------------------------------------------- */

/* Below the prefix of an environment these are not a package's to bring. */
static bool data_path_is_safe(const char *path) {
        const char *program = string_after(path, "bin/");
        Text top = top_directory(path);

        if (text_equals_string(top, "pyvenv.cfg") || text_equals_string(top, ".blast"))
                return false;
        if (strstr(path, "site-packages/") || strstr(path, "dist-packages/"))
                return false; /* would be imported, or run at start, without being seen as such */
        return !program || script_name_is_safe(top_directory(program));
}

/* What lies in .data: "<scheme>/<path>". */
static int place_data(Wheel *wheel, const char *path, WheelFile *file, Fault *fault) {
        static const struct {
                const char *prefix;
                WheelScheme scheme;
        } schemes[] = {
                { "purelib/", WHEEL_SITE_PACKAGES }, { "platlib/", WHEEL_SITE_PACKAGES },
                { "scripts/", WHEEL_SCRIPTS },       { "data/", WHEEL_DATA },
                { "headers/", WHEEL_HEADERS },
        };

        for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
                const char *rest = string_after(path, schemes[i].prefix);

                if (!rest)
                        continue;
                file->scheme = schemes[i].scheme;
                file->path = rest;
                if (file->scheme == WHEEL_SCRIPTS && !script_name_is_safe(text_of(rest)))
                        return refuse(wheel, fault, "the name of a script cannot be used in bin/");
                if (file->scheme == WHEEL_DATA && !data_path_is_safe(rest))
                        return refuse(wheel, fault, "it brings files of the environment itself");
                if (file->scheme == WHEEL_SITE_PACKAGES &&
                    text_ends_with(top_directory(rest), ".dist-info"))
                        return refuse(wheel, fault, "it has a second .dist-info in .data");
                return 0;
        }
        return refuse(wheel, fault, "its .data has a part that is not known");
}

/* Bytecode from outside could hold another program than the source beside it. */
static bool is_bytecode(const char *path) {
        return string_after(path, "__pycache__/") || strstr(path, "/__pycache__/");
}

/* Only an installer may say these. */
static bool is_ours_to_write(const Wheel *wheel, const char *path) {
        static const char *const names[] = {
                "/RECORD",
                "/INSTALLER",
                "/REQUESTED",
                "/direct_url.json",
        };
        const char *name = string_after(path, wheel->information);

        for (size_t i = 0; name && i < ELEMENTSOF(names); i++) {
                if (streq(name, names[i]))
                        return true;
        }
        return false;
}

static int place_file(Wheel *wheel, const ZipMember *member, WheelFile *file, Fault *fault) {
        const char *rest = wheel->data ? string_after(member->name, wheel->data) : NULL;
        int r;

        *file = (WheelFile){
                .member = member,
                .scheme = WHEEL_SITE_PACKAGES,
                .path = member->name,
                .is_executable = member->mode & 0111,
        };
        r = match_record(wheel, member, &file->record, fault);
        if (r < 0)
                return r;
        if (rest && *rest == '/') {
                r = place_data(wheel, rest + 1, file, fault);
                if (r < 0)
                        return r;
        }
        if (file->scheme == WHEEL_SITE_PACKAGES &&
            (is_bytecode(file->path) || is_ours_to_write(wheel, file->path)))
                file->scheme = WHEEL_NOWHERE;
        if (file->scheme == WHEEL_SCRIPTS)
                file->is_executable = true;
        return 0;
}

static int place_files(Wheel *wheel, Fault *fault) {
        _cleanup_(freep) char *data = NULL;
        Text text = {};
        int r;

        r = read_information(wheel, "RECORD", RECORD_SIZE_MAX, &data, &text, fault);
        if (r < 0)
                return r;
        r = record_parse(text, wheel->subject, &wheel->record, fault);
        if (r < 0)
                return r;
        r = check_nothing_missing(wheel, fault);
        if (r < 0)
                return r;
        wheel->files = new0(WheelFile, zip_count(wheel->zip) + 1);
        if (!wheel->files)
                return -ENOMEM;
        for (size_t i = 0; i < zip_count(wheel->zip); i++) {
                const ZipMember *member = zip_get(wheel->zip, i);

                /* Directories come into being with their files. */
                if (member->is_directory)
                        continue;
                r = place_file(wheel, member, &wheel->files[wheel->n_files], fault);
                if (r < 0)
                        return r;
                wheel->n_files++;
        }
        return 0;
}

static int read_wheel(Wheel *wheel, Fault *fault) {
        int (*const steps[])(Wheel *, Fault *) = {
                find_directories, check_wheel_file, check_metadata, read_scripts, place_files,
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                r = steps[i](wheel, fault);
                if (r < 0)
                        return r;
        }
        return 0;
}

int wheel_open(const void *data,
               size_t size_bytes,
               const char *filename,
               const ZipLimits *limits,
               Wheel **ret,
               Fault *fault) {
        _cleanup_(wheel_freep) Wheel *wheel = new0(Wheel, 1);
        int r;

        if (!wheel)
                return -ENOMEM;
        wheel->arena = arena_new();
        if (!wheel->arena)
                return -ENOMEM;
        wheel->subject = arena_text(wheel->arena, filename);
        if (!wheel->subject)
                return -ENOMEM;
        r = wheel_name_parse(wheel->arena, text_of(filename), &wheel->name, fault);
        if (r < 0)
                return r == -EINVAL ? refuse(wheel, fault, "its file name is not a wheel's") : r;
        r = zip_open(data, size_bytes, limits, filename, &wheel->zip, fault);
        if (r < 0)
                return r;
        r = read_wheel(wheel, fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(wheel);
        return 0;
}

const char *wheel_get_name(const Wheel *wheel) {
        return wheel->name->name;
}

const char *wheel_get_version(const Wheel *wheel) {
        return wheel->name->version->text;
}

const char *wheel_get_subject(const Wheel *wheel) {
        return wheel->subject;
}

const char *wheel_get_information(const Wheel *wheel) {
        return wheel->information;
}

Zip *wheel_get_zip(Wheel *wheel) {
        return wheel->zip;
}

size_t wheel_count_files(const Wheel *wheel) {
        return wheel->n_files;
}

const WheelFile *wheel_get_file(const Wheel *wheel, size_t i) {
        return i < wheel->n_files ? &wheel->files[i] : NULL;
}

const ScriptEntry *wheel_get_scripts(const Wheel *wheel, size_t *ret_n_scripts) {
        *ret_n_scripts = wheel->scripts.n_scripts;
        return wheel->scripts.scripts;
}
