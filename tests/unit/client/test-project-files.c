// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <unistd.h>

#include "basic/file.h"
#include "client/project-files.h"
#include "test.h"

#define PREFIX "/home/user/.local/state/blast/environments/0123456789abcdef/current"

/* A client in a project directory of its own. */
static void begin(Client *client) {
        static char path[64];

        client_init(client);
        client->show.is_quiet = true;
        (void) snprintf(path, sizeof(path), "/tmp/blast-test-project-XXXXXX");
        client->project_path = strdup(mkdtemp(path));
        ASSERT_NOT_NULL(client->project_path);
        client->project_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(client->project_fd >= 0);
        /* Warnings are the point of some tests, but not to be read here. */
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        ASSERT_OK(dup2(null, STDERR_FILENO));
        (void) close(null);
}

static void end(Client *client) {
        (void) tree_remove_at(AT_FDCWD, client->project_path);
        client_done(client);
}

#define _cleanup_project_ _cleanup_(end)

static void put(const Client *client, const char *name, const char *text, mode_t mode) {
        ASSERT_OK(file_replace_at(client->project_fd, name, text, strlen(text), mode));
}

static void assert_holds(const Client *client, const char *name, const char *wanted) {
        _cleanup_(freep) char *text = NULL;
        size_t size;

        ASSERT_OK(file_read_at(client->project_fd, name, 4096, &text, &size));
        ASSERT_STREQ(text, wanted);
}

static void assert_leads(const Client *client, const char *wanted) {
        char target[4096] = {};

        ASSERT_TRUE(readlinkat(client->project_fd, ".venv", target, sizeof(target) - 1) > 0);
        ASSERT_STREQ(target, wanted);
}

static JobResult result_with(TextFile *files, size_t n_files) {
        return (JobResult){ .files = files, .n_files = n_files };
}

TEST(files_are_written_and_keep_their_mode) {
        _cleanup_project_ Client client;
        TextFile files[] = { { (char *) "pylock.toml", (char *) "new\n" },
                             { (char *) "pyproject.toml", (char *) "changed\n" } };
        const JobResult result = result_with(files, 2);
        struct stat status;

        begin(&client);
        put(&client, "pyproject.toml", "old\n", 0640);
        ASSERT_OK(project_files_write(&client, &result));
        assert_holds(&client, "pylock.toml", "new\n");
        assert_holds(&client, "pyproject.toml", "changed\n");
        ASSERT_INT(fstatat(client.project_fd, "pyproject.toml", &status, 0), 0);
        ASSERT_INT(status.st_mode & 0777, 0640);
        ASSERT_INT(fstatat(client.project_fd, "pylock.toml", &status, 0), 0);
        ASSERT_INT(status.st_mode & 0777, 0644);
}

TEST(dry_run_writes_nothing) {
        _cleanup_project_ Client client;
        TextFile file = { (char *) "pylock.toml", (char *) "new\n" };
        const JobResult result = result_with(&file, 1);

        begin(&client);
        client.is_dry_run = true;
        ASSERT_OK(project_files_write(&client, &result));
        ASSERT_INT(faccessat(client.project_fd, "pylock.toml", F_OK, 0), -1);
}

TEST(link_and_directory_are_not_replaced_by_a_file) {
        _cleanup_project_ Client client;
        TextFile file = { (char *) "pylock.toml", (char *) "new\n" };
        const JobResult result = result_with(&file, 1);

        begin(&client);
        put(&client, "target", "kept\n", 0600);
        ASSERT_INT(symlinkat("target", client.project_fd, "pylock.toml"), 0);
        ASSERT_ERROR(project_files_write(&client, &result), EEXIST);
        ASSERT_STREQ(client.fault.subject, "pylock.toml");
        assert_holds(&client, "target", "kept\n");

        ASSERT_INT(unlinkat(client.project_fd, "pylock.toml", 0), 0);
        ASSERT_INT(mkdirat(client.project_fd, "pylock.toml", 0700), 0);
        ASSERT_ERROR(project_files_write(&client, &result), EEXIST);
}

/* The names come from the service: whatever it says, nothing is written elsewhere. */
TEST(name_that_leaves_the_project_is_refused) {
        _cleanup_project_ Client client;
        TextFile file = { (char *) "../blast-test-escaped", (char *) "new\n" };
        const JobResult result = result_with(&file, 1);

        begin(&client);
        ASSERT_TRUE(project_files_write(&client, &result) < 0);
        ASSERT_INT(access("/tmp/blast-test-escaped", F_OK), -1);
}

TEST(venv_is_made_and_follows_its_environment) {
        _cleanup_project_ Client client;

        begin(&client);
        ASSERT_OK(project_link_venv_to(&client, PREFIX));
        assert_leads(&client, PREFIX);
        ASSERT_OK(project_link_venv_to(&client, PREFIX));
        ASSERT_OK(project_link_venv_to(&client, "/other/environments/1/current"));
        assert_leads(&client, "/other/environments/1/current");
}

TEST(venv_that_leads_elsewhere_stays) {
        static const char *const targets[] = {
                "/somewhere/else", "/environments/x", "current", "../environments/a/current/bin"
        };

        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                _cleanup_project_ Client client;
                begin(&client);
                ASSERT_INT(symlinkat(targets[i], client.project_fd, ".venv"), 0);
                ASSERT_OK(project_link_venv_to(&client, PREFIX));
                assert_leads(&client, targets[i]);
        }
}

TEST(venv_that_is_a_directory_or_a_file_stays) {
        _cleanup_project_ Client client;
        struct stat status;

        begin(&client);
        ASSERT_INT(mkdirat(client.project_fd, ".venv", 0700), 0);
        ASSERT_OK(project_link_venv_to(&client, PREFIX));
        ASSERT_INT(fstatat(client.project_fd, ".venv", &status, AT_SYMLINK_NOFOLLOW), 0);
        ASSERT_TRUE(S_ISDIR(status.st_mode));

        ASSERT_INT(unlinkat(client.project_fd, ".venv", AT_REMOVEDIR), 0);
        put(&client, ".venv", "mine\n", 0600);
        ASSERT_OK(project_link_venv_to(&client, PREFIX));
        assert_holds(&client, ".venv", "mine\n");
}

TEST(project_that_cannot_be_written_is_no_failure) {
        _cleanup_project_ Client client;

        begin(&client);
        (void) fd_close(client.project_fd);
        client.project_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ASSERT_TRUE(client.project_fd >= 0);
        ASSERT_OK(project_link_venv_to(&client, PREFIX));
}
