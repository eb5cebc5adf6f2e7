// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "config.h"
#include "package/project-settings.h"
#include "package/project.h"
#include "project-directory.h"
#include "test.h"

/* Loads a project with up to two files. */
static int load(const char *name, const char *text, Project *ret, Fault *fault) {
        _cleanup_project_directory_ ProjectDirectory directory;

        project_directory_init(&directory);
        project_directory_add(&directory, name, text);
        return project_load(directory.fd, ret, fault);
}

static void
refuse(const char *name,
       const char *text,
       FaultCode code,
       const char *place,
       const char *sentence) {
        _cleanup_project_ Project project = {};
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(load(name, text, &project, &fault), EINVAL);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_STREQ(fault.subject, place);
        ASSERT_INT(fault.code, code);
}

static void
select_names(const Project *project,
             const char *extra,
             const char *group,
             bool no_default_groups,
             const char *wanted) {
        _cleanup_(strings_freep) char **extras = NULL, **groups = NULL;
        _cleanup_builder_ Builder found = {};
        ProjectSelection selection;

        if (extra)
                ASSERT_OK(strings_add(&extras, extra));
        if (group)
                ASSERT_OK(strings_add(&groups, group));
        ASSERT_OK(project_select(project, extras, groups, no_default_groups, &selection, NULL));
        builder_add(&found, "");
        for (size_t i = 0; i < selection.n_items; i++)
                builder_add_format(&found, "%s%s", i > 0 ? " " : "", selection.items[i]->name);
        free(selection.items);
        ASSERT_STREQ(found.data ?: "", wanted);
}

TEST(project_without_files_is_empty) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_project_ Project project = {};

        project_directory_init(&directory);
        ASSERT_OK(project_load(directory.fd, &project, NULL));
        ASSERT_INT(project.source, PROJECT_NONE);
        ASSERT_INT(project.n_requirements, 0);
        ASSERT_OK(project_load(-EBADF, &project, NULL));
}

TEST(pyproject_gives_name_python_and_requirements_with_their_lines) {
        _cleanup_project_ Project project = {};

        ASSERT_OK(load("pyproject.toml",
                       "[project]\n"
                       "name = \"My.Project\"\n"
                       "version = \"1.0-alpha.1\"\n"
                       "requires-python = \">=3.9\"\n"
                       "dependencies = [\n"
                       "  \"Requests[Socks]>=2\", # why\n"
                       "  'numpy; python_version > \"3\"',\n"
                       "]\n"
                       "[project.optional-dependencies]\n"
                       "Fast_Mode = ['orjson']\n",
                       &project,
                       NULL));
        ASSERT_INT(project.source, PROJECT_PYPROJECT);
        ASSERT_STREQ(project.name, "my-project");
        ASSERT_STREQ(project.version, "1.0a1");
        ASSERT_STREQ(project.requires_python, ">=3.9");
        ASSERT_STREQ(project.requires_python_origin, "pyproject.toml:4");
        ASSERT_INT(project.n_requirements, 3);
        ASSERT_STREQ(project.requirements[0].text, "Requests[Socks]>=2");
        ASSERT_STREQ(project.requirements[0].name, "requests");
        ASSERT_STREQ(project.requirements[0].extras[0], "socks");
        ASSERT_STREQ(project.requirements[0].origin, "pyproject.toml:6");
        ASSERT_STREQ(project.requirements[1].origin, "pyproject.toml:7");
        ASSERT_STREQ(project.requirements[2].extra, "fast-mode");
        ASSERT_STREQ(project.files[0], "pyproject.toml");
}

TEST(selection_takes_extras_groups_and_what_they_ask_of_the_project) {
        _cleanup_project_ Project project = {};
        _cleanup_fault_ Fault fault = {};
        _cleanup_(strings_freep) char **unknown = NULL;
        ProjectSelection selection;

        ASSERT_OK(load("pyproject.toml",
                       "[project]\nname = 'p'\nversion = '1'\ndependencies = ['base']\n"
                       "[project.optional-dependencies]\n"
                       "a = ['in-a', 'p[b]']\nb = ['in-b', 'P[A]']\nc = ['in-c']\n"
                       "[dependency-groups]\n"
                       "dev = ['in-dev', {include-group = 'Test_It'}]\n"
                       "test-it = ['in-test']\n"
                       "docs = ['p[c]']\n",
                       &project,
                       NULL));
        select_names(&project, NULL, NULL, false, "base in-dev in-test");
        select_names(&project, NULL, NULL, true, "base");
        select_names(&project, "A", NULL, true, "base in-a in-b");
        select_names(&project, NULL, "docs", true, "base in-c");
        select_names(&project, NULL, "test.it", true, "base in-test");

        ASSERT_OK(strings_add(&unknown, "none"));
        ASSERT_ERROR(project_select(&project, unknown, NULL, false, &selection, &fault), EINVAL);
        ASSERT_STREQ(fault.message, "The project has no extra 'none'.");
}

TEST(groups_that_include_themselves_are_refused) {
        refuse("pyproject.toml",
               "[dependency-groups]\na = [{include-group = 'b'}]\nb = [\n{include-group = 'A'}]\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:4",
               "The group 'a' includes itself through 'b'.");
        refuse("pyproject.toml",
               "[dependency-groups]\na = [{include-group = 'none'}]\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:2",
               "The group 'a' includes 'none', which does not exist.");
        refuse("pyproject.toml",
               "[dependency-groups]\na-a = []\nA_a = []\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:3",
               "'A_a' names a group that is already defined under another spelling.");
}

TEST(groups_that_double_are_bounded) {
        _cleanup_builder_ Builder text = {};
        _cleanup_project_ Project project = {};
        _cleanup_fault_ Fault fault = {};

        builder_add(&text, "[dependency-groups]\ng0 = []\n");
        for (int i = 1; i < 60; i++)
                builder_add_format(
                                &text,
                                "g%d = [{include-group='g%d'}, {include-group='g%d'}]\n",
                                i,
                                i - 1,
                                i - 1);
        ASSERT_ERROR(load("pyproject.toml", text.data, &project, &fault), EINVAL);
        ASSERT_INT(fault.code, FAULT_LIMIT_EXCEEDED);
}

TEST(pyproject_mistakes_have_place_and_sentence) {
        refuse("pyproject.toml",
               "[project\n",
               FAULT_PROJECT_SYNTAX,
               "pyproject.toml:1:9",
               "The header of a table must be closed by ']'.");
        refuse("pyproject.toml",
               "\n[project]\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:2",
               "The table [project] has no 'name'.");
        refuse("pyproject.toml",
               "[project]\nname = 'a'\ndependencies = 'numpy'\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:3",
               "'project.dependencies' must be an array, not this string.");
        refuse("pyproject.toml",
               "[project]\nname = 'a'\ndependencies = ['x @ https://index.example/x.whl']\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:3",
               "'x' is asked for from a URL; only packages from an index can be installed so far.");
        refuse("pyproject.toml",
               "[project]\nname = 'a'\nversion = 'one'\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:3",
               "'one' is not a version.");
        refuse("pyproject.toml",
               "[project]\nname = 'a b'\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:2",
               "'a b' is not a name for a project; letters, digits, '-', '_' and '.' make one.");
}

TEST(requirement_that_is_none_is_refused_with_its_line) {
        _cleanup_project_ Project project = {};
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(load("pyproject.toml",
                          "[project]\nname = 'a'\ndependencies = [\n'numpy >>= 3',\n]\n",
                          &project,
                          &fault),
                     EINVAL);
        ASSERT_STREQ(fault.subject, "pyproject.toml:4");
        ASSERT_INT(fault.code, FAULT_PROJECT_SYNTAX);
}

TEST(settings_have_type_value_and_line) {
        _cleanup_project_ Project project = {};
        const Setting *setting;

        ASSERT_OK(load("blast.toml",
                       "[env]\npython_version = \"3.11\"\nname = \"project_name\"\nversion = \"1.0.0\"\n"
                       "[sandbox.network]\nallowed_outbound_ports = [443, 80]\nallow_outbound = false\n"
                       "[sandbox.resources]\ncpu_limit = 150\nmemory_limit = 2147483648\n"
                       "[security]\ndefault_policy = 'strict'\n"
                       "[resolver]\nallow_prereleases = true\n",
                       &project,
                       NULL));
        ASSERT_STREQ(project.name, "project-name");
        ASSERT_STREQ(project.python, "3.11");
        ASSERT_STREQ(project.python_origin, "blast.toml:2");
        ASSERT_TRUE(project.allow_prereleases);
        setting = settings_find(&project.settings, "sandbox.network.allowed_outbound_ports");
        ASSERT_INT(setting->type, SETTING_STRINGS);
        ASSERT_STREQ(setting->strings[0], "443");
        ASSERT_INT(setting->line, 6);
        setting = settings_find(&project.settings, "sandbox.resources.cpu_limit");
        ASSERT_INT(setting->type, SETTING_FLOAT);
        ASSERT_TRUE(setting->number == 150.0);
        ASSERT_INT(settings_find(&project.settings, "sandbox.resources.memory_limit")->integer,
                   2147483648);
        ASSERT_STREQ(settings_find(&project.settings, "security.default_policy")->string, "strict");
}

TEST(settings_unknown_or_out_of_range_are_refused) {
        refuse("blast.toml",
               "[sandbox.resources]\nmemory_limt = 1\n",
               FAULT_PROJECT_UNKNOWN_KEY,
               "blast.toml:2",
               "'sandbox.resources.memory_limt' is not a key that Blast knows.");
        refuse("blast.toml",
               "[resolver]\nrequest_timeout = 0\n",
               FAULT_PROJECT_INVALID,
               "blast.toml:2",
               "'resolver.request_timeout' must be an integer from 1 to 3600, not 0.");
        refuse("blast.toml",
               "[container]\nisolation_level = 'vm'\n",
               FAULT_PROJECT_INVALID,
               "blast.toml:2",
               "'container.isolation_level' must be one of \"process\", \"namespace\", \"container\", not \"vm\".");
        refuse("blast.toml",
               "env = 3\n",
               FAULT_PROJECT_INVALID,
               "blast.toml:1",
               "'env' must be a table, not an integer.");
        refuse("blast.toml",
               "[monitor]\nwatch_paths = ['../x']\n",
               FAULT_PROJECT_INVALID,
               "blast.toml:2",
               "'monitor.watch_paths' must be a list in which each item is a path below the project, not an array.");
        refuse("pyproject.toml",
               "[tool.blast.cache]\nttl = 'x'\n",
               FAULT_PROJECT_INVALID,
               "pyproject.toml:2",
               "'tool.blast.cache.ttl' must be an integer from 0 to 31536000, not \"x\".");
        refuse("blast.toml",
               "'\\u001b[2J' = 1\n\"\\u001b[2J\" = 1\n",
               FAULT_PROJECT_UNKNOWN_KEY,
               "blast.toml:1",
               "'\\u001b[2J' is not a key that Blast knows.");
        refuse("blast.toml",
               "\"\\u001b[2J\" = 1\n",
               FAULT_PROJECT_UNKNOWN_KEY,
               "blast.toml:1",
               "'?[2J' is not a key that Blast knows.");
}

static void suggest(const char *text, const char *wanted) {
        _cleanup_project_ Project project = {};
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(load("blast.toml", text, &project, &fault), EINVAL);
        ASSERT_INT(fault.code, FAULT_PROJECT_UNKNOWN_KEY);
        ASSERT_STREQ(fault.hint, wanted);
}

TEST(unknown_key_suggests_the_nearest) {
        suggest("[sandbox.resources]\nmemory_limt = 1\n",
                "Did you mean 'sandbox.resources.memory_limit'?");
        suggest("[sandbox]\nmemory_limit = 1\n", "Did you mean 'sandbox.resources.memory_limit'?");
        suggest("[sandbx]\nx = 1\n", "Did you mean 'sandbox'?");
        suggest("[sandbox.netwrk]\nx = 1\n", "Did you mean 'sandbox.network'?");
        suggest("nothing-like-it = 1\n", NULL);
        suggest("\"env.name\" = 'x'\n", "Did you mean 'env.name'?");
}

TEST(settings_are_all_in_the_documentation) {
        _cleanup_(freep) char *document = NULL;
        const char *key;
        char *rule;
        size_t n = 0, size;

        if (!*BLAST_SOURCE_DIR) {
                test_skip("not built in developer mode");
                return;
        }
        ASSERT_OK(
                        file_read_at(open(BLAST_SOURCE_DIR "/docs", O_PATH | O_CLOEXEC),
                                     "settings.md",
                                     1024 * 1024,
                                     &document,
                                     &size));
        while (project_settings_describe(n, &key, &rule) > 0) {
                char row[512];

                (void) snprintf(row, sizeof(row), "\n| `%s` | %s |\n", key, rule);
                if (!strstr(document, row))
                        test_fail(__FILE__,
                                  __LINE__,
                                  "docs/settings.md has no row for %s: %s",
                                  key,
                                  rule);
                free(rule);
                n++;
        }
        ASSERT_TRUE(n >= 50);
}

TEST(blast_toml_wins_over_pyproject_and_python_version_over_both) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_project_ Project project = {};

        project_directory_init(&directory);
        project_directory_add(
                        &directory,
                        "pyproject.toml",
                        "[project]\nname = 'a'\n[tool.blast.env]\nname = 'b'\npython_version = '3.9'\n");
        project_directory_add(
                        &directory, "blast.toml", "[env]\nname = 'c'\npython_version = '3.10'\n");
        project_directory_add(&directory, "requirements.txt", "numpy\n");
        ASSERT_OK(project_load(directory.fd, &project, NULL));
        ASSERT_STREQ(project.name, "a");
        ASSERT_STREQ(project.python, "3.10");
        ASSERT_STREQ(settings_find(&project.settings, "env.name")->string, "c");
        ASSERT_INT(project.n_requirements, 0);
        ASSERT_STREQ(project.warnings[0],
                     "requirements.txt is not read, because pyproject.toml names the requirements.");

        project_done(&project);
        project_directory_add(&directory, ".python-version", "# pinned\n\n3.12\n");
        ASSERT_OK(project_load(directory.fd, &project, NULL));
        ASSERT_STREQ(project.python, "3.12");
        ASSERT_STREQ(project.python_origin, ".python-version:3");
}

TEST(dynamic_dependencies_come_from_requirements) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_project_ Project project = {};

        project_directory_init(&directory);
        project_directory_add(
                        &directory,
                        "pyproject.toml",
                        "[project]\nname = 'a'\ndynamic = ['version', 'dependencies']\n");
        project_directory_add(&directory, "requirements.txt", "numpy\n");
        ASSERT_OK(project_load(directory.fd, &project, NULL));
        ASSERT_INT(project.n_requirements, 1);
        ASSERT_INT(project.source, PROJECT_PYPROJECT);
        ASSERT_INT(strings_count(project.warnings), 1);
}

TEST(table_of_uv_is_honoured) {
        _cleanup_project_ Project project = {};

        ASSERT_OK(load("pyproject.toml",
                       "[project]\nname = 'a'\n[tool.uv]\ndev-dependencies = ['pytest']\n"
                       "constraint-dependencies = ['numpy<2']\nprerelease = 'allow'\n"
                       "[[tool.uv.index]]\nurl = 'https://extra.example/simple'\n"
                       "[[tool.uv.index]]\nurl = 'https://index.example/simple'\ndefault = true\n"
                       "[[tool.uv.index]]\nurl = 'https://other.example/simple'\nexplicit = true\n",
                       &project,
                       NULL));
        select_names(&project, NULL, NULL, false, "pytest numpy");
        ASSERT_TRUE(project.requirements[1].is_constraint);
        ASSERT_TRUE(project.allow_prereleases);
        ASSERT_STREQ(project.index_url, "https://index.example/simple");
        ASSERT_INT(strings_count(project.extra_index_urls), 1);
}

TEST(file_that_is_a_link_is_refused) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_project_ Project project = {};
        _cleanup_fault_ Fault fault = {};

        project_directory_init(&directory);
        ASSERT_OK(symlinkat("/etc/passwd", directory.fd, "requirements.txt"));
        ASSERT_ERROR(project_load(directory.fd, &project, &fault), EINVAL);
        ASSERT_STREQ(fault.subject, "requirements.txt");
}
