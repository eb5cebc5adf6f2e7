// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "basic/text.h"
#include "environment/generation.h"
#include "environment/stage.h"
#include "environment/venv-files.h"
#include "test.h"

#define TREE_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TREE_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

typedef struct Ground {
        char path[PATH_MAX];
        int fd; /* of the environment */
        int trees_fd;
} Ground;

static void ground_open(Ground *ground) {
        (void) snprintf(ground->path,
                        sizeof(ground->path),
                        "%s/test-generation-XXXXXX",
                        getenv("TMPDIR") ?: "/tmp");
        ASSERT_NOT_NULL(mkdtemp(ground->path));
        ground->fd = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ground->trees_fd = directory_open_or_make(ground->fd, "trees", 0755);
        ASSERT_OK(ground->trees_fd);
}

static void ground_close(Ground *ground) {
        char *slash = strrchr(ground->path, '/');
        *slash = '\0';
        int parent = open(ground->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_OK(tree_remove_at(parent, slash + 1));
        (void) close(parent);
        (void) close(ground->trees_fd);
        (void) close(ground->fd);
}

/* A file and the directories it needs. */
static void put(int directory_fd, const char *path, const char *text) {
        _cleanup_(freep) char *parent = strdup(path);
        char *slash = strrchr(parent, '/');
        _cleanup_close_ int where = -EBADF;

        if (slash)
                *slash = '\0';
        where = slash ? directory_open_or_make(directory_fd, parent, 0755) : dup(directory_fd);
        ASSERT_OK(where);
        _cleanup_close_ int fd = file_open_beneath(
                        where, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        ASSERT_OK(fd);
        ASSERT_OK(file_write_all(fd, text, strlen(text)));
}

static char *get(int directory_fd, const char *path) {
        char *text = NULL;
        return file_read_at(directory_fd, path, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

static void fill(GenerationDraft *draft, uint32_t number, uint32_t predecessor) {
        *draft = (GenerationDraft){
                .record = {
                        .number = number,
                        .predecessor = predecessor,
                        .created_usec = 17,
                        .verb = strdup("sync"),
                        .project_path = strdup("/home/somebody/it's here"),
                        .project_name = strdup("demo"),
                        .prefix = strdup("/home/somebody/it's here/.venv"),
                        .python_path = strdup("/usr/bin/python3"),
                        .python_version = strdup("3.11.2"),
                        .python_tag = strdup("cpython-311"),
                        .python_prefix = strdup("/usr"),
                        .python_signature = strdup("1-2-3-4"),
                        .site_packages = strdup("lib/python3.11/site-packages"),
                        .lock = strdup("lock"),
                        .lock_size = 4,
                },
                .trees = new0(GenerationTree, 2),
                .n_trees = 2,
        };
        memcpy(draft->trees[0].name, TREE_A, sizeof(TREE_A));
        memcpy(draft->trees[1].name, TREE_B, sizeof(TREE_B));
}

static void
add_script(GenerationTree *tree, const char *name, const char *module, const char *function) {
        tree->scripts = new0(GenerationScript, 1);
        tree->n_scripts = 1;
        tree->scripts[0] = (GenerationScript){ strdup(name), strdup(module), strdup(function) };
}

static void stage(Ground *ground, GenerationDraft *draft) {
        _cleanup_fault_ Fault fault = {};
        int r = generation_stage(ground->fd, ground->trees_fd, draft, &fault);
        if (r < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.message ?: strerror(-r));
}

TEST(draft_survives_encoding) {
        GenerationDraft draft, again;
        _cleanup_(freep) void *data = NULL;
        size_t size;
        fill(&draft, 3, 2);
        add_script(&draft.trees[1], "tool", "pkg.cli", "main");
        draft.trees[0].has_data = true;
        ASSERT_OK(strings_add(&draft.record.warnings, "careful"));
        ASSERT_OK(generation_draft_encode(&draft, &data, &size));
        ASSERT_OK(generation_draft_decode(data, size, &again));
        ASSERT_INT(again.record.number, 3);
        ASSERT_STREQ(again.record.prefix, draft.record.prefix);
        ASSERT_STREQ(again.trees[1].scripts[0].module, "pkg.cli");
        ASSERT_TRUE(again.trees[0].has_data);
        ASSERT_STREQ(again.record.warnings[0], "careful");
        ASSERT_INT(again.record.lock_size, 4);
        generation_draft_done(&again);
        for (size_t cut = 0; cut < size; cut++)
                ASSERT_TRUE(generation_draft_decode(data, cut, &again) < 0);
        generation_draft_done(&draft);
}

TEST(stage_makes_what_a_venv_is) {
        Ground ground;
        GenerationDraft draft;
        char target[PATH_MAX];
        ground_open(&ground);
        fill(&draft, 1, 0);
        add_script(&draft.trees[0], "tool", "pkg.cli", "main.run");
        stage(&ground, &draft);
        _cleanup_close_ int fd = generation_open(ground.fd, 1, NULL);
        ASSERT_OK(fd);
        _cleanup_(freep) char *config = get(fd, "pyvenv.cfg"), *tool = get(fd, "bin/tool");
        ASSERT_NOT_NULL(strstr(config, "include-system-site-packages = false\nversion = 3.11.2\n"));
        ASSERT_NOT_NULL(strstr(config, "home = /usr/bin\n"));
        ASSERT_STREQ(tool,
                     "#!/bin/sh\n'''exec' \"/home/somebody/it's here/.venv/bin/python\" \"$0\" \"$@\"\n"
                     "' '''\nimport sys\nfrom pkg.cli import main\n\nif __name__ == \"__main__\":\n"
                     "    sys.exit(main.run())\n");
        ssize_t n = readlinkat(fd, "bin/python3.11", target, sizeof(target));
        ASSERT_TRUE(text_equals_string((Text){ target, (size_t) n }, "python"));
        ASSERT_FALSE(generation_has_copy(fd));
        _cleanup_(freep) char *activate = get(fd, "bin/activate");
        ASSERT_NOT_NULL(strstr(activate, "VIRTUAL_ENV='/home/somebody/it'\\''s here/.venv'\n"));
        generation_draft_done(&draft);
        ground_close(&ground);
}

TEST(stage_copies_data_and_rewrites_scripts) {
        Ground ground;
        GenerationDraft draft;
        ground_open(&ground);
        put(ground.trees_fd, TREE_A "/scripts/run-me", "#!python\nprint(1)\n");
        put(ground.trees_fd, TREE_A "/scripts/plain", "#!/bin/sh\necho 1\n");
        put(ground.trees_fd, TREE_A "/data/share/man/a.1", "manual");
        put(ground.trees_fd, TREE_A "/data/pyvenv.cfg", "evil");
        put(ground.trees_fd, TREE_A "/data/bin/python", "evil");
        put(ground.trees_fd, TREE_A "/headers/a.h", "header");
        fill(&draft, 1, 0);
        free(draft.record.prefix);
        draft.record.prefix = strdup("/p/.venv");
        draft.trees[0].has_data = true;
        draft.trees[0].header_directory = strdup("a");
        ASSERT_OK(strings_add(&draft.trees[0].data_scripts, "run-me"));
        ASSERT_OK(strings_add(&draft.trees[0].data_scripts, "plain"));
        stage(&ground, &draft);
        _cleanup_close_ int fd = generation_open(ground.fd, 1, NULL);
        _cleanup_(freep) char *script = get(fd, "bin/run-me"), *plain = get(fd, "bin/plain");
        _cleanup_(freep) char *manual = get(fd, "share/man/a.1"), *config = get(fd, "pyvenv.cfg");
        _cleanup_(freep) char *header = get(fd, "include/site/python3.11/a/a.h");
        ASSERT_STREQ(script, "#!/p/.venv/bin/python\nprint(1)\n");
        ASSERT_STREQ(plain, "#!/bin/sh\necho 1\n");
        ASSERT_STREQ(manual, "manual");
        ASSERT_STREQ(header, "header");
        ASSERT_NULL(strstr(config, "evil"));
        struct stat status;
        ASSERT_OK(fstatat(fd, "bin/python", &status, AT_SYMLINK_NOFOLLOW));
        ASSERT_TRUE(S_ISLNK(status.st_mode));
        generation_draft_done(&draft);
        ground_close(&ground);
}

TEST(stage_script_with_code_for_a_name_is_left_out) {
        Ground ground;
        GenerationDraft draft;
        ground_open(&ground);
        fill(&draft, 1, 0);
        add_script(&draft.trees[0], "tool", "os; import evil", "main");
        add_script(&draft.trees[1], "other", "pkg", "main()");
        stage(&ground, &draft);
        _cleanup_close_ int fd = generation_open(ground.fd, 1, NULL);
        ASSERT_NULL(get(fd, "bin/tool"));
        ASSERT_NULL(get(fd, "bin/other"));
        ASSERT_INT(strings_count(draft.record.warnings), 2);
        generation_draft_done(&draft);
        ground_close(&ground);
}

TEST(stage_first_tree_wins_a_script) {
        Ground ground;
        GenerationDraft draft;
        ground_open(&ground);
        fill(&draft, 1, 0);
        add_script(&draft.trees[0], "tool", "first", "main");
        add_script(&draft.trees[1], "tool", "second", "main");
        stage(&ground, &draft);
        _cleanup_close_ int fd = generation_open(ground.fd, 1, NULL);
        _cleanup_(freep) char *tool = get(fd, "bin/tool");
        ASSERT_NOT_NULL(strstr(tool, "from first import main"));
        ASSERT_INT(strings_count(draft.record.warnings), 1);
        generation_draft_done(&draft);
        ground_close(&ground);
}

TEST(prompt_of_a_directory_that_is_a_command_runs_nothing) {
        const GenerationRecord record = {
                .prefix = (char *) "/p/.venv",
                .project_name = (char *) "x$(touch y)`z`%n\\!",
        };

        for (VenvShell shell = 0; shell < _VENV_SHELL_MAX; shell++) {
                _cleanup_(freep) char *text = NULL;
                ASSERT_OK(venv_activate_format(&record, shell, &text));
                ASSERT_NULL(strstr(text, "touch y)"));
                ASSERT_NOT_NULL(strstr(text, "x__touch y__z__n__"));
        }
}

TEST(tree_too_deep_to_copy_does_not_stop_the_next_generation) {
        _cleanup_builder_ Builder deep = {};
        _cleanup_(freep) char *path = NULL;
        Ground ground;
        GenerationDraft first, second;
        ground_open(&ground);
        fill(&first, 1, 0);
        stage(&ground, &first);
        builder_add(&deep, "generations/1/.blast/upper/deep");
        for (int i = 0; i < 150; i++)
                builder_add(&deep, "/d");
        builder_add(&deep, "/file");
        ASSERT_OK(builder_finish(&deep, &path));
        put(ground.fd, path, "x");
        put(ground.fd, "generations/1/.blast/upper/mine.py", "X = 1");
        fill(&second, 2, 1);
        stage(&ground, &second);
        ASSERT_INT(strings_count(second.record.carried), 1);
        ASSERT_STREQ(second.record.carried[0], "mine.py");
        ASSERT_NOT_NULL(strstr(second.record.warnings[0], "'deep'"));
        generation_draft_done(&first);
        generation_draft_done(&second);
        ground_close(&ground);
}

TEST(stage_carries_what_was_installed_by_hand) {
        Ground ground;
        GenerationDraft first, second;
        ground_open(&ground);
        fill(&first, 1, 0);
        stage(&ground, &first);
        put(ground.fd, "generations/1/.blast/upper/mine/__init__.py", "X = 1");
        put(ground.fd, "generations/1/.blast/upper/mine-1.dist-info/METADATA", "");
        put(ground.fd, "generations/1/.blast/upper/Rich-13.0.dist-info/METADATA", "");
        put(ground.fd, "generations/1/.blast/upper/rich/__init__.py", "old");
        put(ground.fd, "generations/1/.blast/upper/__pycache__/x.pyc", "");
        put(ground.fd, "generations/1/.blast/upper-bin/mine", "#!x");
        put(ground.trees_fd, TREE_A "/site-packages/rich/__init__.py", "new");
        put(ground.trees_fd, TREE_A "/site-packages/rich-14.0.dist-info/METADATA", "");
        fill(&second, 2, 1);
        stage(&ground, &second);
        ASSERT_INT(strings_count(second.record.carried), 2);
        ASSERT_STREQ(second.record.carried[0], "mine");
        ASSERT_STREQ(second.record.carried[1], "mine-1.dist-info");
        _cleanup_(freep) char *mine = get(ground.fd, "generations/2/.blast/upper/mine/__init__.py");
        ASSERT_STREQ(mine, "X = 1");
        ASSERT_NULL(get(ground.fd, "generations/2/.blast/upper/rich/__init__.py"));
        _cleanup_(freep) char *tool = get(ground.fd, "generations/2/.blast/upper-bin/mine");
        ASSERT_STREQ(tool, "#!x");
        generation_draft_done(&first);
        generation_draft_done(&second);
        ground_close(&ground);
}

TEST(generation_is_chosen_listed_hidden_and_swept) {
        Ground ground;
        _cleanup_(freep) uint32_t *numbers = NULL;
        _cleanup_(freep) char *leftover = NULL;
        _cleanup_fault_ Fault fault = {};
        uint32_t current;
        size_t n;
        ground_open(&ground);
        for (uint32_t i = 1; i <= 3; i++) {
                GenerationDraft draft;
                fill(&draft, i, 0);
                stage(&ground, &draft);
                generation_draft_done(&draft);
        }
        ASSERT_OK(generation_get_current(ground.fd, &current));
        ASSERT_INT(current, 0);
        ASSERT_OK(generation_choose(ground.fd, 2, NULL));
        ASSERT_OK(generation_get_current(ground.fd, &current));
        ASSERT_INT(current, 2);
        ASSERT_ERROR(generation_choose(ground.fd, 9, &fault), ENOENT);
        ASSERT_INT(fault.code, FAULT_NO_GENERATION);
        ASSERT_ERROR(generation_hide(ground.fd, 2, &leftover), EBUSY);
        ASSERT_OK(generation_hide(ground.fd, 1, &leftover));
        ASSERT_OK(generation_list(ground.fd, &numbers, &n));
        ASSERT_INT(n, 2);
        ASSERT_INT(numbers[0], 2);
        ASSERT_INT(numbers[1], 3);
        ASSERT_TRUE(generation_needs_sweep(ground.fd));
        ASSERT_OK(generation_sweep(ground.fd));
        ASSERT_FALSE(generation_needs_sweep(ground.fd));
        ground_close(&ground);
}

TEST(generation_that_exists_is_not_overwritten) {
        Ground ground;
        GenerationDraft draft;
        ground_open(&ground);
        fill(&draft, 1, 0);
        stage(&ground, &draft);
        ASSERT_ERROR(generation_stage(ground.fd, ground.trees_fd, &draft, NULL), EEXIST);
        ASSERT_FALSE(generation_needs_sweep(ground.fd));
        generation_draft_done(&draft);
        ground_close(&ground);
}

TEST(generation_of_a_newer_format_is_refused) {
        Ground ground;
        GenerationDraft draft;
        GenerationRecord record;
        _cleanup_fault_ Fault fault = {};
        ground_open(&ground);
        fill(&draft, 1, 0);
        stage(&ground, &draft);
        _cleanup_close_ int fd =
                        file_open_beneath(ground.fd, "generations/1/.blast/record", O_WRONLY, 0);
        ASSERT_INT(pwrite(fd, "\x02", 1, 4), 1);
        ASSERT_ERROR(generation_load(ground.fd, 1, &fault, &record), EPROTONOSUPPORT);
        ASSERT_INT(fault.code, FAULT_FORMAT_TOO_NEW);
        generation_draft_done(&draft);
        ground_close(&ground);
}

TEST(current_that_leads_elsewhere_is_refused) {
        Ground ground;
        uint32_t current;
        ground_open(&ground);
        ASSERT_OK(symlinkat("../../etc", ground.fd, "current"));
        ASSERT_ERROR(generation_get_current(ground.fd, &current), EBADMSG);
        ground_close(&ground);
}
