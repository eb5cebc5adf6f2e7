// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "package/requirements-file.h"
#include "project-directory.h"
#include "test.h"

static int load(const char *text, RequirementsFile *ret, Fault *fault) {
        _cleanup_project_directory_ ProjectDirectory directory;

        project_directory_init(&directory);
        project_directory_add(&directory, "requirements.txt", text);
        return requirements_file_load(directory.fd, "requirements.txt", ret, fault);
}

static void refuse(const char *text, const char *place, const char *sentence) {
        _cleanup_requirements_file_ RequirementsFile file = {};
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(load(text, &file, &fault), EINVAL);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_STREQ(fault.subject, place);
}

static void assert_line(const RequirementsFile *file, size_t i, uint32_t line, const char *text) {
        ASSERT_TRUE(i < file->n_lines);
        ASSERT_STREQ(file->lines[i].text, text);
        ASSERT_INT(file->lines[i].line, line);
}

TEST(lines_are_joined_and_comments_cut) {
        _cleanup_requirements_file_ RequirementsFile file = {};

        ASSERT_OK(load("\xef\xbb\xbf# first\n"
                       "\n"
                       "numpy # why\r\n"
                       "requests \\\n"
                       "  >=2 \\\n"
                       "  ; python_version > '3'\n"
                       "a#b\n"
                       "flask \\\n"
                       "# ends it\n"
                       "rich\\\n",
                       &file,
                       NULL));
        assert_line(&file, 0, 3, "numpy");
        assert_line(&file, 1, 4, "requests   >=2   ; python_version > '3'");
        assert_line(&file, 2, 7, "a#b");
        assert_line(&file, 3, 8, "flask");
        assert_line(&file, 4, 10, "rich");
        ASSERT_INT(file.n_lines, 5);
}

TEST(options_are_taken) {
        _cleanup_requirements_file_ RequirementsFile file = {};

        ASSERT_OK(load("--index-url https://index.example/simple\n"
                       "--extra-index-url=https://extra.example/simple\n"
                       "-f ./wheels\n"
                       "--find-links \"my wheels\"\n"
                       "--no-index\n--pre\n--require-hashes\n"
                       "--trusted-host index.example\n",
                       &file,
                       NULL));
        ASSERT_STREQ(file.index_url, "https://index.example/simple");
        ASSERT_STREQ(file.extra_index_urls[0], "https://extra.example/simple");
        ASSERT_STREQ(file.find_links[0], "./wheels");
        ASSERT_STREQ(file.find_links[1], "my wheels");
        ASSERT_TRUE(file.no_index && file.allow_prereleases && file.require_hashes);
        ASSERT_STREQ(file.warnings[0],
                     "requirements.txt:8: the option '--trusted-host' has no effect here.");
}

TEST(hashes_belong_to_their_requirement) {
        _cleanup_requirements_file_ RequirementsFile file = {};

        ASSERT_OK(load("numpy==1.0 \\\n"
                       "  --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \\\n"
                       "  --hash sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
                       &file,
                       NULL));
        assert_line(&file, 0, 1, "numpy==1.0");
        ASSERT_INT(strings_count(file.lines[0].hashes), 2);
        refuse("numpy --hash=sha256:12\n",
               "requirements.txt:1",
               "'sha256:12' is not a hash like sha256:0123…");
        refuse("numpy --hash=sha512:12\n",
               "requirements.txt:1",
               "'sha256' is the kind of hash that is needed here; the line has only others.");
}

TEST(files_are_included_beneath_the_directory) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_requirements_file_ RequirementsFile file = {};
        _cleanup_close_ int sub = -EBADF;

        project_directory_init(&directory);
        sub = directory_open_or_make(directory.fd, "sub", 0755);
        ASSERT_OK(sub);
        project_directory_add(
                        &directory, "requirements.txt", "-r sub/more.txt\n-c limits.txt\nflask\n");
        project_directory_add(&directory, "limits.txt", "flask<3\n");
        ASSERT_OK(file_replace_at(sub, "more.txt", "numpy\n-r ../base.txt\n", 21, 0644));
        project_directory_add(&directory, "base.txt", "\nrich\n");
        ASSERT_OK(requirements_file_load(directory.fd, "requirements.txt", &file, NULL));
        assert_line(&file, 0, 1, "numpy");
        ASSERT_STREQ(file.lines[0].file, "sub/more.txt");
        assert_line(&file, 1, 2, "rich");
        ASSERT_STREQ(file.lines[1].file, "base.txt");
        ASSERT_TRUE(file.lines[2].is_constraint);
        assert_line(&file, 3, 3, "flask");
        ASSERT_INT(strings_count(file.files), 4);
}

TEST(include_of_itself_is_refused) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_requirements_file_ RequirementsFile file = {};
        _cleanup_fault_ Fault fault = {};

        project_directory_init(&directory);
        project_directory_add(&directory, "requirements.txt", "-r a.txt\n");
        project_directory_add(&directory, "a.txt", "-r ./requirements.txt\n");
        ASSERT_ERROR(requirements_file_load(directory.fd, "requirements.txt", &file, &fault),
                     ELOOP);
        ASSERT_STREQ(fault.subject, "a.txt:1");
}

TEST(what_is_from_no_index_is_refused_with_a_reason) {
        refuse("numpy\n-e .\n",
               "requirements.txt:2",
               "'.' is asked for as an editable install, which needs a build; Blast cannot do that yet.");
        refuse("./local\n",
               "requirements.txt:1",
               "'./local' is a path; only packages from an index can be installed so far.");
        refuse("git+https://host.example/x\n",
               "requirements.txt:1",
               "'git+https://host.example/x' is a repository; only packages from an index can be installed so far.");
        refuse("x-1.0.tar.gz\n",
               "requirements.txt:1",
               "'x-1.0.tar.gz' is a file; only packages from an index can be installed so far.");
        refuse("-r ../up.txt\n",
               "requirements.txt:1",
               "'../up.txt' cannot be included: it lies outside of the project directory.");
        refuse("-r /etc/passwd\n",
               "requirements.txt:1",
               "'/etc/passwd' cannot be included: only files below the project directory can.");
        refuse("-r none.txt\n", "requirements.txt:1", "'none.txt' does not exist.");
        refuse("--what\n",
               "requirements.txt:1",
               "'--what' is not an option that may stand in a requirements file.");
        refuse("-r\n", "requirements.txt:1", "'-r' needs a value.");
        refuse("--index-url https://${TOKEN}@index.example/\n",
               "requirements.txt:1",
               "'--index-url https://${TOKEN}@index.example/' uses an environment variable, which is not put in here.");
        refuse("numpy\n\xff\n", "requirements.txt:2", "The text is not UTF-8.");
}

TEST(file_that_is_absent_is_no_fault) {
        _cleanup_project_directory_ ProjectDirectory directory;
        _cleanup_requirements_file_ RequirementsFile file = {};
        _cleanup_fault_ Fault fault = {};

        project_directory_init(&directory);
        ASSERT_ERROR(requirements_file_load(directory.fd, "requirements.txt", &file, &fault),
                     ENOENT);
        ASSERT_FALSE(fault_is_set(&fault));
}
