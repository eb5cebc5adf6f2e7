// SPDX-License-Identifier: LGPL-2.1-or-later

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "basic/channel.h"
#include "basic/memory.h"
#include "package/fetch-channel.h"
#include "package/resolution.h"
#include "project-directory.h"
#include "test.h"

#define INDEX "https://index.example/simple"

#define REPORT                                                                                         \
        "{\"format\": 1, \"base_executable\": \"/usr/bin/python3.11\", \"version\": \"3.11.2\", "      \
        "\"implementation\": \"cpython\", \"cache_tag\": \"cpython-311\", \"soabi\": null, "           \
        "\"abis\": [\"cp311\"], \"is_free_threaded\": false, \"is_debug\": false, \"markers\": {"      \
        "\"implementation_name\": \"cpython\", \"implementation_version\": \"3.11.2\", "               \
        "\"os_name\": \"posix\", \"platform_machine\": \"x86_64\", "                                   \
        "\"platform_python_implementation\": \"CPython\", \"platform_release\": \"6.1\", "             \
        "\"platform_system\": \"Linux\", \"platform_version\": \"#1 SMP\", "                           \
        "\"python_full_version\": \"3.11.2\", \"python_version\": \"3.11\", "                          \
        "\"sys_platform\": \"linux\"}, \"machine\": \"x86_64\", \"glibc\": \"2.36\", \"musl\": null, " \
        "\"prefix\": \"/usr\", \"base_prefix\": \"/usr\", \"stdlib\": \"/usr/lib/python3.11\", "       \
        "\"site_packages\": \"lib/python3.11/site-packages\", \"is_venv\": false, "                    \
        "\"is_externally_managed\": true}"

/* A release on the made-up index; the digest of its wheel is its position, repeated. */
static const struct {
        const char *name;
        const char *version;
        const char *needs;
} releases[] = {
        { "app", "1.0", "library>=1" }, { "app", "2.0", "library>=2" }, { "library", "1.0", NULL },
        { "library", "2.0", NULL },     { "library", "3.0", NULL },
};

/* Shared with the process that plays blast-fetch. */
typedef struct Board {
        unsigned n_requests;
        bool is_down;
} Board;

typedef struct Scene {
        ProjectDirectory project;
        ProjectDirectory cache;
        Board *board;
        pid_t server;
        int fetch_fd;
        InterpreterRecord record;
        ResolveRequest request;
        ResolveAnswer answer;
} Scene;

static char *make_page(const char *name) {
        Builder json = { 0 };
        char *text;
        bool is_first = true;

        builder_add_format(
                        &json,
                        "{\"meta\":{\"api-version\":\"1.1\"},\"name\":\"%s\",\"files\":[",
                        name);
        for (size_t i = 0; i < ELEMENTSOF(releases); i++) {
                if (!streq(releases[i].name, name))
                        continue;
                builder_add_format(
                                &json,
                                "%s{\"filename\":\"%s-%s-py3-none-any.whl\",\"url\":\"../../files/%zu/"
                                "%s-%s-py3-none-any.whl\",\"hashes\":{\"sha256\":\"",
                                is_first ? "" : ",",
                                name,
                                releases[i].version,
                                i,
                                name,
                                releases[i].version);
                for (size_t k = 0; k < 64; k++)
                        builder_add_format(&json, "%zu", i);
                builder_add(&json, "\"},\"core-metadata\":true}");
                is_first = false;
        }
        builder_add(&json, "]}");
        ASSERT_OK(builder_finish(&json, &text));
        return text;
}

static char *make_metadata(const char *url) {
        const char *position = strstr(url, "/files/");
        size_t i = position ? strtoul(position + 7, NULL, 10) : SIZE_MAX;

        ASSERT_TRUE(i < ELEMENTSOF(releases));
        return string_format(
                        "Metadata-Version: 2.1\nName: %s\nVersion: %s\n%s%s\n",
                        releases[i].name,
                        releases[i].version,
                        releases[i].needs ? "Requires-Dist: " : "",
                        releases[i].needs ? releases[i].needs : "");
}

static void answer_request(int fd, const Board *board, const FetchRequest *request) {
        static char type[] = "application/vnd.pypi.simple.v1+json";
        _cleanup_(freep) char *body = NULL;
        _cleanup_(freep) void *packet = NULL;
        _cleanup_close_ int body_fd = -EBADF;
        FetchAnswer answer = { .id = request->id, .status = 200 };
        const char *name = string_after(request->url, INDEX "/");
        char page[64] = "";
        size_t size;

        if (name)
                (void) snprintf(page, sizeof(page), "%.*s", (int) strcspn(name, "/"), name);
        if (board->is_down)
                (void) fault_set(
                                &answer.fault,
                                -1,
                                FAULT_INDEX_UNAVAILABLE,
                                request->url,
                                "It is down.");
        else if (name && !streq(page, "app") && !streq(page, "library"))
                (void) fault_set(
                                &answer.fault,
                                -1,
                                FAULT_INDEX_NOT_FOUND,
                                request->url,
                                "It is not there.");
        else {
                body = name ? make_page(page) : make_metadata(request->url);
                body_fd = memfd_new_sealed("body", body, strlen(body));
                answer.has_body = true;
                answer.size_bytes = strlen(body);
                answer.url = request->url;
                answer.content_type = type;
        }
        ASSERT_OK(fetch_answer_encode(&answer, &packet, &size));
        ASSERT_OK(channel_send(fd, packet, size, &body_fd, body_fd >= 0));
        fault_done(&answer.fault);
}

static _Noreturn void serve(int fd, Board *board) {
        static uint8_t packet[CHANNEL_PACKET_MAX];

        for (;;) {
                size_t n_fds;
                ssize_t n = channel_receive(fd, packet, sizeof(packet), NULL, 0, &n_fds);
                FetchRequest request;

                if (n <= 0)
                        _exit(0);
                ASSERT_OK(fetch_request_decode(packet, (size_t) n, &request));
                board->n_requests++;
                answer_request(fd, board, &request);
                fetch_request_done(&request);
        }
}

static void scene_init(Scene *scene) {
        int fds[2];

        *scene = (Scene){ .fetch_fd = -EBADF };
        project_directory_init(&scene->project);
        project_directory_init(&scene->cache);
        /* Any program will do: the record says what it is. */
        scene->record.path = string_format("/proc/self/exe");
        scene->record.report = string_format("%s", REPORT);
        scene->board =
                        mmap(NULL,
                             sizeof(Board),
                             PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS,
                             -1,
                             0);
        ASSERT_TRUE(scene->board != MAP_FAILED);
        ASSERT_OK(channel_pair(false, fds));
        scene->server = fork();
        ASSERT_TRUE(scene->server >= 0);
        if (scene->server == 0) {
                close(fds[0]);
                serve(fds[1], scene->board);
        }
        close(fds[1]);
        scene->fetch_fd = fds[0];
}

static void scene_done(Scene *scene) {
        scene->fetch_fd = fd_close(scene->fetch_fd);
        ASSERT_INT(waitpid(scene->server, NULL, 0), scene->server);
        (void) munmap(scene->board, sizeof(Board));
        free(scene->record.path);
        free(scene->record.report);
        resolve_answer_done(&scene->answer);
        project_directory_done(&scene->project);
        project_directory_done(&scene->cache);
}
#define _cleanup_scene_ _cleanup_(scene_done)

/* Runs @request and writes the files of the answer into the project, as the client does. */
static void resolve(Scene *scene, ResolveRequest request) {
        resolve_answer_done(&scene->answer);
        request.has_project = true;
        request.python = scene->record.path;
        request.interpreters = &scene->record;
        request.n_interpreters = 1;
        request.project_name = (char[]){ "project" };
        request.index.index_url = (char[]){ INDEX };
        if (request.index.page_age_max_sec == 0)
                request.index.page_age_max_sec = 600;
        ASSERT_OK(resolution_run(
                        &(ResolutionInput){
                                        .request = &request,
                                        .project_fd = scene->project.fd,
                                        .cache_fd = scene->cache.fd,
                                        .fetch_fd = scene->fetch_fd,
                                        .trace_fd = -EBADF,
                        },
                        &scene->answer));
        for (size_t i = 0; i < scene->answer.n_files; i++)
                project_directory_add(
                                &scene->project,
                                scene->answer.files[i].name,
                                scene->answer.files[i].text);
}

static const char *version_of(const Scene *scene, const char *name) {
        const LockPackage *package =
                        scene->answer.lock ? lock_find(scene->answer.lock, name) : NULL;

        return package ? package->version : NULL;
}

static void set_needs(Scene *scene, const char *needs) {
        _cleanup_(freep) char *text = string_format(
                        "[project]\nname = \"project\"\nversion = \"1\"\ndependencies = [%s]\n",
                        needs);

        project_directory_add(&scene->project, "pyproject.toml", text);
}

static void expect_fault(const Scene *scene, FaultCode code) {
        if (scene->answer.outcome != RESOLVE_FAULT || scene->answer.fault.code != code)
                test_fail(__FILE__,
                          __LINE__,
                          "outcome %d, fault %s: %s",
                          scene->answer.outcome,
                          fault_code_to_string(scene->answer.fault.code),
                          scene->answer.fault.message ? scene->answer.fault.message : "");
}

TEST(lock_is_made_once_and_then_used_as_it_stands) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        set_needs(&scene, "\"app\"");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        if (scene.answer.outcome == RESOLVE_FAULT)
                test_fail(__FILE__, __LINE__, "%s", scene.answer.fault.message);
        ASSERT_STREQ(version_of(&scene, "app"), "2.0");
        ASSERT_STREQ(version_of(&scene, "library"), "3.0");
        ASSERT_TRUE(lock_find(scene.answer.lock, "app")->is_direct);
        ASSERT_INT(lock_find(scene.answer.lock, "app")->n_needs, 1);
        ASSERT_INT(scene.board->n_requests, 4);

        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        ASSERT_TRUE(scene.answer.lock_was_current);
        ASSERT_INT(scene.answer.n_files, 0);
        ASSERT_INT(scene.board->n_requests, 4);
        ASSERT_STREQ(version_of(&scene, "library"), "3.0");
}

TEST(locked_refuses_and_frozen_ignores_a_change_of_the_project) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        set_needs(&scene, "\"app\"");
        resolve(&scene, (ResolveRequest){ .frozen = true });
        expect_fault(&scene, FAULT_LOCK_MISSING);
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        resolve(&scene, (ResolveRequest){ .locked = true });
        ASSERT_INT(scene.answer.outcome, RESOLVE_SOLVED);
        set_needs(&scene, "\"app<2\"");
        resolve(&scene, (ResolveRequest){ .locked = true });
        expect_fault(&scene, FAULT_LOCK_OUTDATED);
        resolve(&scene, (ResolveRequest){ .frozen = true });
        ASSERT_STREQ(version_of(&scene, "app"), "2.0");
}

TEST(locked_versions_stay_until_they_are_updated) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        set_needs(&scene, "\"app<2\", \"library<3\"");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        ASSERT_STREQ(version_of(&scene, "library"), "2.0");
        set_needs(&scene, "\"app<2\"");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        ASSERT_STREQ(version_of(&scene, "library"), "2.0");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_UPDATE });
        ASSERT_STREQ(version_of(&scene, "library"), "3.0");
}

TEST(added_requirement_gets_a_bound_and_the_lock_is_current_after) {
        _cleanup_scene_ Scene scene;
        _cleanup_(freep) char *text = NULL;
        size_t size;

        scene_init(&scene);
        set_needs(&scene, "\"app\"");
        resolve(&scene,
                (ResolveRequest){ .verb = RESOLVE_ADD,
                                  .requirements = (char *[]){ (char[]){ "library" }, NULL } });
        ASSERT_INT(scene.answer.n_files, 2);
        ASSERT_OK(file_read_at(scene.project.fd, "pyproject.toml", MEBIBYTE, &text, &size));
        ASSERT_NOT_NULL(strstr(text, "\"library>=3.0\""));
        resolve(&scene, (ResolveRequest){ .locked = true });
        ASSERT_TRUE(scene.answer.lock_was_current);
        resolve(&scene,
                (ResolveRequest){ .verb = RESOLVE_REMOVE,
                                  .requirements = (char *[]){ (char[]){ "App" }, NULL } });
        ASSERT_NULL(version_of(&scene, "app"));
        resolve(&scene, (ResolveRequest){ .locked = true });
        ASSERT_TRUE(scene.answer.lock_was_current);
        resolve(&scene,
                (ResolveRequest){ .verb = RESOLVE_REMOVE,
                                  .requirements = (char *[]){ (char[]){ "app" }, NULL } });
        expect_fault(&scene, FAULT_NOT_INSTALLED);
}

TEST(environment_without_a_project_keeps_its_requirements) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        resolve(&scene,
                (ResolveRequest){ .verb = RESOLVE_ADD,
                                  .requirements = (char *[]){ (char[]){ "app<2" }, NULL } });
        ASSERT_INT(scene.answer.n_files, 0);
        ASSERT_STREQ(scene.answer.kept_requirements[0], "app<2");
        ASSERT_STREQ(version_of(&scene, "app"), "1.0");
}

TEST(offline_needs_a_cache_and_is_content_with_one) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        set_needs(&scene, "\"app\"");
        resolve(&scene, (ResolveRequest){ .index.offline = true });
        expect_fault(&scene, FAULT_OFFLINE);
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        set_needs(&scene, "\"app<2\"");
        resolve(&scene, (ResolveRequest){ .index.offline = true });
        /* The metadata of app 1.0 was never needed. */
        expect_fault(&scene, FAULT_OFFLINE);
        set_needs(&scene, "\"app\", \"library<4\"");
        resolve(&scene, (ResolveRequest){ .index.offline = true });
        ASSERT_STREQ(version_of(&scene, "app"), "2.0");
}

TEST(index_that_is_down_is_replaced_by_what_is_known) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        scene.board->is_down = true;
        set_needs(&scene, "\"app\"");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        expect_fault(&scene, FAULT_INDEX_UNAVAILABLE);
        scene.board->is_down = false;
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        scene.board->is_down = true;
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_UPDATE });
        ASSERT_STREQ(version_of(&scene, "app"), "2.0");
        ASSERT_INT(strings_count(scene.answer.warnings), 1);
}

TEST(conflict_comes_with_a_hint_that_was_tried) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        set_needs(&scene, "\"app>=2\",\n\"library<2\"");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        expect_fault(&scene, FAULT_UNSOLVABLE);
        ASSERT_STREQ(scene.answer.fault.hint,
                     "It works with library 3.0: change the requirement 'library<2' in pyproject.toml:5.");
}

TEST(package_that_is_on_no_index_is_named) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        set_needs(&scene, "\"gone\"");
        resolve(&scene, (ResolveRequest){ .verb = RESOLVE_SYNC });
        expect_fault(&scene, FAULT_INDEX_NOT_FOUND);
        ASSERT_STREQ(scene.answer.fault.subject, "gone");
}

TEST(interpreter_without_a_record_must_be_probed) {
        _cleanup_scene_ Scene scene;

        scene_init(&scene);
        free(scene.record.report);
        scene.record.report = string_format("%s", REPORT);
        set_needs(&scene, "\"app\"");
        ResolveRequest request = { .has_project = true, .python = scene.record.path };
        ASSERT_OK(
                        resolution_run(&(ResolutionInput){ .request = &request,
                                                           .project_fd = scene.project.fd,
                                                           .cache_fd = -EBADF,
                                                           .fetch_fd = -EBADF,
                                                           .trace_fd = -EBADF },
                                       &scene.answer));
        ASSERT_INT(scene.answer.outcome, RESOLVE_NEEDS_PROBE);
        ASSERT_STREQ(scene.answer.python_path, scene.record.path);
}
