// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "client/client.h"

void client_init(Client *client) {
        *client = (Client){ .project_fd = -EBADF };
}

void client_done(Client *client) {
        client->bus = sd_bus_flush_close_unref(client->bus);
        client->event = sd_event_unref(client->event);
        client->project_fd = fd_close(client->project_fd);
        free(client->project_path);
        free(client->environment);
        (void) strings_free(client->groups);
        (void) strings_free(client->extras);
        (void) strings_free(client->extra_index_urls);
        (void) strings_free(client->find_links);
        (void) strings_free(client->variables);
        client_settings_done(&client->settings);
        fault_done(&client->fault);
}

/* As git's safe.directory: a colon-separated list of resolved paths, or "*". */
static bool is_declared_safe(const char *path) {
        Text rest = text_of(getenv("BLAST_SAFE_DIRECTORY") ?: ""), part;

        while (text_cut(&rest, ':', &part))
                if (text_equals_string(part, "*") || text_equals_string(part, path))
                        return true;
        return false;
}

/* What another user put into a project becomes our packages, our settings, and by .venv/bin/python
 * programs of ours without any wall. Root's directories are as good as our own. */
static int check_owner(Client *client) {
        struct stat status;

        if (fstat(client->project_fd, &status) < 0)
                return -errno;
        if (status.st_uid == geteuid() || (status.st_uid == 0 && !(status.st_mode & S_IWOTH)) ||
            is_declared_safe(client->project_path))
                return 0;
        (void) fault_set(
                        &client->fault,
                        -EPERM,
                        FAULT_ACCESS_DENIED,
                        client->project_path,
                        status.st_uid == 0
                                        ? "Everybody can write in '%s', so it is no project of yours (user %u)."
                                        : "'%s' belongs to user %u, not to you.",
                        client->project_path,
                        (unsigned) (status.st_uid == 0 ? geteuid() : status.st_uid));
        fault_hint(&client->fault,
                   "If you trust everybody who can write there, say so: BLAST_SAFE_DIRECTORY='%s'.",
                   client->project_path);
        return -EPERM;
}

int client_open_project(Client *client) {
        const char *path = client->project ?: ".";

        if (client->project_fd >= 0)
                return 0;
        client->project_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (client->project_fd < 0)
                return fault_set(
                                &client->fault,
                                -errno,
                                FAULT_PROJECT_INVALID,
                                path,
                                "The project directory '%s' cannot be opened: %s.",
                                path,
                                strerror(errno));
        client->project_path = realpath(path, NULL);
        return client->project_path ? check_owner(client) : -errno;
}

static int lay_over(Client *client, const char *key, const char *value, const char *option) {
        if (!value)
                return 0;
        return client_settings_set(&client->settings, key, value, option, &client->fault);
}

int client_load_settings(Client *client) {
        int r;

        if (client->has_settings)
                return 0;
        r = client_settings_load(&client->settings, &client->fault);
        if (r < 0)
                return r;
        client->has_settings = true;
        r = lay_over(client, "index-url", client->index_url, "--index-url");
        if (r < 0)
                return r;
        r = lay_over(client, "offline", client->is_offline ? "true" : NULL, "--offline");
        if (r < 0)
                return r;
        FOREACH_TEXT(url, client->extra_index_urls) {
                r = lay_over(client, "extra-index-urls", url, "--extra-index-url");
                if (r < 0)
                        return r;
        }
        FOREACH_TEXT(place, client->find_links) {
                r = lay_over(client, "find-links", place, "--find-links");
                if (r < 0)
                        return r;
        }
        if (client->is_verbose)
                FOREACH_TEXT(warning, client->settings.warnings)
                        show_warning(&client->show, "%s", warning);
        return 0;
}
