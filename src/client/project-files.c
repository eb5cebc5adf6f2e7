// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "client/project-files.h"

/* The mode of the file that is there, or what a new one gets. */
static mode_t file_mode(int directory_fd, const char *name) {
        struct stat status;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) >= 0 &&
            S_ISREG(status.st_mode))
                return status.st_mode & 0777;
        return 0644;
}

static int write_file(Client *client, const TextFile *file) {
        struct stat status;
        int r;

        if (*file->name == '.' || *file->name == '\0' || strchr(file->name, '/'))
                return fault_set(
                                &client->fault,
                                -EPERM,
                                FAULT_INTERNAL,
                                NULL,
                                "The service wanted to write '%s', which is no file of a project.",
                                file->name);
        if (fstatat(client->project_fd, file->name, &status, AT_SYMLINK_NOFOLLOW) >= 0 &&
            !S_ISREG(status.st_mode))
                return fault_set(
                                &client->fault,
                                -EEXIST,
                                FAULT_PROJECT_INVALID,
                                file->name,
                                "%s is not a regular file, so it is not replaced.",
                                file->name);
        r =
                        file_replace_at(client->project_fd,
                                        file->name,
                                        file->text,
                                        strlen(file->text),
                                        file_mode(client->project_fd, file->name));
        if (r < 0)
                return fault_set(
                                &client->fault,
                                r,
                                fault_code_from_errno(r),
                                file->name,
                                "%s cannot be written: %s.",
                                file->name,
                                strerror(-r));
        return 0;
}

int project_files_write(Client *client, const JobResult *result) {
        int r;

        if (client->is_dry_run)
                return 0;
        for (size_t i = 0; i < result->n_files; i++) {
                r = write_file(client, &result->files[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Ours are all alike: <state>/environments/<id>/current. */
static bool is_our_link(const char *target) {
        return strstr(target, "/environments/") && text_ends_with(text_of(target), "/current");
}

int project_link_venv_to(Client *client, const char *prefix) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(client->project_fd, ".venv", target, sizeof(target) - 1);
        int r;

        if (n < 0 && errno != ENOENT) {
                show_warning(&client->show,
                             ".venv is not a link of blast, so it is left alone; the environment is at %s.",
                             prefix);
                return 0;
        }
        target[MAX(n, 0)] = '\0';
        if (n >= 0 && streq(target, prefix))
                return 0;
        if (n >= 0 && !is_our_link(target)) {
                show_warning(&client->show,
                             ".venv leads to %s, so it is left alone; the environment is at %s.",
                             target,
                             prefix);
                return 0;
        }
        r = link_replace_at(client->project_fd, ".venv", prefix);
        if (r < 0) /* a project that cannot be written to still runs */
                show_warning(&client->show,
                             ".venv cannot be made (%s); the environment is at %s.",
                             strerror(-r),
                             prefix);
        return 0;
}

int project_link_venv(Client *client) {
        _cleanup_(freep) char *prefix = NULL;
        int r;

        r = client_property_string(client, client->environment, "Environment.Prefix", &prefix);
        return r < 0 ? r : project_link_venv_to(client, prefix);
}
