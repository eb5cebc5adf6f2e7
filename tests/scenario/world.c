// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>

#include "basic/memory.h"
#include "basic/table.h"
#include "package/explain.h"
#include "package/name.h"
#include "world.h"

enum {
        STEPS_MAX = 1000000
};

struct WorldRelease {
        Arena *arena;
        const char *version;
        char **wheels;
        char **needs;
        char **extras;
        const char *python;
        const char *yanked;
        const char *uploaded;
        bool has_source;
        bool has_no_wheel;
        WorldRelease *next;
};

struct World {
        Arena *arena;
        Table *packages; /* name -> WorldRelease chain, in the order of adding */
        ResolverRoot *roots;
        size_t n_roots;
        size_t n_roots_allocated;
        ResolverPreference *preferences;
        size_t n_preferences;
        size_t n_preferences_allocated;
};

static _noreturn_ void die(const char *what, const char *about) {
        fprintf(stderr, "world: %s: %s\n", what, about);
        abort();
}

static void must(int r, const char *about) {
        if (r < 0)
                die(strerror(-r), about);
}

World *world_new(void) {
        World *world = new0(World, 1);

        if (!world)
                abort();
        world->arena = arena_new();
        world->packages = table_new();
        return world;
}

World *world_free(World *world) {
        WorldRelease *release;
        const char *name;

        if (!world)
                return NULL;
        TABLE_FOREACH(world->packages, name, release) {
                for (; release; release = release->next) {
                        strings_free(release->wheels);
                        strings_free(release->needs);
                        strings_free(release->extras);
                }
        }
        table_free(world->packages);
        arena_free(world->arena);
        free(world->roots);
        free(world->preferences);
        free(world);
        return NULL;
}

WorldRelease *world_add_release(World *world, const char *name, const char *version) {
        WorldRelease *release = arena_allocate(world->arena, sizeof(*release)), *last;
        const char *normal;

        must(name_normalize(world->arena, text_of(name), &normal), name);
        release->arena = world->arena;
        release->version = arena_text(world->arena, version);
        last = table_find(world->packages, normal);
        if (!last) {
                must(table_add(world->packages, normal, release), name);
                return release;
        }
        while (last->next)
                last = last->next;
        last->next = release;
        return release;
}

void release_add_need(WorldRelease *release, const char *requirement) {
        must(strings_add(&release->needs, requirement), requirement);
}

void release_add_extra_need(WorldRelease *release, const char *extra, const char *requirement) {
        const char *marker = strchr(requirement, ';');
        char *text = marker ? string_format("%.*s; (%s) and extra == '%s'",
                                            (int) (marker - requirement),
                                            requirement,
                                            marker + 1,
                                            extra)
                            : string_format("%s ; extra == '%s'", requirement, extra);

        must(strings_consume(&release->needs, text), requirement);
}

void release_add_extra(WorldRelease *release, const char *extra) {
        must(strings_add(&release->extras, extra), extra);
}

void release_add_wheel(WorldRelease *release, const char *tags) {
        must(strings_add(&release->wheels, tags), tags);
}

void release_add_source(WorldRelease *release) {
        release->has_source = true;
}

void release_set_no_wheel(WorldRelease *release) {
        release->has_no_wheel = true;
}

void release_set_python(WorldRelease *release, const char *specifiers) {
        release->python = arena_text(release->arena, specifiers);
}

void release_set_yanked(WorldRelease *release, const char *reason) {
        release->yanked = arena_text(release->arena, reason);
}

void release_set_uploaded(WorldRelease *release, const char *time) {
        release->uploaded = arena_text(release->arena, time);
}

void world_add_root(World *world, const char *requirement, const char *origin, bool is_constraint) {
        _cleanup_fault_ Fault fault = { 0 };
        const Requirement *parsed;
        int r;

        r = requirement_parse(
                        world->arena,
                        text_of(arena_text(world->arena, requirement)),
                        &parsed,
                        NULL,
                        &fault);
        if (r < 0)
                die(fault.message, requirement);
        must(ARRAY_RESERVE(world->roots, world->n_roots_allocated, world->n_roots + 1),
             requirement);
        world->roots[world->n_roots++] = (ResolverRoot){
                .requirement = parsed,
                .origin = origin ? arena_text(world->arena, origin) : NULL,
                .is_constraint = is_constraint,
        };
}

void world_add_preference(World *world, const char *name, const char *version) {
        const Version *parsed;

        must(version_parse(world->arena, text_of(arena_text(world->arena, version)), &parsed),
             version);
        must(ARRAY_RESERVE(world->preferences,
                           world->n_preferences_allocated,
                           world->n_preferences + 1),
             name);
        world->preferences[world->n_preferences++] = (ResolverPreference){
                arena_text(world->arena, name),
                parsed,
        };
}

static void
add_file(Builder *json, const WorldRelease *release, const char *filename, bool *is_first) {
        builder_add_format(
                        json,
                        "%s{\"filename\":\"%s\",\"url\":\"%s\",\"hashes\":{},\"size\":1",
                        *is_first ? "" : ",",
                        filename,
                        filename);
        if (release->python)
                builder_add_format(json, ",\"requires-python\":\"%s\"", release->python);
        if (release->yanked && !*release->yanked)
                builder_add(json, ",\"yanked\":true");
        else if (release->yanked)
                builder_add_format(json, ",\"yanked\":\"%s\"", release->yanked);
        if (release->uploaded)
                builder_add_format(json, ",\"upload-time\":\"%s\"", release->uploaded);
        builder_add_char(json, '}');
        *is_first = false;
}

static void
add_files(Builder *json, const char *stem, const WorldRelease *release, bool *is_first) {
        char *const universal[] = { (char[]){ "py3-none-any" }, NULL };
        char *const *wheels = release->wheels ? release->wheels : universal;

        if (!release->has_no_wheel)
                FOREACH_TEXT(tags, wheels) {
                        _cleanup_(freep) char *name =
                                        string_format("%s-%s-%s.whl", stem, release->version, tags);

                        add_file(json, release, name, is_first);
                }
        if (release->has_source || release->has_no_wheel) {
                _cleanup_(freep) char *name = string_format("%s-%s.tar.gz", stem, release->version);

                add_file(json, release, name, is_first);
        }
}

static IndexPage *make_page(World *world, const char *name) {
        _cleanup_fault_ Fault fault = { 0 };
        _cleanup_builder_ Builder json = { 0 };
        _cleanup_(freep) char *stem = string_format("%s", name);
        bool is_first = true;
        IndexPage *page;

        for (char *c = stem; *c; c++)
                *c = *c == '-' ? '_' : *c;
        builder_add_format(
                        &json,
                        "{\"meta\":{\"api-version\":\"1.1\"},\"name\":\"%s\",\"files\":[",
                        name);
        for (const WorldRelease *release = table_find(world->packages, name); release;
             release = release->next)
                add_files(&json, stem, release, &is_first);
        builder_add(&json, "]}");
        if (index_page_parse(
                            &(IndexSource){ .name = name,
                                            .url = "https://index.example/simple/",
                                            .content_type = "application/vnd.pypi.simple.v1+json" },
                            json.data,
                            json.length,
                            &page,
                            &fault) < 0)
                die(fault.message, name);
        return page;
}

static void give_releases(World *world, Resolver *resolver, const ResolverStep *step) {
        IndexPage **pages = new0(IndexPage *, 1);

        if (resolver_has_releases(resolver, step->name)) {
                free(pages);
                return;
        }
        pages[0] = make_page(world, step->name);
        must(resolver_add_releases(resolver, step->name, pages, 1), step->name);
}

static void give_metadata(World *world, Resolver *resolver, const ResolverStep *step) {
        const WorldRelease *release = table_find(world->packages, step->name);
        _cleanup_(freep) char *version = text_to_string(step->file->version);

        while (!streq(release->version, version))
                release = release->next;
        must(resolver_add_metadata(
                             resolver,
                             step->name,
                             step->version,
                             &(Metadata){
                                             .metadata_version = "2.1",
                                             .name = step->name,
                                             .version = release->version,
                                             .requires_python = release->python,
                                             .requires_dist = (const char *const *) release->needs,
                                             .n_requires_dist = strings_count(release->needs),
                                             .provides_extra =
                                                             (const char *const *) release->extras,
                                             .n_provides_extra = strings_count(release->extras),
                             }),
             step->name);
}

static void answer(World *world, Resolver *resolver, const ResolverStep *step) {
        if (step->state == RESOLVER_NEEDS_RELEASES)
                give_releases(world, resolver, step);
        else if (step->state == RESOLVER_NEEDS_METADATA)
                give_metadata(world, resolver, step);
}

static void run(World *world, Resolver *resolver, ResolverStep *ret) {
        for (size_t i = 0; i < STEPS_MAX; i++) {
                ResolverStep wanted;

                must(resolver_step(resolver, ret), "step");
                if (ret->state == RESOLVER_SOLVED || ret->state == RESOLVER_UNSOLVABLE)
                        return;
                answer(world, resolver, ret);
                /* What is asked ahead must never change the answer: half of the time it comes. */
                while (resolver_next_wanted(resolver, &wanted))
                        if (i % 2 == 0)
                                answer(world, resolver, &wanted);
        }
        die("no end", "resolver_step");
}

static const char *const *platforms_of(Arena *arena, const WorldMachine *machine) {
        static const char *const mac[] = {
                "macosx_14_0_arm64", "macosx_13_0_x86_64", "macosx_10_9_x86_64", NULL
        };
        static const char *const windows[] = { "win_amd64", NULL };
        const char *const *platforms;

        if (streq(machine->sys_platform, "darwin"))
                return mac;
        if (streq(machine->sys_platform, "win32"))
                return windows;
        must(tag_linux_platforms(arena, machine->machine, LIBC_GLIBC, 2, 36, &platforms),
             "platforms");
        return platforms;
}

static const TagSet *tags_of(Arena *arena, const WorldMachine *machine) {
        unsigned major = 3, minor = 0;
        const TagSet *tags;
        char *abi;

        if (sscanf(machine->python, "%u.%u", &major, &minor) != 2)
                die("python", machine->python);
        abi = arena_allocate(arena, 32);
        snprintf(abi, 32, "cp%u%u", major, minor);
        must(tag_set_of_interpreter(
                             arena,
                             &(TagInterpreter){
                                             .implementation = "cp",
                                             .major = major,
                                             .minor = minor,
                                             .abis = (const char *const[]){ abi, NULL },
                                             .platforms = platforms_of(arena, machine),
                             },
                             &tags),
             "tags");
        return tags;
}

static void set_markers(Arena *arena, const WorldMachine *machine, MarkerEnvironment *ret) {
        bool is_pypy = streq(machine->implementation, "pypy");
        bool is_windows = streq(machine->sys_platform, "win32");
        bool is_mac = streq(machine->sys_platform, "darwin");
        unsigned major = 3, minor = 0;
        char version[32];
        struct {
                MarkerVariable variable;
                const char *value;
        } values[] = {
                { MARKER_IMPLEMENTATION_NAME, machine->implementation },
                { MARKER_IMPLEMENTATION_VERSION, machine->python },
                { MARKER_OS_NAME, is_windows ? "nt" : "posix" },
                { MARKER_PLATFORM_MACHINE, machine->machine },
                { MARKER_PLATFORM_PYTHON_IMPLEMENTATION, is_pypy ? "PyPy" : "CPython" },
                { MARKER_PLATFORM_RELEASE, "6.1.0" },
                { MARKER_PLATFORM_SYSTEM,
                  is_windows               ? "Windows"
                                  : is_mac ? "Darwin"
                                           : "Linux" },
                { MARKER_PLATFORM_VERSION, "1" },
                { MARKER_PYTHON_FULL_VERSION, machine->python },
                { MARKER_PYTHON_VERSION, version },
                { MARKER_SYS_PLATFORM, machine->sys_platform },
        };

        (void) sscanf(machine->python, "%u.%u", &major, &minor);
        snprintf(version, sizeof(version), "%u.%u", major, minor);
        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                must(marker_environment_set(arena, ret, values[i].variable, values[i].value),
                     "markers");
}

static void add_solution(Builder *text, Resolver *resolver) {
        _cleanup_(strings_freep) char **warnings = NULL;
        const ResolverPackage *packages;
        size_t n;

        must(resolver_packages(resolver, &packages, &n), "packages");
        for (size_t i = 0; i < n; i++) {
                builder_add_format(text, "%s %s", packages[i].name, packages[i].version->text);
                for (size_t k = 0; k < packages[i].n_needs; k++)
                        builder_add_format(
                                        text, "%s%s", k == 0 ? " -> " : ", ", packages[i].needs[k]);
                builder_add_char(text, '\n');
        }
        must(resolver_warnings(resolver, &warnings), "warnings");
        FOREACH_TEXT(warning, warnings)
                builder_add_format(text, "warning: %s\n", warning);
}

char *world_resolve(World *world, const WorldQuestion *question, bool *ret_is_solved) {
        _cleanup_(resolver_freep) Resolver *resolver = NULL;
        _cleanup_(arena_freep) Arena *arena = arena_new();
        _cleanup_fault_ Fault fault = { 0 };
        MarkerEnvironment markers = { 0 };
        Builder text = { 0 };
        ResolverStep step;
        char *made;
        int r;

        set_markers(arena, &question->machine, &markers);
        ResolverInput input = {
                .markers = &markers,
                .tags = tags_of(arena, &question->machine),
                .roots = world->roots,
                .n_roots = world->n_roots,
                .preferences = world->preferences,
                .n_preferences = world->n_preferences,
                .exclude_newer_usec = question->exclude_newer_usec,
                .allow_prereleases = question->allow_prereleases,
                .trace = question->has_trace ? &text : NULL,
        };
        must(version_parse(arena, text_of(question->machine.python), &input.python), "python");
        r = resolver_new(&input, &resolver, &fault);
        if (r >= 0) {
                run(world, resolver, &step);
                if (step.state == RESOLVER_SOLVED)
                        add_solution(&text, resolver);
                else
                        must(explain_conflict(resolver, &fault), "explain");
        }
        if (fault_is_set(&fault))
                builder_add_format(
                                &text,
                                "%s%s%s\n%s\n",
                                fault_code_to_string(fault.code),
                                fault.subject ? " " : "",
                                fault.subject ? fault.subject : "",
                                fault.message);
        if (ret_is_solved)
                *ret_is_solved = !fault_is_set(&fault);
        must(builder_finish(&text, &made), "text");
        return made;
}
